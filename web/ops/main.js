// SPDX-License-Identifier: Apache-2.0
//
// The operators' page: session, connection, one view at a time in the address (#overview, #messages, #channels, #queues, #message/<id>),
// asked anew every five seconds while somebody looks. Figures stay when the line is down; the pill says how old they are.
import { pauseOf, resumeOf, showChannels, testOf } from './channels.js';
import { askAct } from './dialog.js';
import { Live } from './live.js';
import { Messages, Queues } from './lists.js';
import { remember, showOverview } from './overview.js';
import { $, setText } from './parts.js';
import { takeToken } from './session.js';
import { drawTrace, drawWait } from './timeline.js';
import { ago, clock, lastFour } from './words.js';

const EVERY_MS = 5000;
const LATE_MS = 15000;
const OFF_MS = 60000;
const SLOW_MS = 8000;
const FINAL = ['delivered', 'failed', 'unknown', 'cancelled'];
const TITLES = { overview: '总览', messages: '消息', channels: '通道', queues: '队列' };

let data = null; // the newest overview
let heardAt = 0;
let up = false;
let view = '';
let asking = false;
let fault = null; // {title, more}: nothing can be shown
let followed = ''; // delivery of a test that is under way
let opened = null; // {id, meta} of the time line
const startedAt = Date.now();

const live = new Live(takeToken(), {
  up: (is) => {
    up = is;
    if (is) turn();
    pill();
  },
  noSession: () => {
    fault = ['请重新登录', '本页需要管理员或审计员的登录令牌：打开 /ops#token=令牌。令牌由 zhangban session --person 或手机登录取得。'];
    draw();
  },
});

// ---- acts ----
function said(text, href) {
  setText($('done-text'), `${text} ${clock(Date.now())}`);
  $('done-link').hidden = !href;
  if (href) $('done-link').href = href;
  $('done').hidden = false;
}
$('done-close').addEventListener('click', () => {
  $('done').hidden = true;
});

async function perform(a, href) {
  const result = await askAct(a, (reason) => live.act(a.method, { ...a.data, ...(a.reason && { reason }) }));
  if (result) said(a.done, href);
  if (result) await turn(true);
  return result;
}

const acts = {
  pause: (p) => perform(pauseOf(p)),
  resume: (p) => perform(resumeOf(p)),
  async test(p) {
    const r = await perform(testOf(p));
    if (!r) return;
    said(`测试消息已提交 ${p.name}，等待结果`, `#message/${r.notice}`);
    followed = r.delivery;
    follow(p, r);
  },
};

async function follow(p, r) {
  for (let i = 0; i < 60 && followed === r.delivery; i++) {
    await new Promise((ok) => setTimeout(ok, 1000));
    const d = await live.ask('delivery.get', { delivery_id: r.delivery }).catch(() => null);
    if (!d || !FINAL.includes(d.state)) continue;
    said(`${p.name} 测试：${d.text}`, `#message/${r.notice}`);
    return;
  }
}

const objectOf = (d) => [['下发编号', d.id], ['消息', d.title], ['收件人', d.name], ['现状', d.text]];
const replayOf = (d) => ({
  title: '重发这条消息',
  say: '同一条消息的新一次发送，所有运营方重新可用。对方若其实已经收到，可能会再收到一次。',
  facts: objectOf(d),
  reason: true,
  act: '重发',
  method: 'delivery.replay',
  data: { delivery_id: d.id },
  done: '已重新排队',
});
const cancelOf = (d) => ({
  title: '取消这条下发',
  say: '不再经这个通道发送，站内消息仍在，后面的步骤照计划。取消后不能恢复。',
  facts: objectOf(d),
  reason: true,
  four: lastFour(d.id),
  act: '取消下发',
  danger: true,
  method: 'delivery.cancel',
  data: { delivery_id: d.id },
  done: '已取消下发',
});
const deal = {
  replay: (d) => perform(replayOf(d)),
  cancel: (d) => perform(cancelOf(d)),
};

// ---- the time line, beside whatever view there is ----
async function loadTrace() {
  if (!opened) return;
  const { id, meta } = opened;
  const t = await live.ask('notice.trace', { notice_id: id });
  if (opened?.id === id && JSON.stringify(t) !== opened.drawn) {
    opened.drawn = JSON.stringify(t);
    drawTrace(t, meta, data?.may_act ? deal : null);
  }
}

function openTrace(id, meta = null) {
  opened = { id, meta };
  drawWait('正在读取…');
  $('trace').showModal();
  loadTrace().catch((e) => drawWait(typeof e.code === 'string' ? e.message : '没有连上服务器，请稍后再试。'));
}
$('trace').addEventListener('close', () => {
  opened = null;
  if (location.hash.startsWith('#message/')) history.replaceState(null, '', `#${view}`);
});
$('trace').addEventListener('click', (e) => {
  if (e.target === $('trace')) $('trace').close();
});

const tell = { changed: () => turn(true), open: openTrace, act: (m, d) => live.act(m, d), ...deal };
const queues = new Queues($('queues'), tell);
new Messages($('messages'), tell);

// ---- one turn ----
async function turn(now = false) {
  if ((asking && !now) || document.hidden || !live.isUp) return;
  asking = true;
  try {
    const o = await live.ask('ops.overview');
    if (view === 'queues') await queues.load((m, d) => live.ask(m, d));
    data = o;
    heardAt = Date.now();
    fault = null;
    remember(o);
    draw();
    await loadTrace();
  } catch (e) {
    if (e.code === 'E_PERM') fault = ['没有权限', '本页供系统管理员和审计员使用。如工作需要，请联系本单位管理员开通。'];
    else if (typeof e.code === 'string' && !data) fault = ['服务暂时不可用', `${e.message}（${e.code}）`];
    draw();
  } finally {
    asking = false;
  }
}

// ---- drawing ----
function blank(title, more, again) {
  $('blank').hidden = title === '';
  setText($('blank-title'), title);
  setText($('blank-more'), more);
  $('blank-act').hidden = !again;
}
$('blank-act').addEventListener('click', () => {
  fault = null;
  live.retry();
});

$('stale-act').addEventListener('click', () => live.retry());

function draw() {
  for (const v of Object.keys(TITLES)) $(v).hidden = v !== view || !data || Boolean(fault);
  if (fault) blank(fault[0], fault[1], !live.ended);
  else if (data) blank('', '');
  else if (Date.now() - startedAt > SLOW_MS) blank('打不开内容', '暂时连不上服务器，系统会自动重试。', true);
  else blank('正在连接，请稍候…', '');
  if (!data || fault) return pill();
  const wrong = data.providers.filter((p) => p.state !== 'well').length;
  const counts = { 'count-channels': wrong, 'count-queues': data.today.dead };
  for (const [id, n] of Object.entries(counts)) {
    $(id).hidden = n === 0;
    setText($(id), n > 99 ? '99+' : String(n));
    $(id).setAttribute('aria-label', id === 'count-channels' ? `${n} 家不正常` : `今日 ${n} 条死信`);
  }
  setText($('who'), data.may_act ? '管理员' : '审计员（只读）');
  if (view === 'overview') showOverview($('overview'), data);
  if (view === 'channels') showChannels($('channels'), data, acts);
  if (view === 'queues') queues.show(data);
  return pill();
}

function pill() {
  const age = heardAt ? Date.now() - heardAt : Date.now() - startedAt;
  const off = heardAt && (age > OFF_MS || (!up && age > EVERY_MS));
  const state = !heardAt ? 'cold' : off ? 'off' : age > LATE_MS ? 'late' : 'live';
  document.body.dataset.live = state;
  const text = { cold: live.ended ? '未登录' : '正在连接', live: '实时', late: `数据延迟 ${ago(age)}`, off: `已断开 ${ago(age)}` }[state];
  setText($('pill-text'), text);
  $('stale').hidden = state !== 'off' || !data;
  setText($('stale-text'), `显示的是 ${clock(data?.at)} 的内容，恢复后自动更新。`);
  setText($('asof'), data ? `数据时间 ${clock(data.at)}` : '数据时间 —');
}

function route() {
  const [name, id] = location.hash.slice(1).split('/');
  if (name === 'message' && id) {
    if (!view) go('overview');
    openTrace(id);
    return;
  }
  go(TITLES[name] ? name : 'overview');
}

function go(name) {
  const first = view === '';
  view = name;
  setText($('title'), TITLES[name]);
  document.title = `${TITLES[name]} · 运维 · 掌办`;
  for (const a of $('nav').children) {
    if (a.dataset.view === name) a.setAttribute('aria-current', 'page');
    else a.removeAttribute('aria-current');
  }
  draw();
  if (!first) {
    scrollTo(0, 0);
    $('title').focus();
    turn(true);
  }
}

addEventListener('hashchange', route);
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) turn();
});
setInterval(turn, EVERY_MS);
setInterval(() => (data ? pill() : draw()), 1000);
route();
live.start();
