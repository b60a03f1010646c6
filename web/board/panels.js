// SPDX-License-Identifier: Apache-2.0
//
// The three panels beside the ranking: totals, newest events, weeks of the year.
import { $, EASE, el, setText, still } from './dom.js';
import { KINDS, NONE, count, eventTime, isoDay, rateNumber, weekKind } from './words.js';

const EVENTS_SHOWN = 5;
const WEEK_WORDS = { overdue: '有逾期', soon: '有3个工作日内到期', done: '全部办结', none: '没有到期任务' };

export function showTotals(totals) {
  for (const b of document.querySelectorAll('[data-total]')) {
    const v = totals?.[b.dataset.total];
    const text = b.dataset.total === 'on_time_rate' ? rateNumber(v) : count(v);
    setText(b, text);
    b.nextElementSibling.hidden = text === NONE;
    b.parentElement.classList.toggle('long', text.length > 5);
  }
}

const eventKey = (e) => `${e.at} ${e.kind} ${e.task}`;

function eventItem(e, now, nameOf) {
  const item = el('li');
  item.dataset.key = eventKey(e);
  const time = el('time', '', eventTime(Date.parse(e.at), now));
  time.dateTime = e.at;
  const what = el('span', 'what');
  const unit = nameOf(e.unit ?? '');
  if (unit) what.append(el('b', '', unit));
  what.append(e.title ?? '');
  what.title = `${unit} ${e.title ?? ''}`;
  item.append(time, el('span', `kind ${e.kind}`, KINDS[e.kind] ?? '动态'), what);
  return item;
}

// The newest comes in from above and pushes the rest down.
export function showEvents(board, now, nameOf) {
  const list = $('events');
  const events = (board?.events ?? []).slice(0, EVENTS_SHOWN);
  setText($('events-today'), board ? `今日 ${board.events_today ?? 0} 条` : '');
  const keys = `${isoDay(now)} ${events.map(eventKey).join()}`;
  if (list.dataset.keys === keys) return;
  const had = [...list.children].map((c) => c.dataset.key);
  list.dataset.keys = keys;
  if (!events.length) {
    list.replaceChildren(el('li', 'none', board ? '今天还没有动态' : '暂无数据'));
    return;
  }
  list.replaceChildren(...events.map((e) => eventItem(e, now, nameOf)));
  const fresh = events.findIndex((e) => had.includes(eventKey(e)));
  if (fresh <= 0 || still()) return;
  const shift = list.firstElementChild.offsetHeight * fresh;
  [...list.children].forEach((item, i) => {
    const frames = [
      { transform: `translateY(${-shift}px)`, opacity: i < fresh ? 0 : 1 },
      { transform: 'none', opacity: 1 },
    ];
    item.animate(frames, { duration: 480, easing: EASE });
  });
}

const firstOfMonth = (from) => {
  // The month whose 1st lies in the seven days from `from` (ISO day), or 0.
  for (let d = 0; d < 7; d++) {
    const day = new Date(Date.parse(`${from}T00:00:00Z`) + d * 86400e3);
    if (day.getUTCDate() === 1) return day.getUTCMonth() + 1;
  }
  return 0;
};

export function showWeeks(weeks, now) {
  const strip = $('weeks');
  const today = isoDay(now);
  const key = `${today} ${JSON.stringify(weeks ?? null)}`;
  if (strip.dataset.key === key) return;
  strip.dataset.key = key;
  strip.replaceChildren();
  if (!weeks?.length) return;
  strip.style.setProperty('--weeks', weeks.length);
  let month;
  let last = 0;
  const said = [];
  weeks.forEach((w, i) => {
    const starts = firstOfMonth(w.from);
    const nextYear = starts === 1 && i > 0;
    if ((starts && !nextYear) || !month) {
      last = starts || Number(w.from.slice(5, 7));
      month = el('div', 'month');
      const label = el('span', 'label', `${last}月`);
      label.style.gridColumn = `${i + 1} / span ${Math.min(3, weeks.length - i)}`;
      month.append(label);
      strip.append(month);
    }
    const kind = weekKind(w);
    const now7 = w.from <= today && today < isoDay(Date.parse(`${w.from}T00:00:00+08:00`) + 7 * 86400e3);
    const cell = el('span', `week ${kind}${now7 ? ' now' : ''}`, w.due ? String(w.due) : '');
    cell.style.gridColumn = i + 1;
    month.append(cell);
    if (kind === 'overdue' || kind === 'soon' || now7) said.push(`${w.from}起一周${w.due}项${WEEK_WORDS[kind] ?? '待办'}`);
  });
  strip.setAttribute('aria-label', `全年到期任务分布。${said.join('，')}`);
}
