// SPDX-License-Identifier: Apache-2.0
//
// The last good state, so that a reload without a server shows figures with their age instead of nothing. A full or forbidden
// store is no fault of the board: it then simply starts empty.

const KEY = 'zhangban.board';

export function load(period) {
  try {
    const s = JSON.parse(localStorage.getItem(KEY));
    return s && s.boards && (!period || s.period === period) ? s : null;
  } catch {
    return null;
  }
}

export function save(state) {
  try {
    localStorage.setItem(KEY, JSON.stringify(state));
  } catch {
    // nothing to do
  }
}
