// SPDX-License-Identifier: Apache-2.0
//
// The board: session, boards of every scope, and what of them is on the screen. One tick four times a second drives clock, pill,
// rotation and everything else that depends on time; a new ranking is drawn at most once in two seconds (latest wins).
//
// Address: ?period=2018|2018-Q1|2018-03 &scope=city|county|department|soe &rotate=seconds a page, 0 stands still
//          &dim=19-7 or 0 &rest=1 (moving clock on Saturday and Sunday) #token=…
import { BusinessClock } from './clock.js';
import { $, el, setText } from './dom.js';
import { Live } from './live.js';
import { showEvents, showTotals, showWeeks } from './panels.js';
import { Rotation } from './rotation.js';
import * as saved from './saved.js';
import { NoSession, openSession, takeToken } from './session.js';
import * as stage from './stage.js';
import { judge } from './state.js';
import { RankingTable } from './table.js';
import { SCOPES, clockText, dateText, isPeriod, isoDay, parts, periodText, planText, score, totalsText } from './words.js';

const PAGE_ROWS = 10;
const REDRAW_MS = 2000;
const AFTER_MOVE_MS = 10000;
const AFTER_CHOICE_MS = 60000;
const SUMMARY_MS = 60000;
const SESSION_AGAIN_MS = 10000;
const OWN_CLOCK_MS = 3000; // without an answer of the server the machine's own time is shown after this

const query = new URLSearchParams(location.search);
const clock = new BusinessClock();
const table = new RankingTable($('rows'));
const known = (scope) => SCOPES.some((s) => s.id === scope);
const names = new Map(); // unit code -> board name
const boards = {}; // scope -> board
const facts = {
  startedAt: Date.now(),
  heardAt: 0,
  hasData: false,
  up: false,
  biz: clock.now(),
  phone: '',
  noToken: false,
  timeKnown: false,
};
let period = isPeriod(query.get('period')) ? query.get('period') : '';
let plan = null;
let demo = false;
let live = null;
let token = takeToken();

const rowsOf = (scope) => boards[scope]?.rows ?? [];
const pagesOf = (scope) => (stage.wide.matches ? Math.ceil(rowsOf(scope).length / PAGE_ROWS) : Math.min(1, rowsOf(scope).length));
const seconds = Number(query.get('rotate') ?? 20);
const rotation = new Rotation({
  scope: known(query.get('scope')) ? query.get('scope') : 'county',
  seconds: Number.isFinite(seconds) && seconds >= 0 && stage.wide.matches ? seconds : 0,
  scopes: SCOPES.map((s) => s.id),
  pages: pagesOf,
});

// ---- drawing ----
let drawnAt = 0;
let redraw = ''; // '', 'set', 'move', 'fade': the strongest wish wins
const STRENGTH = ['', 'set', 'move', 'fade'];
const want = (how) => {
  if (STRENGTH.indexOf(how) > STRENGTH.indexOf(redraw)) redraw = how;
};

function tabs() {
  const nav = $('tabs');
  if (!nav.childElementCount) {
    for (const s of SCOPES) {
      const b = el('button', '', s.name);
      b.type = 'button';
      b.dataset.scope = s.id;
      b.addEventListener('click', () => choose(s.id));
      nav.append(b);
    }
  }
  for (const b of nav.children) b.setAttribute('aria-pressed', String(b.dataset.scope === rotation.scope));
  const pages = pagesOf(rotation.scope);
  const dots = $('dots');
  if (dots.childElementCount !== (pages > 1 ? pages : 0))
    dots.replaceChildren(...Array.from({ length: pages > 1 ? pages : 0 }, () => el('i')));
  [...dots.children].forEach((d, i) => d.classList.toggle('on', i === rotation.current()));
}

function choose(scope) {
  rotation.choose(scope);
  rotation.hold(AFTER_CHOICE_MS);
  query.set('scope', scope);
  history.replaceState(null, '', `?${query}`);
  want('fade');
  draw();
}

function draw() {
  const how = redraw;
  redraw = '';
  drawnAt = Date.now();
  const board = boards[rotation.scope];
  const whole = boards.city ?? board; // the panels beside the ranking are about the whole city
  const page = rotation.current();
  const rows = stage.wide.matches ? rowsOf(rotation.scope).slice(page * PAGE_ROWS, (page + 1) * PAGE_ROWS) : rowsOf(rotation.scope);
  tabs();
  setText($('plan'), plan?.title ? planText(plan.title) : '');
  $('plan').title = plan?.title ?? '';
  $('demo').hidden = !demo;
  $('simulated').hidden = !demo; // whoever acts in a demo is nobody real
  setText($('period'), period ? periodText(period) : '');
  setText($('totals-period'), period ? totalsText(period) : '');
  $('frozen').hidden = !board?.frozen;
  if (table.show(rows, how || 'set')) rotation.hold(AFTER_MOVE_MS);
  const old = last.state === 'old';
  showTotals(old ? null : whole?.totals);
  showEvents(whole, clock.now(), (unit) => names.get(unit) ?? unit);
  showWeeks(whole?.weeks, clock.now());
  setText($('foot'), board ? `规则 ${board.rule} 版，数据截至 ${clockText(Date.parse(board.at)).slice(0, 5)}` : '');
  notice();
}

// What stands in place of the ranking.
function notice() {
  const board = boards[rotation.scope];
  const none = board && rowsOf(rotation.scope).length === 0;
  const title = last.title || (none ? '本期暂无排名' : '');
  const more = last.title ? last.more : none && board.min_tasks ? `计入考核的任务少于 ${board.min_tasks} 件的单位不参评。` : '';
  $('notice').hidden = title === '';
  $('table').hidden = title !== '';
  setText($('notice-title'), title);
  setText($('notice-more'), more);
}

// ---- time ----
let last = { state: 'cold', title: '' };
let saidAt = 0;
let day = '';

function summary(now) {
  if (now - saidAt < SUMMARY_MS || !facts.hasData) return;
  saidAt = now;
  const top = rowsOf(rotation.scope)
    .filter((r) => r.rank !== null)
    .slice(0, 3)
    .map((r) => `第${r.rank}名${r.name}${score(r.score)}分`);
  const t = (boards.city ?? boards[rotation.scope])?.totals;
  const name = SCOPES.find((s) => s.id === rotation.scope).name;
  setText(
    $('summary'),
    `${name}排行：${top.join('，')}。${t ? `红灯${t.red}项，黄灯${t.yellow}项，绿灯${t.green}项。` : ''}${last.pill}`,
  );
}

function tick() {
  const now = Date.now();
  const biz = clock.now();
  if (facts.timeKnown || now - facts.startedAt > OWN_CLOCK_MS) {
    setText($('clock'), clockText(biz));
    setText($('date'), dateText(biz));
  }
  live?.probe();
  const j = judge({ ...facts, now, bizNow: biz });
  if (j.state !== last.state) $('stage').dataset.state = j.state;
  setText($('pill-text'), j.pill);
  const other = j.state !== last.state || j.title !== last.title;
  last = j;
  if (other || isoDay(biz) !== day) want('set');
  day = isoDay(biz);
  if (rotation.tick()) want('fade');
  if (redraw && (redraw !== 'move' || now - drawnAt >= REDRAW_MS)) draw();
  summary(now);
  stage.shift(now);
  stage.dim(stage.dimHours(query.get('dim') ?? (demo || !facts.timeKnown ? '0' : '19-7')), biz);
  stage.rest(query.get('rest') === '1', biz);
}

// ---- data ----
let savedAt = 0;
function keep(force) {
  const now = Date.now();
  if (!facts.hasData || (!force && now - savedAt < REDRAW_MS)) return;
  savedAt = now;
  saved.save({ period, boards, plan, demo, phone: facts.phone, heardAt: facts.heardAt, biz: facts.biz });
}

function take(scope, board, { fromServer }) {
  const had = boards[scope];
  boards[scope] = board;
  for (const r of board.rows ?? []) names.set(r.unit, r.name);
  facts.hasData = true;
  if (fromServer) {
    if (demo) clock.atLeast(Date.parse(board.at));
    facts.biz = clock.now();
    keep(false);
  }
  if (scope === rotation.scope || scope === 'city') want(had && scope === rotation.scope ? 'move' : 'set');
}

function restore() {
  const s = saved.load(period);
  if (!s) return;
  ({ period, plan, demo } = s);
  facts.phone = s.phone;
  facts.heardAt = s.heardAt;
  facts.biz = s.biz;
  clock.set(s.biz + (Date.now() - s.heardAt), 1);
  facts.timeKnown = true;
  for (const scope of SCOPES) if (s.boards[scope.id]) take(scope.id, s.boards[scope.id], { fromServer: false });
  want('set');
}

function learn(session) {
  demo = session.demo === true;
  plan = session.plan ?? plan;
  facts.phone = session.duty_phone || facts.phone;
  clock.set(Date.parse(session.now), session.speed ?? 1);
  facts.timeKnown = true;
}

// A token for the next connection: the one of the address, or a fresh display session of the demo.
let spare = '';
async function nextToken() {
  if (token) return token;
  if (spare) {
    const first = spare;
    spare = '';
    return first;
  }
  const session = await openSession();
  learn(session);
  return session.token;
}

function connect() {
  if (!period) period = String(parts(clock.now()).year);
  live = new Live({
    period,
    scopes: SCOPES.map((s) => s.id),
    hooks: {
      token: nextToken,
      heard: () => {
        facts.heardAt = Date.now();
        facts.biz = clock.now();
      },
      up: (up) => {
        facts.up = up;
      },
      board: (scope, board) => take(scope, board, { fromServer: true }),
      me: (info) => {
        demo = info.demo === true;
        clock.set(Date.parse(info.now), (info.speed_permille ?? 1000) / 1000);
        facts.timeKnown = true;
        keep(true);
      },
    },
  });
  live.start();
  want('set');
}

// The first session also says which year it is. Until then we ask again and again; what was saved is on the screen.
async function begin() {
  try {
    if (!token) {
      const session = await openSession();
      learn(session);
      spare = session.token;
      const thisYear = String(parts(clock.now()).year);
      if (!isPeriod(query.get('period')) && period !== thisYear) {
        for (const scope of Object.keys(boards)) delete boards[scope];
        facts.hasData = false;
        period = thisYear;
      }
    }
    facts.noToken = false;
    connect();
  } catch (e) {
    facts.noToken = e instanceof NoSession;
    setTimeout(begin, SESSION_AGAIN_MS * (0.5 + Math.random()));
  }
}

stage.fit();
addEventListener('resize', () => {
  stage.fit();
  want('set');
});
addEventListener('pagehide', () => keep(true));
addEventListener('hashchange', () => {
  token = takeToken();
  location.reload();
});
stage.quietPointer();
stage.nightlyReload(Date.now);
restore();
tick();
setInterval(tick, 250);
begin();
