// SPDX-License-Identifier: Apache-2.0
//
// One message's time line, 站内 → 推送 → 短信: what was planned for when, what happened, the provider's code in words. From notice.trace,
// which the recipient may read as well; never the text.
import { $, button, deliveryState, facts, h, icon } from './parts.js';
import { PRIORITIES, isDead, moment } from './words.js';

// state -> class of the dot, its symbol
const MARKS = {
  waiting: ['plan', ''],
  queued: ['way', 'm-way'],
  claimed: ['way', 'm-way'],
  sent: ['way', 'm-way'],
  delivered: ['ok', 'm-ok'],
  failed: ['bad', 'm-bad'],
  unknown: ['bad', 'm-ask'],
  cancelled: ['', 'm-off'],
};
const RECEIPTS = { delivered: '回执：已送达', failed: '回执：未送达', read: '回执：已读' };
const dialog = $('trace');

function event(e) {
  const receipt = e.what === 'receipt';
  const bad = receipt ? e.verdict === 'failed' : e.verdict && !['sent', 'delivered', 'simulated', 'logged'].includes(e.verdict);
  const word = receipt ? (RECEIPTS[e.verdict] ?? '回执') : (e.verdict_text ?? '等待运营方答复');
  const means = bad && e.detail_text; // the code says it more exactly than the verdict
  return h(
    'li',
    bad ? 'bad' : '',
    h('time', '', moment(e.at)),
    h(
      'div',
      '',
      e.provider ? h('b', '', `${e.provider} `) : null,
      !means ? word : receipt ? `${word}：${means}` : means,
      e.detail ? h('span', '', ' ', h('code', '', e.detail)) : null,
    ),
  );
}

// The mark of a step and the thread to the next.
function dot([className, mark]) {
  const d = h('span', '', h('span', `dot ${className}`, mark ? icon(mark) : null), h('i', 'thread'));
  d.setAttribute('aria-hidden', 'true');
  return d;
}

// What was planned and what was. After a repeated attempt the record holds the time of that one: then it is no plan any more.
function timesOf(d) {
  const first = d.events.find((e) => e.what === 'attempt')?.at;
  const again = first && Date.parse(first) < Date.parse(d.due_at);
  if (!first && d.state === 'waiting') return [`计划 ${moment(d.due_at)}`];
  return [
    again ? null : `计划 ${moment(d.due_at)}`,
    first ? `${again ? '首次发送' : '发送'} ${moment(first)}` : null,
    `${d.state === 'cancelled' ? '取消' : '最近变化'} ${moment(d.updated_at)}`,
  ].filter(Boolean);
}

function step(d, t, acts) {
  const times = timesOf(d);
  const li = h(
    'li',
    '',
    dot(MARKS[d.state] ?? ['', '']),
    h('h3', '', d.channel_text, deliveryState(d.state), d.provider ? h('span', 'soft', d.provider) : null),
    h('p', 'times', times.join(' · ')),
    h('p', '', d.text),
    d.events.length ? h('ul', 'steps', d.events.map(event)) : null,
  );
  if (acts && isDead(d.state) && !t.read_at) li.append(h('div', 'acts', button('重发', 'button quiet', () => acts.replay(d))));
  if (acts && ['waiting', 'queued'].includes(d.state)) li.append(h('div', 'acts', button('取消', 'button danger quiet', () => acts.cancel(d))));
  return li;
}

export function drawTrace(t, meta, acts) {
  const title = h('h2', '', meta?.title ?? '消息经过');
  title.id = 'trace-title';
  const inbox = h(
    'li',
    '',
    dot(['ok', 'm-ok']),
    h('h3', '', '站内', t.read_at ? h('span', 'tag done-well', '已读') : h('span', 'tag', '未读')),
    h('p', 'times', `写入 ${moment(t.created_at)}${t.read_at ? ` · 已读 ${moment(t.read_at)}` : ''}`),
  );
  const order = [...t.deliveries].sort((a, b) => (a.channel === 'log') - (b.channel === 'log') || a.step - b.step);
  $('trace-body').replaceChildren(
    h(
      'header',
      'trace-head',
      h('div', '', title, h('p', 'soft', PRIORITIES[t.priority])),
      button('关闭', 'button quiet', () => dialog.close()),
    ),
    h('p', 'says', t.text),
    facts([
      ['编号', h('code', '', t.id)],
      ['收件人', meta?.name ? `${meta.name}（${t.person}）` : t.person],
      ['种类', t.kind],
      ['须送达', t.deadline_at ? `${moment(t.deadline_at)}前` : null],
    ]),
    h('ol', 'line', inbox, order.map((d) => step(d, t, acts))),
  );
}

export function drawWait(text) {
  const title = h('h2', '', '消息经过');
  title.id = 'trace-title';
  const close = button('关闭', 'button quiet', () => dialog.close());
  $('trace-body').replaceChildren(h('header', 'trace-head', h('div', '', title), close), h('p', 'empty', text));
}
