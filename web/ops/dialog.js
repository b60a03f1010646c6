// SPDX-License-Identifier: Apache-2.0
//
// The dialog of an act: names the object, asks for the reason, for destructive ones the last four characters of its name; the button says
// the act. What the server refuses is said inside, and what was typed stays.
import { $, button, facts, field, h } from './parts.js';

const dialog = $('act');
const form = $('act-form');
let busy = false;

function invalid(input, text) {
  input.setAttribute('aria-invalid', 'true');
  const had = input.parentElement.querySelector('.wrong');
  const note = had ?? h('p', 'wrong');
  note.id = `${input.id}-wrong`;
  note.textContent = text;
  input.setAttribute('aria-describedby', note.id);
  if (!had) input.after(note);
  input.focus();
}

function valid(input) {
  input.removeAttribute('aria-invalid');
  input.parentElement?.querySelector('.wrong')?.remove();
}

// a: {title, say, facts, reason, four, act, danger}; run(reason) does it. Resolves when it was done; null: closed without.
export function askAct(a, run) {
  return new Promise((resolve) => {
    const title = h('h2', '', a.title);
    title.id = 'act-title';
    const reason = document.createElement('textarea');
    Object.assign(reason, { id: 'act-reason', maxLength: 200, required: true });
    const four = document.createElement('input');
    Object.assign(four, { id: 'act-four', autocomplete: 'off', spellcheck: false });
    const wrong = h('p', 'wrong');
    wrong.setAttribute('role', 'alert');
    const go = h('button', `button ${a.danger ? 'danger' : ''}`, a.act);
    go.type = 'submit';
    const close = button('返回', 'button quiet', () => dialog.close());
    form.replaceChildren(
      ...[
        title,
        h('p', '', a.say),
        facts(a.facts),
        a.reason ? field('原因', reason, '必填，记入审计') : null,
        a.four ? field(`输入最后4位「${a.four}」确认`, four, '必填') : null,
        wrong,
        h('div', 'acts', close, go),
      ].filter(Boolean),
    );
    for (const x of [reason, four]) x.addEventListener('input', () => valid(x));
    let result = null;
    form.onsubmit = async (e) => {
      e.preventDefault();
      if (busy) return;
      for (const x of [reason, four]) valid(x);
      const why = reason.value.trim().replace(/\s+/g, ' ');
      if (a.four && four.value.trim() !== a.four) invalid(four, `请输入「${a.four}」，与上面的对象一致。`);
      if (a.reason && why.length < 2) invalid(reason, '请写明原因，至少2个字。');
      if (form.querySelector('[aria-invalid]')) return;
      busy = true;
      go.disabled = true;
      go.textContent = '正在执行…';
      wrong.textContent = '';
      try {
        result = await run(why);
        dialog.close();
      } catch (error) {
        wrong.textContent = error.code && typeof error.code === 'string' ? error.message : '没有收到服务器确认，请先核对当前状态，再决定是否重试。';
        go.disabled = false;
        go.textContent = a.act;
        go.focus();
      } finally {
        busy = false;
      }
    };
    dialog.onclose = () => {
      form.replaceChildren();
      resolve(result);
    };
    dialog.showModal();
    (a.reason ? reason : a.four ? four : go).focus();
  });
}
