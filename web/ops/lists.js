// SPDX-License-Identifier: Apache-2.0
//
// 队列: lanes, and deliveries by what they are, dead letters first. 消息: one person's messages, for a purpose. Both open the time line.
import { button, deliveryState, field, h, redraw } from './parts.js';
import { lanes } from './overview.js';
import { STATES, isoDay, moment } from './words.js';

const CHIPS = [['dead', '死信'], ...['waiting', 'queued', 'sent', 'delivered', 'cancelled'].map((s) => [s, STATES[s]]), ['', '全部']];

function select(id, options, value) {
  const s = document.createElement('select');
  s.id = id;
  for (const [v, text] of options) {
    const o = document.createElement('option');
    o.value = v;
    o.textContent = text;
    s.append(o);
  }
  s.value = value;
  return s;
}

function dateInput(id, value) {
  const i = document.createElement('input');
  Object.assign(i, { id, type: 'date', value, max: isoDay(Date.now()) });
  return i;
}

// ---- queues ----
export class Queues {
  // tell: {changed(), open(item), replay(item), cancel(item)}
  constructor(box, tell) {
    this.tell = tell;
    this.filter = { state: 'dead', channel: '', provider: '', from: '', to: '' };
    this.items = null;
    this.next = null;
    this.pages = 1;
    this.lanes = h('section', 'card', h('div', 'head', h('h2', '', '队列')), h('div', ''));
    const chip = ([state, text]) => Object.assign(button(text, 'chipb', () => this.choose({ state })), { value: state });
    this.chips = h('div', 'chips', CHIPS.map(chip));
    this.chips.setAttribute('role', 'group');
    this.chips.setAttribute('aria-label', '状态');
    this.filters = h('div', 'filters');
    this.table = h('div', '');
    this.said = h('span', 'soft', '');
    const head = h('div', 'head', h('h2', '', '下发记录'), this.said);
    box.replaceChildren(this.lanes, h('section', 'card pile', head, this.chips, this.filters, this.table));
  }

  choose(change) {
    Object.assign(this.filter, change);
    this.pages = 1;
    this.items = null;
    this.table.dataset.key = '';
    this.table.replaceChildren(h('p', 'empty', '正在读取…'));
    this.drawChips();
    this.tell.changed();
  }

  drawChips() {
    for (const b of this.chips.children) b.setAttribute('aria-pressed', String(b.value === this.filter.state));
  }

  drawFilters(o) {
    const names = o.providers.map((p) => [p.name, p.name]);
    const channels = [...new Map([...o.providers, ...o.today.items].map((p) => [p.channel, p.channel_text]))];
    redraw(this.filters, JSON.stringify([names, channels]), () => {
      const channel = select('f-channel', [['', '全部通道'], ...channels], this.filter.channel);
      const provider = select('f-provider', [['', '全部运营方'], ...names], this.filter.provider);
      const from = dateInput('f-from', this.filter.from);
      const to = dateInput('f-to', this.filter.to);
      const put = () => this.choose({ channel: channel.value, provider: provider.value, from: from.value, to: to.value });
      for (const x of [channel, provider, from, to]) x.addEventListener('change', put);
      return [field('通道', channel), field('运营方', provider), field('从', from), field('到', to)];
    });
  }

  async load(ask) {
    const args = Object.fromEntries(Object.entries(this.filter).filter(([, v]) => v));
    const items = [];
    let cursor = null;
    for (let i = 0; i < this.pages; i++) {
      const page = await ask('delivery.list', { ...args, limit: 50, ...(cursor && { cursor }) });
      items.push(...page.items);
      cursor = page.next;
      if (!cursor) break;
    }
    this.items = items;
    this.next = cursor;
  }

  show(o) {
    const box = this.lanes.lastChild;
    redraw(box, JSON.stringify(o.lanes), () => lanes(o));
    this.drawFilters(o);
    this.drawChips();
    if (this.items) redraw(this.table, JSON.stringify([this.items, this.next]), () => this.rows());
  }

  rows() {
    this.said.textContent = this.items.length ? `共 ${this.items.length}${this.next ? ' 条以上' : ' 条'}` : '';
    if (this.items.length === 0) {
      const dead = this.filter.state === 'dead';
      return h('p', 'empty', h('b', '', dead ? '没有死信' : '没有符合的记录'), dead ? '失败和结果不明的消息会列在这里。' : '换个条件再试。');
    }
    const head = h('tr', '', ['时间', '状态', '通道', '消息', '收件人', '经过', '操作'].map((t) => h('th', '', t)));
    for (const th of head.children) th.scope = 'col';
    const table = h('table', 'list', h('thead', '', head), h('tbody', '', this.items.map((d) => this.row(d))));
    const more = this.next ? h('div', 'more', button('加载更多', 'button quiet', () => { this.pages++; this.tell.changed(); })) : null;
    return [table, more].filter(Boolean);
  }

  row(d) {
    const see = button('查看', 'plain', () => this.tell.open(d.notice, { title: d.title, name: d.name }));
    see.hidden = !d.notice;
    see.dataset.focus = `see ${d.id}`;
    see.setAttribute('aria-label', `查看经过 ${d.id}`);
    const acts = [see];
    if (d.can_replay) acts.push(Object.assign(button('重发', 'plain', () => this.tell.replay(d)), { ariaLabel: `重发 ${d.id}` }));
    if (d.can_cancel) acts.push(Object.assign(button('取消', 'plain danger', () => this.tell.cancel(d)), { ariaLabel: `取消 ${d.id}` }));
    return h(
      'tr',
      '',
      h('td', 'nowrap', moment(d.updated_at)),
      h('td', '', deliveryState(d.state)),
      h('td', '', d.channel_text, d.provider ? h('small', '', d.provider) : null),
      h('td', 'whole', d.title ?? '验证码', h('small', '', `P${d.priority}${d.attempts ? ` · 第${d.attempts}次` : ''}`)),
      h('td', '', d.name ?? '—', d.unit ? h('small', '', d.unit) : null),
      h('td', 'why', d.text, d.why_not ? h('small', '', d.why_not) : null),
      h('td', '', acts),
    );
  }
}

// ---- messages of a person ----
export class Messages {
  constructor(box, tell) {
    this.tell = tell;
    this.who = Object.assign(document.createElement('input'), { id: 'm-who', autocomplete: 'off', maxLength: 60 });
    this.purpose = Object.assign(document.createElement('input'), { id: 'm-purpose', autocomplete: 'off', maxLength: 200 });
    const go = h('button', 'button', '查询');
    go.type = 'submit';
    this.wrong = h('p', 'wrong');
    this.wrong.setAttribute('role', 'alert');
    const form = h('form', 'search', field('查谁', this.who, '编号、手机号或完整姓名'), field('用途', this.purpose, '必填，记入审计'), go);
    form.addEventListener('submit', (e) => {
      e.preventDefault();
      this.search();
    });
    this.found = h('div', 'pile');
    box.replaceChildren(h('section', 'card', h('h2', '', '按人查消息'), form, this.wrong), this.found);
    this.found.append(h('p', 'card empty', h('b', '', '还没有查询'), '查询会记入审计；只显示标题和经过，不显示正文、号码。'));
  }

  async search(cursor = null) {
    const who = this.who.value.trim();
    const purpose = this.purpose.value.trim();
    this.wrong.textContent = who.length < 2 ? '请填写要查的人。' : purpose.length < 2 ? '请写明用途，至少2个字。' : '';
    if (this.wrong.textContent) return (who.length < 2 ? this.who : this.purpose).focus();
    try {
      const r = await this.tell.act('message.search', { who, purpose, ...(cursor && { cursor }) });
      this.items = cursor ? [...this.items, ...r.items] : r.items;
      this.draw(r);
    } catch (e) {
      this.wrong.textContent = typeof e.code === 'string' ? e.message : '没有连上服务器，请稍后再试。';
    }
    return undefined;
  }

  person(p, several) {
    const pick = () => {
      this.who.value = p.id;
      this.search();
    };
    return h(
      'div',
      'person',
      h('b', '', p.name),
      h('span', '', p.unit ?? ''),
      h('span', 'soft', p.phone || '没有号码'),
      h('code', '', p.id),
      p.active ? null : h('span', 'tag', '已停用'),
      several ? button('查这一位', 'plain', pick) : null,
    );
  }

  row(n, name) {
    const see = button('查看', 'plain', () => this.tell.open(n.id, { title: n.title, name }));
    see.setAttribute('aria-label', `查看经过 ${n.id}`);
    return h(
      'tr',
      '',
      h('td', 'nowrap', moment(n.created_at)),
      h('td', '', n.title, h('small', '', `P${n.priority} · ${n.kind}`)),
      h('td', '', n.read_at ? moment(n.read_at) : '未读'),
      h('td', '', h('span', 'chips', n.deliveries.map((d) => h('span', '', `${d.channel_text} `, deliveryState(d.state))))),
      h('td', '', see),
    );
  }

  draw(r) {
    const several = r.people.length > 1;
    const head = h('tr', '', ['时间', '消息', '已读', '各通道', '操作'].map((t) => h('th', '', t)));
    for (const th of head.children) th.scope = 'col';
    const rows = this.items.map((n) => this.row(n, r.people[0].name));
    const empty = several ? null : h('p', 'empty', h('b', '', '没有消息'), '这个人还没有收到过消息。');
    const table = rows.length ? h('table', 'list', h('thead', '', head), h('tbody', '', rows)) : empty;
    const more = r.next ? h('div', 'more', button('加载更多', 'button quiet', () => this.search(r.next))) : null;
    this.found.replaceChildren(h('section', 'card pile', r.people.map((p) => this.person(p, several)), table, more));
  }
}
