// SPDX-License-Identifier: Apache-2.0
//
// Figures, dates and names as people read them (pure functions). Scores and rates arrive in hundredths and stay integers; times
// are shown in UTC+8, whatever the zone of the machine.

export const SCOPES = [
  { id: 'city', name: '全市' },
  { id: 'county', name: '县（市、区）' },
  { id: 'department', name: '市直部门' },
  { id: 'soe', name: '市属国企' },
];

export const KINDS = {
  close: '办结',
  dispatch: '交办',
  sign: '签收',
  due_soon: '临期',
  overdue: '逾期',
  return: '退回',
  submit: '报结',
  report: '进展',
};
export const MARKS = { incentive: '激励', warning: '警示' };
export const NONE = '—';
const WEEKDAYS = ['周日', '周一', '周二', '周三', '周四', '周五', '周六'];

const tenths = (n) => `${n < 0 ? '-' : ''}${Math.trunc(Math.abs(n) / 10)}.${Math.abs(n) % 10}`;

export const score = (h) => (h === null || h === undefined ? NONE : tenths(Math.round(h / 10)));
// Rounded down: 100.0 means every single one.
export const rateNumber = (h) => (h === null || h === undefined ? NONE : tenths(Math.floor(h / 10)));

// Fewer than five cases are a count, not a rate.
export function rate(row) {
  if (!row.due || row.on_time_rate === null || row.on_time_rate === undefined) return NONE;
  return row.due < 5 ? `${row.on_time}/${row.due}` : `${rateNumber(row.on_time_rate)}%`;
}

export function count(n) {
  if (n === null || n === undefined) return NONE;
  return n >= 10000 ? `${tenths(Math.floor(n / 1000))}万` : String(n);
}

const two = (n) => String(n).padStart(2, '0');

// The parts of an instant in UTC+8.
export function parts(ms) {
  const d = new Date(ms + 8 * 3600e3);
  return {
    year: d.getUTCFullYear(),
    month: d.getUTCMonth() + 1,
    day: d.getUTCDate(),
    weekday: d.getUTCDay(),
    hour: d.getUTCHours(),
    minute: d.getUTCMinutes(),
    second: d.getUTCSeconds(),
  };
}

export function isoDay(ms) {
  const p = parts(ms);
  return `${p.year}-${two(p.month)}-${two(p.day)}`;
}

export function clockText(ms) {
  const p = parts(ms);
  return `${two(p.hour)}:${two(p.minute)}:${two(p.second)}`;
}

export function dateText(ms) {
  const p = parts(ms);
  return `${p.year}年${p.month}月${p.day}日 ${WEEKDAYS[p.weekday]}`;
}

// 14:30 today, 3月20日 otherwise.
export function eventTime(ms, now) {
  const p = parts(ms);
  return isoDay(ms) === isoDay(now) ? `${two(p.hour)}:${two(p.minute)}` : `${p.month}月${p.day}日`;
}

export function asOf(ms, now) {
  const p = parts(ms);
  return isoDay(ms) === isoDay(now) ? clockText(ms) : `${p.month}月${p.day}日 ${two(p.hour)}:${two(p.minute)}`;
}

export function duration(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s}秒`;
  if (s < 3600) return `${Math.floor(s / 60)}分${s % 60}秒`;
  if (s < 86400) return `${Math.floor(s / 3600)}小时${Math.floor((s % 3600) / 60)}分`;
  return `${Math.floor(s / 86400)}天${Math.floor((s % 86400) / 3600)}小时`;
}

export function periodText(period) {
  const m = /^(\d{4})(?:-(?:Q([1-4])|(\d{2})))?$/.exec(period);
  if (!m) return period;
  if (m[2]) return `${m[1]}年第${m[2]}季度`;
  return m[3] ? `${m[1]}年${Number(m[3])}月` : `${m[1]}年`;
}

export const isPeriod = (s) => /^\d{4}(-Q[1-4]|-(0[1-9]|1[0-2]))?$/.test(s ?? '');
export const totalsText = (period) => (/^\d{4}$/.test(period) ? '今年累计' : `${periodText(period)}累计`);

// 进一步推进南平市“互联网+放管服”平台建设实施方案 -> “互联网+放管服”平台建设
export function planText(title) {
  const short = title
    .replace(/^(关于)?(进一步)?(推进|加强|做好|落实)?(南平市)?/, '')
    .replace(/(的通知)?$/, '')
    .replace(/(工作)?(实施)?方案$/, '');
  return short || title;
}

// A share of the bar's axis, 60 to 110 points.
export const barShare = (h) => Math.min(1, Math.max(0, ((h ?? 0) - 6000) / 5000));

export function weekKind(w) {
  if (!w.due) return 'none';
  if (w.overdue) return 'overdue';
  if (w.soon) return 'soon';
  if (!w.open) return 'done';
  return `open-${w.open >= 20 ? 5 : w.open >= 8 ? 4 : w.open >= 5 ? 3 : w.open >= 3 ? 2 : 1}`;
}
