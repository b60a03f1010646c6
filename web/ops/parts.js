// SPDX-License-Identifier: Apache-2.0
//
// Small pieces of the page: elements from a short description, chips with their shape, meters, rows of facts.
import { el, icon } from '../board/dom.js';
import { LIGHTS, STATES, isDead } from './words.js';

export { $, el, icon, setText } from '../board/dom.js';

// h('p', 'soft', 'text', child, …): an element with what is in it.
export function h(tag, className, ...inside) {
  const e = el(tag, className ?? '');
  for (const x of inside.flat()) if (x !== null && x !== undefined && x !== false) e.append(x);
  return e;
}

export function button(text, className, press) {
  const b = h('button', className, text);
  b.type = 'button';
  b.addEventListener('click', press);
  return b;
}

export function link(text, href, className = '') {
  const a = h('a', className, text);
  a.href = href;
  return a;
}

export const providerState = (p) => {
  const light = LIGHTS[p.state] ?? 'none';
  return h('span', `state ${light}`, icon(`s-${light}`), p.state_text);
};

export const deliveryState = (state) =>
  h('span', `tag ${isDead(state) ? 'dead' : state === 'delivered' ? 'done-well' : ''}`, STATES[state] ?? state);

export function meter(part, whole) {
  const m = h('span', 'meter', h('i'));
  const share = whole > 0 ? Math.min(1, part / whole) : 0;
  m.firstChild.style.width = `${share * 100}%`;
  if (share >= 0.95) m.classList.add('full');
  m.setAttribute('aria-hidden', 'true');
  return m;
}

export const facts = (pairs) =>
  h('dl', 'facts', pairs.filter(([, v]) => v !== null && v !== undefined && v !== '').flatMap(([k, v]) => [h('dt', '', k), h('dd', '', v)]));

// A field with its label above it.
export function field(label, input, hint) {
  const box = h('label', 'field', h('span', '', label, hint ? h('em', '', hint) : null), input);
  return box;
}

// The same content is not drawn again, so that a reader or a focus on it is not disturbed.
export function redraw(box, key, make) {
  if (box.dataset.key === key) return;
  const had = box.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
  box.dataset.key = key;
  box.replaceChildren(...[make()].flat());
  if (had) box.querySelector(`[data-focus="${CSS.escape(had)}"]`)?.focus();
}
