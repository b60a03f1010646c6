// SPDX-License-Identifier: Apache-2.0
//
// Words and figures as an operator reads them. Times are wall clock, +08:00, whatever the machine's zone.

export const STATES = {
  waiting: '计划中',
  queued: '排队中',
  claimed: '发送中',
  sent: '已发出',
  delivered: '已送达',
  failed: '失败',
  unknown: '结果不明',
  cancelled: '已取消',
};
export const PRIORITIES = ['P0 紧急', 'P1 重要', 'P2 一般', 'P3 通告'];

// How a provider is: the light beside the word.
export const LIGHTS = {
  well: 'good',
  slowed: 'fair',
  trying: 'fair',
  shut: 'bad',
  quota: 'bad',
  down: 'bad',
  held: 'none',
  silent: 'none',
};

const zone = { timeZone: 'Asia/Shanghai', hour12: false };
const clockFormat = new Intl.DateTimeFormat('zh-CN', { ...zone, hour: '2-digit', minute: '2-digit', second: '2-digit' });
const isoFormat = new Intl.DateTimeFormat('en-CA', { ...zone, year: 'numeric', month: '2-digit', day: '2-digit' });

export const clock = (at) => (at ? clockFormat.format(new Date(at)) : '—');
export const isoDay = (at) => isoFormat.format(new Date(at));
export function moment(at) {
  if (!at) return '—';
  const day = isoDay(at);
  if (day === isoDay(Date.now())) return clock(at);
  const [, month, date] = day.split('-');
  return `${Number(month)}月${Number(date)}日 ${clock(at)}`;
}

export function ago(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s}秒`;
  if (s < 3600) return `${Math.floor(s / 60)}分${s % 60 ? `${s % 60}秒` : ''}`;
  if (s < 86400) return `${Math.floor(s / 3600)}小时${Math.floor((s % 3600) / 60)}分`;
  return `${Math.floor(s / 86400)}天`;
}

export const figure = (n) => (n == null ? '—' : n >= 10000 ? n.toLocaleString('en-US') : String(n));
export const bounded = (n) => (n >= 100000 ? '10万以上' : figure(n));
export const money = (fen) => `¥${(fen / 100).toFixed(2)}`;

// Few cases are shown as they are, not as a rate.
export function rate(good, all) {
  if (!all) return '—';
  return all < 5 ? `${good}/${all}` : `${(Math.floor((good * 1000) / all) / 10).toFixed(1)}%`;
}

export const lastFour = (id) => id.slice(-4);
export const isDead = (state) => state === 'failed' || state === 'unknown';
