// SPDX-License-Identifier: Apache-2.0
//
// Writing one: what, to whom, how loud; how many people will be reached is shown before it is sent. What is typed is kept in this
// browser until it is sent.
import { el, setText } from '../board/dom.js';
import { get, post } from './server.js';
import { PRIORITIES, estimateText, isoToLocal, length, localToIso, people, planText } from './words.js';

const DRAFT = 'zhangban.circular';
const ESTIMATE_AFTER_MS = 400;
const TITLE_MAX = 40;
const TEXT_MAX = 2000;
const LOUD = 1;
const LEVELS = ['city', 'county'];
const LOUD_ROLES = ['leader', 'dispatcher'];
const PLACES = { title: 'f-title', text: 'f-text', units: 'f-units', expand: 'f-units', people: 'f-units', priority: 'f-priority', reason: 'f-reason', deadline: 'f-deadline' };

async function allUnits() {
  const out = [];
  for (let cursor = null; ; ) {
    const page = await get(`/v1/units?limit=200${cursor ? `&cursor=${cursor}` : ''}`);
    out.push(...page.items.filter((u) => u.valid));
    cursor = page.next;
    if (!cursor) return out;
  }
}

export class Write {
  // tools: now() · me · say(text) · fail(place, error) · sent(id)
  constructor(place, tools) {
    Object.assign(this, { place, tools, units: null, open: false });
  }

  async show() {
    const saved = JSON.parse(localStorage.getItem(DRAFT) ?? '{}');
    this.v = { title: '', text: '', units: [], priority: 3, reason: '', deadline: '', dedupe: crypto.randomUUID(), ...saved };
    this.open = true;
    this.units ??= await allUnits();
    if (!this.open) return;
    this.draw();
    this.estimate();
  }

  hide() {
    this.open = false;
    clearTimeout(this.timer);
  }

  // Does leaving lose something? It is kept as a draft, so no.
  keep() {
    if (!this.faults.hidden) this.showFaults(this.faultsOf(), false); // what was put right is no fault any more
    localStorage.setItem(DRAFT, JSON.stringify(this.v));
  }

  draw() {
    const back = el('a', 'back', '‹ 返回列表');
    back.href = location.pathname;
    back.dataset.nav = '';
    const title = el('h2', '', '写必读通知');
    title.tabIndex = -1;
    this.form = el('form', 'form');
    this.form.noValidate = true;
    this.faults = el('div', 'faults');
    this.faults.tabIndex = -1;
    this.faults.hidden = true;
    this.send = el('button', 'main', '发送');
    this.reach = el('div', 'reach');
    this.reach.setAttribute('role', 'status');
    const acts = el('div', 'acts');
    acts.append(this.send);
    this.form.append(
      this.faults,
      this.text('title', '标题', TITLE_MAX, { tag: 'input', hint: '会出现在短信里：不写姓名、号码和网址。' }),
      this.text('text', '正文', TEXT_MAX, { tag: 'textarea', hint: '只在掌办里阅读，不进短信。' }),
      this.unitField(),
      this.priorityField(),
      this.text('reason', '理由', 200, { tag: 'input', hint: '重要和紧急级别不分时段提醒，理由记入审计。' }),
      this.deadlineField(),
      this.reach,
      acts,
    );
    this.form.addEventListener('submit', (e) => {
      e.preventDefault();
      this.submit();
    });
    this.place.replaceChildren(back, title, this.form);
    this.loud();
  }

  text(name, label, max, { tag, hint }) {
    const box = el('div', 'field');
    const l = el('label', '', label);
    const count = el('span', 'count');
    const input = el(tag);
    const help = el('p', 'hint', hint);
    if (tag === 'input') input.type = 'text';
    input.id = `f-${name}`;
    l.htmlFor = input.id;
    help.id = `${input.id}-help`;
    input.setAttribute('aria-describedby', help.id);
    input.value = this.v[name];
    l.append(el('span', 'must', '必填'), count);
    const draw = () => setText(count, `${length(input.value)} / ${max}`);
    input.addEventListener('input', () => {
      this.v[name] = input.value;
      draw();
      this.keep();
    });
    draw();
    box.append(l, input, help);
    return box;
  }

  unitField() {
    const box = el('fieldset', 'field');
    const legend = el('legend', '', '发给哪些单位');
    this.chosen = el('span', 'count');
    legend.append(el('span', 'must', '必填'), this.chosen);
    const search = el('input');
    search.type = 'search';
    search.id = 'f-units';
    search.placeholder = '按名称查找，如 工商';
    search.setAttribute('aria-label', '按名称查找单位');
    const list = el('div', 'units');
    list.tabIndex = -1;
    const draw = () => {
      const q = search.value.trim();
      const hits = this.units.filter((u) => LEVELS.includes(u.level) && (!u.group || u.members_complete)).filter((u) => !q || `${u.short_name}${u.full_name}`.includes(q));
      hits.sort((a, b) => this.v.units.includes(b.code) - this.v.units.includes(a.code));
      list.replaceChildren(...hits.map((u) => this.unitOption(u)));
      if (!hits.length) list.append(el('p', 'hint', `没有找到“${q}”，换个说法再试。`));
    };
    search.addEventListener('input', draw);
    search.addEventListener('keydown', (e) => e.key === 'Enter' && e.preventDefault());
    draw();
    this.countUnits();
    box.append(legend, search, list);
    return box;
  }

  unitOption(u) {
    const label = el('label', 'option');
    const input = el('input');
    input.type = 'checkbox';
    input.value = u.code;
    input.checked = this.v.units.includes(u.code);
    input.addEventListener('change', () => {
      this.v.units = input.checked ? [...this.v.units, u.code] : this.v.units.filter((c) => c !== u.code);
      this.keep();
      this.countUnits();
      this.estimate();
    });
    const words = el('span', '', u.short_name);
    if (u.group) words.append(el('small', '', '单位组：发给全部成员'));
    label.append(input, words);
    return label;
  }

  countUnits() {
    setText(this.chosen, `已选 ${this.v.units.length} 个`);
  }

  priorityField() {
    const box = el('fieldset', 'field');
    const list = el('div', 'options');
    box.id = 'f-priority';
    box.append(el('legend', '', '级别'), list);
    const may = this.tools.me.roles.some((r) => LOUD_ROLES.includes(r));
    if (!may && this.v.priority <= LOUD) this.v.priority = 3;
    for (const p of PRIORITIES.filter((x) => may || x.id > LOUD)) {
      const label = el('label', 'option');
      const input = el('input');
      input.type = 'radio';
      input.name = 'priority';
      input.value = String(p.id);
      input.checked = this.v.priority === p.id;
      input.addEventListener('change', () => {
        this.v.priority = p.id;
        this.keep();
        this.loud();
        this.estimate();
      });
      const words = el('span', '', p.name);
      words.append(el('small', '', p.more));
      label.append(input, words);
      list.append(label);
    }
    if (!may) box.append(el('p', 'hint', '重要和紧急级别由市领导或督办人员发送。'));
    return box;
  }

  loud() {
    this.form.querySelector('#f-reason').closest('.field').hidden = this.v.priority > LOUD;
  }

  deadlineField() {
    const box = el('div', 'field');
    const label = el('label', '', '阅读时限');
    const input = el('input');
    label.append(el('span', 'must', '可不填'));
    input.type = 'datetime-local';
    input.id = 'f-deadline';
    label.htmlFor = input.id;
    input.min = isoToLocal(this.tools.now());
    input.value = this.v.deadline;
    input.addEventListener('input', () => {
      this.v.deadline = input.value;
      this.keep();
    });
    box.append(label, input, el('p', 'hint', '填写后，各步提醒会提前，赶在时限之前。'));
    return box;
  }

  // ---- how many, before sending ----
  estimate() {
    clearTimeout(this.timer);
    const { units, priority } = this.v;
    setText(this.send, '发送');
    if (!units.length) {
      this.reach.replaceChildren(el('p', '', '选好单位后，这里显示能通知到多少人。'));
      return;
    }
    this.timer = setTimeout(async () => {
      try {
        const e = await post('/v1/circulars/estimate', { priority, units });
        if (!this.open || units !== this.v.units || priority !== this.v.priority) return;
        const b = el('b', '', `将通知 ${people(e.people)}（${e.units} 个单位）`);
        this.reach.replaceChildren(b, el('p', '', estimateText(e)), el('p', 'hint', planText(e.plan)));
        setText(this.send, `发送给 ${people(e.people)}`);
      } catch (e) {
        this.reach.replaceChildren(el('p', '', `暂时不能估算：${e.detail ?? ''}`));
      }
    }, ESTIMATE_AFTER_MS);
  }

  // ---- sending ----
  faultsOf() {
    const out = [];
    const { v } = this;
    if (!v.title.trim()) out.push(['title', '标题：请填写']);
    else if (length(v.title) > TITLE_MAX) out.push(['title', `标题：最多 ${TITLE_MAX} 个字，现有 ${length(v.title)} 个`]);
    if (!v.text.trim()) out.push(['text', '正文：请填写']);
    else if (length(v.text) > TEXT_MAX) out.push(['text', `正文：最多 ${TEXT_MAX} 个字，现有 ${length(v.text)} 个`]);
    if (!v.units.length) out.push(['units', '单位：请至少选择一个']);
    if (v.priority <= LOUD && !v.reason.trim()) out.push(['reason', '理由：重要和紧急级别须写明理由']);
    return out;
  }

  showFaults(list, focus = true) {
    for (const e of this.form.querySelectorAll('[aria-invalid]')) e.removeAttribute('aria-invalid');
    this.faults.hidden = list.length === 0;
    const ul = el('ul');
    for (const [name, text] of list) {
      const li = el('li');
      const a = el('a', '', text);
      a.href = `#${PLACES[name] ?? ''}`;
      a.addEventListener('click', (e) => {
        e.preventDefault();
        this.form.querySelector(`#${PLACES[name]}`)?.focus();
      });
      li.append(a);
      ul.append(li);
      this.form.querySelector(`#${PLACES[name]}`)?.setAttribute('aria-invalid', 'true');
    }
    this.faults.replaceChildren(el('b', '', '请检查填写内容'), ul);
    if (list.length && focus) this.form.querySelector(`#${PLACES[list[0][0]]}`)?.focus();
  }

  async submit() {
    const bad = this.faultsOf();
    this.showFaults(bad);
    if (bad.length) return;
    const { v } = this;
    this.send.disabled = true;
    try {
      const c = await post(
        '/v1/circulars',
        { title: v.title.trim(), text: v.text.trim(), units: v.units, priority: v.priority, dedupe: v.dedupe, ...(v.priority <= LOUD && { reason: v.reason.trim() }),
          ...(v.deadline && { deadline: localToIso(v.deadline) }) },
        v.dedupe,
      );
      localStorage.removeItem(DRAFT);
      this.tools.sent(c.id);
    } catch (e) {
      if (e.code && e.status < 500 && PLACES[e.field]) this.showFaults([[e.field, e.detail]]);
      else this.tools.fail(this.reach, e);
      if (e.code && e.status < 500) {
        this.v.dedupe = crypto.randomUUID(); // that one was not sent; a changed text is another request
        this.keep();
      }
    }
    this.send.disabled = false;
  }
}
