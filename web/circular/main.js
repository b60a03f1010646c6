// SPDX-License-Identifier: Apache-2.0
//
// The page of must-read notices: lists, one of them live, writing one. The address says what is shown (?id=, ?new=1, ?box=), so that
// it can be linked and the browser's way back works. One tick a second for what depends on time alone.
import { BusinessClock } from '../board/clock.js';
import { $, el, setText } from '../board/dom.js';
import { duration } from '../board/words.js';
import { Detail } from './detail.js';
import { Live, get, token } from './server.js';
import { BOXES, STATES, moment, people } from './words.js';
import { Write } from './write.js';

const LATE_MS = 15000;
const POLL_MS = 5000; // of a unit's counters, which have no channel
const SLOW_MS = 8000;
const SENDERS = ['leader', 'dispatcher', 'approver'];
const STAFF = ['leader', 'dispatcher', 'approver', 'responsible', 'monitor'];

const clock = new BusinessClock();
const net = { up: false, heardAt: 0, ever: false };
let me = null;
let live = null;
let list = [];
let next = null;
let selected = '';

const say = (text) => setText($('said'), text);
const now = () => clock.now();

function band(text, again) {
  $('band').hidden = !text;
  $('band').replaceChildren(text);
  if (!again) return;
  const b = el('button', '', '重试');
  b.type = 'button';
  b.addEventListener('click', again);
  $('band').append(' ', b);
}

// A failed act is told where it was done; nothing typed is lost.
function fail(place, e) {
  place.querySelector?.(':scope > .fault')?.remove();
  const box = el('p', 'fault done', `${e.title ?? '没有成功'}：${e.detail ?? e.message}`);
  box.setAttribute('role', 'alert');
  place.append(box);
}

const detail = new Detail($('detail'), { now, say, fail, changed: () => loadList().catch(() => {}) });
const tools = { now, say, fail, me: null, sent: (id) => go({ id }) };
const write = new Write($('detail'), tools);

// ---- lists ----
const boxes = () => BOXES.filter((b) => (b.id !== 'sent' || me.roles.some((r) => SENDERS.includes(r))) && (b.id !== 'unit' || (me.unit && me.roles.some((r) => STAFF.includes(r)))));
const box = () => boxes().find((b) => b.id === new URLSearchParams(location.search).get('box')) ?? boxes()[0];

function item(c) {
  const li = el('li');
  const a = el('a');
  a.href = `?box=${box().id}&id=${encodeURIComponent(c.id)}`;
  a.dataset.nav = '';
  if (c.id === selected) a.setAttribute('aria-current', 'true');
  const mine = box().id === 'received';
  const from = mine ? (c.unit_name ?? c.sender_name) : STATES[c.state];
  const right = mine ? (c.mine?.confirmed_at ? '已确认' : c.mine?.read_at ? '已读，未确认' : '未读') : `已读 ${c.read}/${people(c.total)}`;
  a.append(el('b', '', c.title), el('span', '', `${from} · ${moment(c.created_at, now())} · ${right}`));
  if (!mine) {
    const bar = el('div', 'bar thin');
    const fill = el('i', 'read');
    fill.style.width = c.total ? `${(c.read * 100) / c.total}%` : '0';
    bar.append(fill);
    a.append(bar);
  }
  li.append(a);
  return li;
}

function drawList() {
  const b = box();
  $('tabs').replaceChildren(
    ...boxes().map((x) => {
      const t = el('button', '', x.name);
      t.type = 'button';
      t.setAttribute('aria-pressed', String(x.id === b.id));
      t.addEventListener('click', () => go({ box: x.id }));
      return t;
    }),
  );
  $('tabs').hidden = boxes().length < 2;
  $('list').replaceChildren(...list.map(item));
  const none = $('list-empty');
  none.hidden = list.length > 0;
  setText(none.children[0], b.empty);
  setText(none.children[1], b.more);
  $('list-more').hidden = !next;
  $('write').hidden = !me.roles.some((r) => SENDERS.includes(r));
}

async function loadList(more = false) {
  const b = box();
  const page = await get(`/v1/circulars?box=${b.id}&limit=50${more && next ? `&cursor=${next}` : ''}`);
  if (box().id !== b.id) return;
  list = more ? [...list, ...page.items] : page.items;
  next = page.next;
  drawList();
}

// ---- the address ----
function go(to) {
  const query = new URLSearchParams({ box: to.box ?? box().id, ...(to.id && { id: to.id }), ...(to.new && { new: '1' }) });
  history.pushState(null, '', `?${query}`);
  show({ focus: true }).catch(broken);
}

function empty(title, more, again) {
  const e = el('div', 'empty');
  e.append(el('p', 't', title), el('p', 'm', more));
  if (again) {
    const b = el('button', '', '重试');
    b.type = 'button';
    b.addEventListener('click', again);
    e.append(b);
  }
  $('detail').replaceChildren(e);
}

async function show({ focus = false } = {}) {
  const query = new URLSearchParams(location.search);
  selected = query.get('id') ?? '';
  const writing = query.get('new') === '1' && me.roles.some((r) => SENDERS.includes(r));
  $('page').dataset.view = selected || writing ? 'detail' : 'list';
  write.hide();
  detail.close();
  live.watch('');
  const slow = setTimeout(() => band('加载较慢，仍在努力…'), SLOW_MS);
  try {
    await Promise.all([loadList(), selected ? open(selected) : writing ? write.show() : empty('请选择一份通知', '左边是您的通知；点开看谁已读、谁未读。')]);
    band('');
  } finally {
    clearTimeout(slow);
  }
  if (focus) (selected || writing ? $('detail').querySelector('h2') : $('list-title'))?.focus();
}

async function open(id) {
  try {
    const c = await detail.open(id);
    if (c?.side === 'sender') live.watch(id);
  } catch (e) {
    if (e.code !== 'E_NOTFOUND') throw e;
    empty('没有找到', '内容不存在或您无权查看。请从列表重新进入。');
  }
}

function broken(e) {
  const again = () => start().catch(broken);
  if (e.code === 'E_AUTH') empty(e.title, e.detail);
  else if (net.ever) band(`${e.title ?? '没有成功'}：${e.detail ?? ''}`, again);
  else empty(e.code ? '服务暂时不可用' : '打不开内容', e.code ? '请稍后再试。' : '请检查网络后重试。', again);
  if (!net.ever) $('page').dataset.view = 'detail';
}

document.addEventListener('click', (e) => {
  const a = e.target.closest?.('a[data-nav], #write');
  if (!a || e.metaKey || e.ctrlKey || e.shiftKey) return;
  e.preventDefault();
  const q = new URL(a.href).searchParams;
  go({ id: q.get('id'), new: q.get('new'), box: q.get('box') });
});
addEventListener('popstate', () => show().catch(broken));
$('list-more').addEventListener('click', () => loadList(true).catch(broken));

// ---- time ----
let polledAt = 0;
function tick() {
  const silence = Date.now() - net.heardAt;
  const off = !net.up || silence > 60000;
  const state = !net.ever ? 'wait' : off ? 'off' : silence > LATE_MS ? 'late' : 'live';
  $('pill').dataset.state = state;
  const words = { wait: token ? '正在连接' : '未登录', live: '实时', late: `数据延迟 ${duration(silence)}`, off: `已断开 ${duration(silence)}` };
  setText($('pill-text'), words[state]);
  $('page').classList.toggle('stale', state === 'off');
  if (state === 'off' && !$('band').dataset.off) {
    $('band').dataset.off = '1';
    band(`网络已断开。显示的是 ${moment(new Date(net.heardAt).toISOString(), Date.now())} 的内容，恢复后自动更新。`, () => show().catch(broken));
  }
  live?.probe();
  detail.tick();
  if (state === 'live' && Date.now() - polledAt > POLL_MS) {
    polledAt = Date.now();
    detail.refresh().catch(() => {});
  }
}

let listTimer = 0;
function listSoon() {
  listTimer ||= setTimeout(() => {
    listTimer = 0;
    loadList().catch(() => {});
  }, 2000);
}

function connect() {
  live = new Live({
    heard: () => {
      net.heardAt = Date.now();
    },
    up: (up) => {
      const back = up && net.ever && !net.up;
      net.up = up;
      net.ever ||= up;
      if (up) net.heardAt = Date.now();
      tick();
      if (!back) return;
      delete $('band').dataset.off;
      band('');
      loadList().catch(() => {});
      if (detail.id && detail.c) detail.load().catch(() => {});
    },
    state: (counts) => {
      if (counts.id !== detail.id || !detail.c) return;
      detail.setCounts(counts);
      listSoon();
    },
    told: listSoon,
  });
}

async function start() {
  if (!token) {
    empty('请重新登录', '请从掌办登录后进入本页，或用带令牌的地址打开。');
    $('page').dataset.view = 'detail';
    return;
  }
  me = tools.me = await get('/v1/me');
  clock.set(Date.parse(me.now), (me.speed_permille ?? 1000) / 1000);
  setText($('who'), [me.unit?.name, me.name, me.demo ? '演示' : ''].filter(Boolean).join(' · '));
  if (!live) connect();
  await show();
}

setInterval(tick, 1000);
tick();
start().catch(broken);
