// SPDX-License-Identifier: Apache-2.0
//
// 总览: one sentence, the figures with the names the monitoring system has for them, an hour of them, queues, channels, the day.
import { h, icon, link, providerState, redraw } from './parts.js';
import { PRIORITIES, ago, bounded, figure, rate } from './words.js';

const HISTORY = 'zhangban.ops.history';
const HOUR_MS = 3600e3;
const LATE_S = 60;

// [ms, sent a second, waiting]: kept for this tab, so that a reload does not lose the hour.
let history = [];
try {
  history = JSON.parse(sessionStorage.getItem(HISTORY) ?? '[]').filter((p) => Date.now() - p[0] < HOUR_MS);
} catch {
  history = [];
}

const sum = (list, of) => list.reduce((n, x) => n + of(x), 0);
const perSecond = (o) => sum(o.providers, (p) => p.taken_1m) / 45; // the newest half minutes: 30 to 60 s, 45 on average
const waitingOf = (o) => sum(o.lanes, (l) => l.waiting);

export function remember(o) {
  history.push([Date.parse(o.at), perSecond(o), waitingOf(o)]);
  while (history.length && history[0][0] < Date.parse(o.at) - HOUR_MS) history.shift();
  sessionStorage.setItem(HISTORY, JSON.stringify(history));
}

function sentence(o) {
  const shape = { good: 's-good', fair: 's-fair', bad: 's-bad' }[o.level];
  const more = h('p', '', `${o.demo ? '演示模式 · ' : ''}每5秒刷新`);
  return h('section', `sentence ${o.level}`, icon(shape), h('div', '', h('h2', '', o.text), more));
}

function tiles(o) {
  const oldest = Math.max(0, ...o.lanes.map((l) => (l.waiting ? l.oldest_s : 0)));
  const tile = (name, value, unit, metric) =>
    h('div', '', h('dt', '', name), h('dd', '', h('b', '', value), unit ? h('i', '', unit) : null, h('code', '', metric)));
  const speed = perSecond(o);
  return h(
    'dl',
    'tiles',
    tile('每秒下发', speed >= 10 ? String(Math.round(speed)) : speed.toFixed(1), '条', 'zhangban_provider_answers_total'),
    tile('待发消息', bounded(waitingOf(o)), '条', 'zhangban_lane_waiting'),
    tile('最老待发', oldest ? ago(oldest * 1000) : '—', '', '按计划时间起算'),
    tile('今日失败和不明', `${o.today.cut ? '至少' : ''}${figure(o.today.dead)}`, '条', 'zhangban_delivery_attempts_total'),
    tile('在线连接', figure(o.connections), '', 'zhangban_connections'),
    tile('实时更新待传', figure(o.outbox_waiting), '', 'zhangban_outbox_waiting'),
    tile('写入排队', figure(o.writes_waiting), '', 'zhangban_writes_waiting'),
    tile('Redis', o.redis === 'up' ? '正常' : '中断', '', 'zhangban_redis_up'),
  );
}

const SVG = 'http://www.w3.org/2000/svg';
function svg(tag, attributes) {
  const e = document.createElementNS(SVG, tag);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  return e;
}

const niceTop = (v) => {
  const step = 10 ** Math.floor(Math.log10(Math.max(v, 1)));
  return [1, 2, 5, 10].map((k) => k * step).find((t) => t >= v);
};

// Two lines over one hour, each to its own scale: left and right.
function chart(o) {
  const W = 600;
  const H = 140;
  const end = Date.parse(o.at);
  const span = Math.max(5 * 60e3, end - (history[0]?.[0] ?? end));
  const x = (t) => (1 - (end - t) / span) * W;
  const top = [1, 2].map((k) => niceTop(Math.max(1, ...history.map((p) => p[k]))));
  const y = (v, k) => 2 + (1 - v / top[k]) * (H - 4);
  const path = (k) => history.map((p, i) => `${i ? 'L' : 'M'}${x(p[0]).toFixed(1)} ${y(p[k + 1], k).toFixed(1)}`).join('');
  const words = `近一小时：当前每秒下发${perSecond(o).toFixed(1)}条，待发${waitingOf(o)}条`;
  const s = svg('svg', { viewBox: `0 0 ${W} ${H}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': words });
  for (const at of [2, H / 2, H - 2]) s.append(svg('line', { class: 'grid', x1: 0, x2: W, y1: at, y2: at }));
  if (history.length > 1) {
    s.append(svg('path', { class: 'under', d: `${path(0)}L${x(end)} ${H - 2}L${x(history[0][0])} ${H - 2}Z` }));
    s.append(svg('path', { class: 'b', d: path(1) }), svg('path', { class: 'a', d: path(0) }));
  }
  const scale = (k, side) => h('div', `scale ${side}`, [1, 0.5, 0].map((part) => h('span', '', String(Number((top[k] * part).toPrecision(2))))));
  return h('div', 'chart', scale(0, 'left'), s, scale(1, 'right'), h('p', 'times', h('span', '', `${ago(span)}前`), h('span', '', '现在')));
}

function flow(o) {
  return h(
    'section',
    'card',
    h('div', 'head', h('h2', '', '下发速度与待发'), h('ul', 'legend', h('li', 'a', h('i', ''), '每秒下发（左）'), h('li', 'b', h('i', ''), '待发（右）'))),
    chart(o),
  );
}

export function lanes(o) {
  const channels = [...new Set(o.lanes.map((l) => l.channel))];
  const cell = (l) => {
    if (!l) return h('td', '', h('span', 'zero', '—'));
    const n = l.waiting + l.in_hand;
    if (n === 0) return h('td', '', h('span', 'zero', '0'));
    const late = l.waiting > 0 && l.oldest_s >= LATE_S && l.priority <= 1;
    return h('td', late ? 'late' : '', h('b', '', bounded(n)), h('small', '', l.waiting ? `最久 ${ago(l.oldest_s * 1000)}` : '发送中'));
  };
  const body = channels.map((c) => {
    const of = o.lanes.filter((l) => l.channel === c);
    return h('tr', '', h('td', '', of[0].channel_text), PRIORITIES.map((_, p) => cell(of.find((l) => l.priority === p))));
  });
  if (body.length === 0) return h('p', 'empty', h('b', '', '队列为空'), '没有配置对外通道，消息只到站内。');
  const head = h('tr', '', h('th', '', '通道'), PRIORITIES.map((p) => h('th', '', p)));
  for (const th of head.children) th.scope = 'col';
  return h('table', 'lanes', h('thead', '', head), h('tbody', '', body));
}

function channels(o) {
  const rows = o.providers.map((p) => {
    const all = p.taken_5m + p.other_5m;
    const line = p.held ? `停用：${p.held.reason}` : `速率 ${p.rate_per_s}/${p.allowed_per_s}条/秒 · 5分钟成功 ${rate(p.taken_5m, all)}`;
    return h('li', '', h('a', '', h('b', '', p.name), providerState(p), h('span', 'soft', `${p.channel_text} · ${line}`)));
  });
  for (const r of rows) r.firstChild.href = '#channels';
  return h(
    'section',
    'card',
    h('div', 'head', h('h2', '', '通道'), link('全部通道', '#channels')),
    rows.length ? h('ul', 'brief', rows) : h('p', 'empty', h('b', '', '还没有配置通道'), '在 zhangban.conf 中添加 [provider …] 后重启。'),
  );
}

const KINDS = [
  ['delivered', '送达', ['delivered']],
  ['sent', '已发出待回执', ['sent']],
  ['open', '计划和排队', ['waiting', 'queued', 'claimed']],
  ['dead', '失败和不明', ['failed', 'unknown']],
  ['cancelled', '已取消', ['cancelled']],
];

function dayOf(o, channel, text) {
  const count = (states) => sum(o.today.items.filter((i) => i.channel === channel && states.includes(i.state)), (i) => i.n);
  const of = KINDS.map(([key, word, states]) => [key, word, count(states)]).filter(([, , n]) => n > 0);
  const bar = h('div', 'stack', of.map(([key, , n]) => Object.assign(h('i', `k-${key}`), { style: `flex:${n} 1 0` })));
  bar.setAttribute('aria-hidden', 'true');
  const words = h('p', 'words', of.map(([key, word, n]) => h('span', '', h('i', `k-${key}`), `${word} ${figure(n)}`)));
  const head = h('dt', '', h('span', '', text), h('b', '', figure(sum(of, ([, , n]) => n))));
  return h('div', '', head, h('dd', '', bar, words));
}

function day(o) {
  const channels = [...new Map(o.today.items.map((i) => [i.channel, i.channel_text]))];
  const cut = o.today.cut ? h('span', 'soft', '数量较多，只统计最近部分') : null;
  return h(
    'section',
    'card',
    h('div', 'head', h('h2', '', '今日下发'), cut, link('查看死信', '#queues')),
    channels.length
      ? h('dl', 'day', channels.map(([channel, text]) => dayOf(o, channel, text)))
      : h('p', 'empty', h('b', '', '今天还没有下发'), '有消息下发后显示在这里。'),
  );
}

function workers(o) {
  const row = (w) => h('tr', '', h('td', '', h('code', '', w.name)), h('td', 'num', `${ago(w.age_s * 1000)}前`), h('td', 'num', figure(w.in_hand)));
  const head = h('tr', '', h('th', '', '进程'), h('th', 'num', '最近汇报'), h('th', 'num', '手中'));
  for (const th of head.children) th.scope = 'col';
  return h(
    'section',
    'card',
    h('h2', '', `下发进程 ${o.workers.length}`),
    o.workers.length
      ? h('table', '', h('thead', '', head), h('tbody', '', o.workers.map(row)))
      : h('p', 'empty', h('b', '', '没有进程汇报'), '启动 zhangban serve 或 zhangban push。'),
  );
}

export function showOverview(box, o) {
  const queues = h('section', 'card', h('div', 'head', h('h2', '', '队列'), link('死信和明细', '#queues')), lanes(o));
  redraw(box, o.at, () => [
    sentence(o),
    tiles(o),
    h('div', 'two', h('div', 'pile', flow(o), queues), h('div', 'pile', channels(o), day(o), workers(o))),
  ]);
}
