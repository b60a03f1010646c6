// SPDX-License-Identifier: Apache-2.0
//
// 通道: a card for each provider with how it is, how fast, how well, what it costs; acts on it: pause, resume, test.
import { button, h, meter, providerState, redraw } from './parts.js';
import { ago, figure, lastFour, moment, money, rate } from './words.js';

function note(p) {
  if (p.held) return h('p', 'note', `${p.held.by} 于 ${moment(p.held.at)} 停用：${p.held.reason}`);
  if (p.last_error) {
    const words = `最近错误 ${moment(p.last_error_at)}：${p.last_error_text ? `${p.last_error_text} ` : ''}`;
    return h('p', p.state === 'well' ? 'note' : 'note bad', words, h('code', '', p.last_error));
  }
  return h('p', 'note', '没有错误记录。');
}

function card(p, o, acts) {
  const all = p.taken_5m + p.other_5m;
  const receipts = p.receipts_good_5m + p.receipts_bad_5m;
  const mine = o.lanes.filter((l) => l.channel === p.channel);
  const item = (name, value, unit, bar) => h('div', '', h('dt', '', name), h('dd', '', value, unit ? h('small', '', unit) : null, bar));
  const box = h(
    'article',
    'card provider',
    h('header', '', h('h3', '', p.name), h('span', 'tag', p.kind), providerState(p)),
    h(
      'dl',
      '',
      item('窗口', `${p.window_used}`, ` / ${p.window}`, meter(p.window_used, p.window)),
      item('速率', `${p.rate_per_s}`, ` / ${p.allowed_per_s} 条/秒`, meter(p.rate_per_s, p.allowed_per_s)),
      item('5分钟成功', rate(p.taken_5m, all), all ? ` ${figure(all)}次` : '', meter(p.taken_5m, all)),
      item('5分钟回执送达', rate(p.receipts_good_5m, receipts), receipts ? ` ${figure(receipts)}条` : ''),
      item('今日已发', figure(p.sent_today), ' 条'),
      item('今日费用', money(p.cost_today), ''),
      item('通道待发 P0–P3', mine.map((l) => figure(l.waiting)).join(' · ') || '0', ''),
      item('权重', p.weight === 0 ? '备用' : String(p.weight), ''),
      item('进程', String(p.workers), ' 个'),
    ),
    note(p),
  );
  if (o.may_act) {
    const hold = p.held
      ? button('恢复', 'button', () => acts.resume(p))
      : button('暂停', 'button danger quiet', () => acts.pause(p));
    const test = button('测试发送', 'button quiet', () => acts.test(p));
    hold.dataset.focus = `hold ${p.name}`;
    test.dataset.focus = `test ${p.name}`;
    hold.setAttribute('aria-label', `${hold.textContent} ${p.name}`);
    test.setAttribute('aria-label', `测试发送 ${p.name}`);
    test.disabled = Boolean(p.held);
    box.append(h('div', 'acts', hold, test));
  }
  return box;
}

export function showChannels(box, o, acts) {
  redraw(box, o.at, () => {
    if (o.providers.length === 0) return h('section', 'card empty', h('b', '', '还没有配置通道'), '在 zhangban.conf 中添加 [provider …] 后重启。');
    const channels = [...new Map(o.providers.map((p) => [p.channel, p.channel_text]))];
    return channels.flatMap(([channel, text]) => {
      const of = o.providers.filter((p) => p.channel === channel);
      return [h('header', 'group', h('h2', '', text), `${of.length} 家运营方`), h('div', 'providers', of.map((p) => card(p, o, acts)))];
    });
  });
}

// ---- the three acts, as the dialog wants them ----
export const pauseOf = (p) => ({
  title: `暂停 ${p.name}`,
  say: '一秒内各下发进程不再用它；已提交的照常等回执，其余改走同类通道。没有同类通道时消息排队等待。',
  facts: [
    ['运营方', p.name],
    ['通道', p.channel_text],
    ['在途', `${p.window_used} 条`],
  ],
  reason: true,
  four: lastFour(p.name),
  act: `暂停 ${p.name}`,
  danger: true,
  method: 'provider.pause',
  data: { provider: p.name },
  done: `已暂停 ${p.name}`,
});

export const resumeOf = (p) => ({
  title: `恢复 ${p.name}`,
  say: '一秒内各下发进程重新用它，排队的消息继续发送。',
  facts: [
    ['停用人', p.held.by],
    ['停用时间', `${moment(p.held.at)}（${ago(Date.now() - Date.parse(p.held.at))}前）`],
    ['停用原因', p.held.reason],
  ],
  reason: true,
  act: `恢复 ${p.name}`,
  method: 'provider.resume',
  data: { provider: p.name },
  done: `已恢复 ${p.name}`,
});

export const testOf = (p) => ({
  title: `测试发送 ${p.name}`,
  say: '只经这一个运营方，向您本人登记的手机号或设备发送一条测试消息。每分钟一次，正常计费。',
  facts: [
    ['运营方', p.name],
    ['通道', p.channel_text],
  ],
  act: '发送测试消息',
  method: 'provider.test',
  data: { provider: p.name },
  done: `测试消息已提交 ${p.name}`,
});
