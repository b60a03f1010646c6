// SPDX-License-Identifier: Apache-2.0
//
// How fresh the figures are, and how the page says so (pure: facts in, words out).
import { asOf, duration } from './words.js';

const LATE_MS = 15000;
const OFF_MS = 60000;
const OLD_MS = 24 * 3600e3;
const COLD_MS = 30000;

// facts: {now, startedAt, heardAt (0: never), hasData, up, biz (business time of heardAt), bizNow, phone, noToken}
// -> {state: cold|live|late|off|old, pill, title, more}
export function judge(f) {
  if (!f.hasData) {
    const call = f.phone ? `请联系值班：${f.phone}` : '请联系值班人员';
    if (f.noToken) return { state: 'cold', pill: '未登录', title: '大屏尚未登录，请管理员用带令牌的地址打开本页。', more: '' };
    const long = f.now - f.startedAt >= COLD_MS;
    return {
      state: 'cold',
      pill: '正在连接',
      title: long ? '暂时连接不上服务器，系统会自动重试。' : '正在连接，请稍候…',
      more: long ? `${call}` : '',
    };
  }
  const silence = f.now - f.heardAt;
  const lost = `已断开 ${duration(silence)} · 数据截至 ${asOf(f.biz, f.bizNow)}`;
  if (silence > OLD_MS) return { state: 'old', pill: lost, title: '数据已超过24小时未更新', more: '' };
  if (!f.up || silence > OFF_MS) return { state: 'off', pill: lost, title: '', more: '' };
  if (silence > LATE_MS) return { state: 'late', pill: `数据延迟 ${duration(silence)}`, title: '', more: '' };
  return { state: 'live', pill: '实时', title: '', more: '' };
}
