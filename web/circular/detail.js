// SPDX-License-Identifier: Apache-2.0
//
// One circular: its text, how far it came, who is missing and why, and the acts of whoever looks at it.
import { el, setText } from '../board/dom.js';
import { get, post } from './server.js';
import { FILTERS, STATES, moment, people, priorityName, share, spoken, unreachedParts } from './words.js';

const RELOAD_MS = 1500;
const SPEAK_MS = 10000;
const LOUD = 1;

export class Detail {
  // tools: now() business time · say(text) · fail(place, error) · changed() the lists are old
  constructor(place, tools) {
    Object.assign(this, { place, tools, filter: 'unread', items: [], next: null, counts: null });
  }

  async open(id) {
    this.close();
    this.id = id;
    const c = await get(`/v1/circulars/${encodeURIComponent(id)}`);
    if (this.id !== id) return null;
    this.c = c;
    this.draw();
    if (c.side !== 'recipient') {
      this.setCounts(c.live ?? c);
      await this.load();
    }
    return c;
  }

  // A unit's counters have no channel: asked for.
  async refresh() {
    const { id } = this;
    if (!id || this.c?.side !== 'unit') return;
    const c = await get(`/v1/circulars/${encodeURIComponent(id)}`);
    if (this.id === id) this.setCounts(c);
  }

  close() {
    this.id = '';
    this.counts = null;
    clearTimeout(this.timer);
    this.timer = 0;
    this.filter = 'unread';
  }

  draw() {
    const { c } = this;
    const back = el('a', 'back', '‹ 返回列表');
    back.href = location.pathname;
    back.dataset.nav = '';
    const title = el('h2', '', c.title);
    title.tabIndex = -1;
    const meta = el('p', 'meta');
    const from = [c.unit_name, c.sender_name].filter(Boolean).join(' ');
    meta.append(el('span', 'chip', priorityName(c.priority)), ` ${from} · ${moment(c.created_at, this.tools.now())}`);
    if (c.deadline) meta.append(` · 请于 ${moment(c.deadline, this.tools.now())} 前阅读`);
    this.state = el('span', '', '');
    meta.append(this.state);
    this.place.replaceChildren(back, title, meta, el('p', 'words', c.text));
    if (c.mine) this.place.append(this.drawMine());
    if (c.side !== 'recipient') this.place.append(this.drawCounts(), this.drawPeople());
    this.place.hidden = false;
  }

  // ---- the recipient's side ----
  drawMine() {
    const box = el('div', 'acts');
    const { mine } = this.c;
    if (mine.confirmed_at) {
      box.append(el('p', 'done', `您已于 ${moment(mine.confirmed_at, Date.now())} 阅读并确认。`));
      return box;
    }
    const b = el('button', 'main', '我已阅读并确认');
    b.type = 'button';
    b.addEventListener('click', () =>
      this.act(b, async () => {
        const r = await post(`/v1/circulars/${this.id}/confirm`);
        this.c.mine = r;
        const done = this.drawMine();
        box.replaceWith(done);
        this.tools.say('已确认阅读');
        this.refresh().catch(() => {});
        this.tools.changed();
      }),
    );
    box.append(b);
    return box;
  }

  // ---- counts ----
  drawCounts() {
    const box = el('section', 'block counts');
    box.setAttribute('aria-label', '阅读情况');
    this.sum = el('p', 'sum');
    this.bars = {};
    const dl = el('dl', 'bars');
    for (const [key, name] of [
      ['read', '已读'],
      ['reached', '已送达未读'],
      ['unreached', '未送达'],
    ]) {
      const row = el('div');
      const bar = el('dd', 'bar');
      bar.setAttribute('aria-hidden', 'true');
      bar.append(el('i', key));
      const n = el('dd', 'n');
      row.append(el('dt', '', name), bar, n);
      this.bars[key] = { fill: bar.firstChild, n };
      if (key === 'unreached') {
        this.parts = el('dd', 'part');
        row.append(this.parts);
      }
      dl.append(row);
    }
    this.ways = el('ul', 'ways');
    this.acts = el('div', 'acts');
    this.ask = el('div');
    box.append(this.sum, dl, this.ways, this.acts, this.ask);
    if (this.c.side === 'sender') this.drawActs();
    return box;
  }

  drawActs() {
    this.urge = el('button', 'main', '催办未读');
    this.urge.type = 'button';
    this.urge.addEventListener('click', () => this.askUrge());
    this.hint = el('p');
    this.end = el('button', '', '结束通知');
    this.end.type = 'button';
    this.end.addEventListener('click', () => this.askEnd());
    this.acts.replaceChildren(this.urge, this.end, this.hint);
  }

  setCounts(counts) {
    if (counts.id && counts.id !== this.id) return;
    const before = this.counts;
    this.counts = counts;
    setText(this.state, ` · ${STATES[counts.state ?? this.c.state] ?? ''}`);
    const own = this.c.side === 'unit' ? '本单位' : '';
    setText(this.sum, `${own}共 ${people(counts.total)}，已确认 ${people(counts.confirmed)}`);
    for (const key of ['read', 'reached', 'unreached']) {
      setText(this.bars[key].n, `${people(counts[key])}${counts.total < 5 ? '' : ` · ${share(counts[key], counts.total)}`}`);
      this.bars[key].fill.style.width = counts.total ? `${(counts[key] * 100) / counts.total}%` : '0';
    }
    setText(this.parts, unreachedParts(counts));
    this.parts.hidden = this.parts.textContent === '';
    if (counts.channels)
      this.ways.replaceChildren(
        ...counts.channels
          .filter((w) => w.reached || w.failed)
          .map((w) => el('li', '', `${w.name}：送达 ${w.reached}${w.failed ? `，未成功 ${w.failed}` : ''}`)),
      );
    this.tick();
    if (before && JSON.stringify({ ...before, at: 0 }) !== JSON.stringify({ ...counts, at: 0 })) this.reloadSoon();
    this.speak(before);
  }

  speak(before) {
    const now = Date.now();
    if (!before || before.read === this.counts.read || now - (this.spokeAt ?? 0) < SPEAK_MS) return;
    this.spokeAt = now;
    this.tools.say(spoken(this.counts));
  }

  // What depends on time alone: when one may urge again.
  tick() {
    const n = this.counts;
    if (!n || !this.urge) return;
    const wait = Math.ceil((Date.parse(n.urge_from ?? 0) - Date.now()) / 1000);
    const closed = n.state === 'closed';
    let why = n.urged ? `已催办 ${n.urged} 次，上次 ${moment(n.urged_at, Date.now())}` : '';
    if (closed) why = '通知已结束，不再提醒；仍可阅读和确认。';
    else if (n.busy || n.state === 'sending') why = '正在发送，全部发出后可以催办。';
    else if (n.unread === 0) why = '所有人都已阅读。';
    else if (wait > 0) why = `两次提醒至少间隔 5 分钟，${wait >= 60 ? `${Math.ceil(wait / 60)} 分钟` : `${wait} 秒`}后可以催办。`;
    const can = !closed && !n.busy && n.state !== 'sending' && n.unread > 0 && wait <= 0;
    setText(this.urge, `催办未读（${n.unread}）`);
    this.urge.hidden = closed;
    this.urge.disabled = !can;
    this.end.hidden = closed;
    setText(this.hint, why);
  }

  // ---- acts ----
  async act(button, fn) {
    button.disabled = true;
    try {
      await fn();
    } catch (e) {
      this.tools.fail(this.ask ?? this.place, e);
    }
    button.disabled = false;
    this.tick();
  }

  // One question in place, one filled button; Escape goes back.
  question({ text, reason, yes, from, run }) {
    const form = el('form', 'ask');
    const input = el('input');
    form.append(el('p', '', text));
    if (reason) {
      const field = el('div', 'field');
      const label = el('label', '', '理由');
      label.append(el('span', 'must', '必填，记入审计'));
      input.type = 'text';
      input.id = 'ask-reason';
      input.maxLength = 200;
      input.required = true;
      label.htmlFor = input.id;
      field.append(label, input);
      form.append(field);
    }
    const acts = el('div', 'acts');
    const go = el('button', 'main', yes);
    const no = el('button', '', '取消');
    no.type = 'button';
    const away = () => {
      form.remove();
      from.focus();
    };
    no.addEventListener('click', away);
    form.addEventListener('keydown', (e) => e.key === 'Escape' && away());
    form.addEventListener('submit', (e) => {
      e.preventDefault();
      this.act(go, async () => {
        await run(input.value.trim());
        away();
      });
    });
    acts.append(go, no);
    form.append(acts);
    this.ask.replaceChildren(form);
    (reason ? input : go).focus();
  }

  askUrge() {
    const level = Math.max(0, this.c.priority - 1);
    const key = crypto.randomUUID();
    this.question({
      text: `只提醒未读的 ${people(this.counts.unread)}，按“${priorityName(level)}”级别重新开始。`,
      reason: level <= LOUD,
      yes: `催办 ${people(this.counts.unread)}`,
      from: this.urge,
      run: async (reason) => {
        const r = await post(`/v1/circulars/${this.id}/urge`, reason ? { reason } : {}, key);
        this.setCounts({ ...this.counts, urged: r.urged, urged_at: new Date().toISOString(), urge_from: r.urge_from });
        this.tools.say(`已催办${people(r.people)}`);
      },
    });
  }

  askEnd() {
    this.question({
      text: '结束后不再提醒，也不能再催办；接收人仍可阅读和确认。',
      yes: '结束通知',
      from: this.end,
      run: async () => {
        const r = await post(`/v1/circulars/${this.id}/close`);
        this.setCounts({ ...this.counts, state: r.state });
        this.tools.changed();
        this.tools.say('通知已结束');
      },
    });
  }

  // ---- people ----
  drawPeople() {
    const box = el('section', 'block');
    const head = el('h3', '', '接收名单');
    const nav = el('nav', 'tabs');
    nav.setAttribute('aria-label', '名单范围');
    for (const f of FILTERS) {
      const b = el('button', '', f.name);
      b.type = 'button';
      b.dataset.filter = f.id;
      b.setAttribute('aria-pressed', String(f.id === this.filter));
      b.addEventListener('click', () => this.choose(f.id));
      nav.append(b);
    }
    this.filters = nav;
    this.table = el('table', 'people');
    const cols = el('tr');
    for (const name of ['姓名', '单位', '情况']) {
      const th = el('th', '', name);
      th.scope = 'col';
      cols.append(th);
    }
    const thead = el('thead');
    thead.append(cols);
    this.rows = el('tbody');
    this.table.append(thead, this.rows);
    this.none = el('div', 'empty');
    this.none.append(el('p', 't'), el('p', 'm'));
    this.none.hidden = true;
    this.more = el('button', 'more', '加载更多');
    this.more.type = 'button';
    this.more.hidden = true;
    this.more.addEventListener('click', () => this.act(this.more, () => this.load(true)));
    box.append(head, nav, this.table, this.none, this.more);
    return box;
  }

  choose(filter) {
    this.filter = filter;
    for (const b of this.filters.children) b.setAttribute('aria-pressed', String(b.dataset.filter === filter));
    this.load().catch((e) => this.tools.fail(this.ask, e));
  }

  async load(more = false) {
    const { id, filter } = this;
    const query = new URLSearchParams({ limit: '50', ...(filter && { state: filter }), ...(more && this.next && { cursor: this.next }) });
    const page = await get(`/v1/circulars/${encodeURIComponent(id)}/people?${query}`);
    if (this.id !== id || this.filter !== filter) return;
    this.items = more ? [...this.items, ...page.items] : page.items;
    this.next = page.next;
    this.drawRows();
  }

  // The list follows the counters a moment later; what somebody has opened or paged through stays.
  reloadSoon() {
    if (this.timer || this.items.length > 50) return;
    this.timer = setTimeout(() => {
      this.timer = 0;
      if (!this.id || this.rows.querySelector('details[open]')) return;
      this.load().catch(() => {});
    }, RELOAD_MS);
  }

  drawRows() {
    const f = FILTERS.find((x) => x.id === this.filter);
    this.rows.replaceChildren(...this.items.map((p) => this.row(p)));
    this.table.hidden = this.items.length === 0;
    this.none.hidden = this.items.length > 0;
    setText(this.none.children[0], f.empty);
    setText(this.none.children[1], f.more);
    this.more.hidden = !this.next;
  }

  row(p) {
    const tr = el('tr');
    tr.dataset.person = p.person;
    const state = el('td', 'state', p.words);
    const at = p.confirmed_at ?? p.read_at ?? (p.state === 'reached' ? p.reached_at : null);
    if (at) state.append(el('span', 'hint', ` ${moment(at, Date.now())}`));
    if (p.tries.length) {
      const d = el('details');
      const list = el('ul');
      d.append(el('summary', '', `发送经过 ${p.tries.length}`));
      for (const t of p.tries) list.append(el('li', '', `${t.state === 'waiting' ? '' : `${moment(t.at, Date.now())} `}${t.name}：${t.words}`));
      d.append(list);
      state.append(d);
    }
    tr.append(el('td', 'name', p.name), el('td', 'unit', p.unit_name ?? '—'), state);
    return tr;
  }
}
