// SPDX-License-Identifier: Apache-2.0
//
// Figures, times and names of must-read notices as people read them (pure functions).
import { parts } from '../board/words.js';

const two = (n) => String(n).padStart(2, '0');

export const BOXES = [
  { id: 'sent', name: '我发出的', empty: '还没有发出必读通知', more: '点“写通知”，发出后在这里看谁已读、谁未读。' },
  { id: 'unit', name: '本单位收到的', empty: '本单位还没有收到必读通知', more: '收到后，这里显示本单位谁已读、谁未读。' },
  { id: 'received', name: '我收到的', empty: '没有待处理事项', more: '有新情况会第一时间提醒您。' },
];
export const PRIORITIES = [
  { id: 3, name: '一般', more: '日常事项，夜间不打扰' },
  { id: 2, name: '普通', more: '近日要知道，夜间不打扰' },
  { id: 1, name: '重要', more: '不分时段提醒，须写明理由' },
  { id: 0, name: '紧急', more: '不分时段、各种方式同时提醒，须写明理由' },
];
export const STATES = { sending: '发送中', open: '已发出', closed: '已结束' };
export const FILTERS = [
  { id: 'unread', name: '未读', empty: '没有未读的人', more: '所有人都已阅读。' },
  { id: 'unreached', name: '未送达', empty: '没有未送达的人', more: '每个未读的人都已收到提醒。' },
  { id: 'read', name: '已读', empty: '还没有人阅读', more: '有人阅读后会自动显示。' },
  { id: '', name: '全部', empty: '没有接收人', more: '' },
];
export const priorityName = (p) => PRIORITIES.find((x) => x.id === p)?.name ?? '';

// 14:30 today, else 3月20日 14:30; another year with the year.
export function moment(iso, now) {
  if (!iso) return '—';
  const p = parts(Date.parse(iso));
  const n = parts(now);
  const clock = `${two(p.hour)}:${two(p.minute)}`;
  if (p.year === n.year && p.month === n.month && p.day === n.day) return clock;
  return `${p.year === n.year ? '' : `${p.year}年`}${p.month}月${p.day}日 ${clock}`;
}

export const people = (n) => `${n >= 10000 ? String(n).replace(/\B(?=(\d{3})+$)/g, ',') : n}人`;

// Fewer than five people are a count, not a rate; 100 % means every single one, 0 % nobody.
export function share(n, total) {
  if (total < 5) return `${n}/${total}`;
  const p = n === total ? 100 : n === 0 ? 0 : Math.min(99, Math.max(1, Math.round((n * 100) / total)));
  return `${p}%`;
}

export function unreachedParts(c) {
  const v = [
    [c.waiting, '等待发送'],
    [c.sent, '已发出待回执'],
    [c.failed, '没有成功'],
  ];
  return v
    .filter(([n]) => n > 0)
    .map(([n, name]) => `${name} ${n}`)
    .join(' · ');
}

// A full-width character counts one, whatever its bytes.
export const length = (s) => [...s].length;

export function estimateText(e) {
  const ways = [
    ['手机推送', e.push],
    ['微信', e.wechat],
    ['办公平台', e.office],
    ['短信', e.sms],
  ]
    .filter(([name, n]) => n > 0 || name === '手机推送' || name === '短信')
    .map(([name, n]) => `${name}能到 ${people(n)}`);
  return `${ways.join('，')}${e.none ? `，${people(e.none)}只能在掌办看到` : ''}。`;
}

const after = (s) => (s === 0 ? '立即' : s < 60 ? `${s} 秒后` : `${Math.round(s / 60)} 分钟后`);
export function planText(plan) {
  if (!plan.length) return '这一级别只进掌办收件箱，不发推送和短信。';
  return `未读的：${plan.map((s) => `${after(s.after_s)}${s.name}${s.alone_s < s.after_s ? `（别的方式到不了的人${after(s.alone_s)}）` : ''}`).join('，')}；读过即停。`;
}

export const spoken = (c) => `已读${people(c.read)}，已送达未读${people(c.reached)}，未送达${people(c.unreached)}，共${people(c.total)}。`;

// 2018-06-27T17:30 of a datetime-local field, which is meant in China time.
export const localToIso = (v) => (v ? `${v}:00+08:00` : undefined);
export function isoToLocal(ms) {
  const p = parts(ms);
  return `${p.year}-${two(p.month)}-${two(p.day)}T${two(p.hour)}:${two(p.minute)}`;
}
