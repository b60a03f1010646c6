// SPDX-License-Identifier: Apache-2.0
//
// What the wall board does while things change: rows move, the line is late, breaks and comes back, the page starts without a server.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { UNITS, board, lifted } from './lib/boards.mjs';
import { axe, launch, open, shot } from './lib/browser.mjs';
import { scripted, target } from './lib/target.mjs';

const COUNTY = 'ranking:2018:county';
let browser;
let t;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const liveRows = (page) => page.locator('#stage[data-state=live] #rows .row').first().waitFor();
const state = (page, s) => page.locator(`#stage[data-state=${s}]`).waitFor();
const order = (page) => page.$$eval('#rows .row', (rows) => rows.map((r) => r.dataset.unit));
const firstIs = (page, unit) => page.waitForFunction((u) => document.querySelector('#rows .row')?.dataset.unit === u, unit);
const pill = (page) => page.locator('#pill-text').textContent();

async function look({ path = '/board?rotate=0', clock = false, ...options } = {}) {
  const page = await open(browser, options);
  if (clock) await page.clock.install();
  await page.goto(t.url + path);
  return page;
}

// Which rows were animated, and how many ghosts of a cross-fade were made, from now on.
const watchMoves = (page) =>
  page.evaluate(() => {
    globalThis.seen = { rows: new Set(), ghosts: 0, other: [] };
    const own = Element.prototype.animate;
    Element.prototype.animate = function animate(frames, options) {
      if (this.classList.contains('ghost')) globalThis.seen.ghosts++;
      else if (this.dataset.unit && !options.pseudoElement) globalThis.seen.rows.add(this.dataset.unit);
      for (const f of frames)
        globalThis.seen.other.push(...Object.keys(f).filter((k) => !['transform', 'opacity', 'offset'].includes(k)));
      return own.call(this, frames, options);
    };
  });
const seen = (page) =>
  page.evaluate(() => ({ rows: [...globalThis.seen.rows], ghosts: globalThis.seen.ghosts, other: globalThis.seen.other }));

describe('live board', scripted, () => {
  beforeEach(async () => {
    await t?.close();
    t = await target();
  });
  after(() => t?.close());

  test('a new ranking moves its rows; every unit keeps its one element', async () => {
    const page = await look();
    await liveRows(page);
    await watchMoves(page);
    await page.$$eval('#rows .row', (rows) =>
      rows.forEach((r) => {
        r.same = r.dataset.unit;
      }),
    );
    const b = board('county');
    const next = lifted(b, b.rows[3].unit, 1);
    t.gw.publish(COUNTY, next);
    await firstIs(page, b.rows[3].unit);
    await shot(page, 'board-moving');
    assert.deepEqual(
      await order(page),
      next.rows.map((r) => r.unit),
    );
    assert.deepEqual(await page.$$eval('#rows .row', (rows) => rows.map((r) => r.same === r.dataset.unit)), Array(10).fill(true));
    const s = await seen(page);
    assert.deepEqual(
      s.rows.sort(),
      b.rows
        .slice(0, 4)
        .map((r) => r.unit)
        .sort(),
    );
    assert.equal(s.ghosts, 0);
    assert.deepEqual(s.other, [], 'only transform and opacity');
    await page.waitForFunction((text) => document.querySelector('#rows .row .c-score b').textContent === text, '104.5');
    await page.context().close();
  });

  test('more than six rows cross-fade; reduced motion sets at once', async () => {
    for (const reducedMotion of ['no-preference', 'reduce']) {
      const page = await look({ reducedMotion });
      await liveRows(page);
      await watchMoves(page);
      const b = board('county');
      const next = { ...b, version: 9, rows: [...b.rows].reverse().map((r, i) => ({ ...r, rank: i + 1 })) };
      t.gw.publish(COUNTY, next);
      await firstIs(page, next.rows[0].unit);
      const s = await seen(page);
      assert.deepEqual(s.rows, []);
      assert.equal(s.ghosts, reducedMotion === 'reduce' ? 0 : 1);
      await page.waitForFunction(() => !document.querySelector('.ghost'));
      t.gw.set(COUNTY, b);
      await page.context().close();
    }
  });

  test('many rankings in a burst: the last one counts, an older one is dropped', async () => {
    const page = await look({ clock: true });
    await liveRows(page);
    await watchMoves(page);
    let b = board('county');
    for (let i = 1; i < 9; i++) {
      b = lifted(b, b.rows[i].unit, 1);
      t.gw.publish(COUNTY, b);
    }
    await firstIs(page, b.rows[0].unit);
    assert.deepEqual(
      await order(page),
      b.rows.map((r) => r.unit),
    );
    const { offset } = t.gw.boards.get(COUNTY);
    for (const ws of t.gw.sockets) t.gw.say(ws, { push: { channel: COUNTY, pub: { data: board('county'), offset: offset - 1 } } });
    const city = board('city');
    t.gw.publish('ranking:2018:city', { ...city, totals: { ...city.totals, red: 77 } }); // behind the old one on the same line
    await page.waitForFunction(() => document.querySelector('[data-total=red]').textContent === '77');
    await page.clock.fastForward(2500);
    assert.deepEqual(
      await order(page),
      b.rows.map((r) => r.unit),
    );
    await page.context().close();
  });

  test('rotation waits until a move was seen', async () => {
    const page = await look({ path: '/board?scope=county&rotate=20', clock: true });
    await liveRows(page);
    await page.clock.fastForward(22000);
    const b = board('county');
    t.gw.publish(COUNTY, lifted(b, b.rows[2].unit, 1));
    await firstIs(page, b.rows[2].unit);
    await page.clock.fastForward(5000);
    assert.equal(await page.locator('#tabs [aria-pressed=true]').textContent(), '县（市、区）');
    await page.clock.fastForward(6000);
    await page.locator('#tabs [data-scope=department][aria-pressed=true]').waitFor();
    await page.context().close();
  });

  test('a new event comes in on top and the totals follow', async () => {
    const page = await look();
    await liveRows(page);
    const b = board('city');
    const event = { at: '2018-06-27T14:33:00+08:00', kind: 'submit', unit: 'NP-WYXQ', title: '企业开办一窗受理', task: 'NP2018-9' };
    t.gw.publish('ranking:2018:city', {
      ...b,
      events: [event, ...b.events],
      events_today: 48,
      totals: { ...b.totals, tasks: 12345, red: 12 },
    });
    await page.waitForFunction(() => document.querySelector('#events li .what b').textContent === '武夷新区');
    assert.equal(await page.locator('#events li').count(), 5);
    assert.equal(await page.locator('#events li .kind').first().textContent(), '报结');
    assert.equal(await page.locator('#events-today').textContent(), '今日 48 条');
    assert.equal(await page.locator('[data-total=red]').textContent(), '12');
    assert.equal(await page.locator('[data-total=tasks]').textContent(), '1.2万');
    await page.context().close();
  });

  test('silence: late after 15 s, live again with the first word', async () => {
    const page = await look({ clock: true });
    await liveRows(page);
    t.gw.mute = true;
    await page.clock.fastForward(20000);
    await state(page, 'late');
    assert.match(await pill(page), /^数据延迟 2\d秒$/);
    await shot(page, 'board-late');
    assert.deepEqual((await axe(page)).violations, []);
    t.gw.mute = false;
    t.gw.publish(COUNTY, board('county'));
    await state(page, 'live');
    assert.equal(await pill(page), '实时');
    await page.context().close();
  });

  test('a lost line says 已断开, keeps the figures, comes back by itself with what was missed', async () => {
    const page = await look({ clock: true });
    await liveRows(page);
    const before = await order(page);
    t.gw.down = true;
    t.gw.drop();
    await state(page, 'off');
    await page.clock.fastForward(192000);
    await page.waitForFunction(() =>
      /^已断开 3分\d+秒 · 数据截至 14:3\d:\d\d$/.test(document.querySelector('#pill-text').textContent),
    );
    assert.deepEqual(await order(page), before);
    const bar = await page.$eval('.bar', (e) => [
      e.scrollWidth <= e.clientWidth,
      document.querySelector('.pill').getBoundingClientRect().right <= 1892.5,
    ]);
    assert.deepEqual(bar, [true, true], 'the long pill fits');
    assert.deepEqual((await axe(page)).violations, []);
    await shot(page, 'board-off');
    const clock = await page.locator('#clock').textContent();
    await page.waitForFunction((c) => document.querySelector('#clock').textContent !== c, clock); // the clock keeps running
    const b = board('county');
    t.gw.set(COUNTY, lifted(b, b.rows[5].unit, 1));
    t.gw.down = false;
    await page.clock.fastForward(15000);
    await state(page, 'live');
    await firstIs(page, b.rows[5].unit);
    await page.context().close();
  });

  test('a session that died is replaced', async () => {
    const page = await look();
    await liveRows(page);
    for (const token of t.gw.tokens) t.gw.dead.add(token);
    t.gw.drop();
    await state(page, 'off');
    await state(page, 'live');
    assert.ok(t.gw.sessions >= 2);
    await page.context().close();
  });

  test('cold start without a server: waits in words, then names the way to help', async () => {
    t.gw.down = true;
    const page = await look({ clock: true });
    await page.locator('#notice').waitFor();
    assert.equal(await page.locator('#notice-title').textContent(), '正在连接，请稍候…');
    assert.deepEqual((await axe(page)).violations, []);
    await page.clock.fastForward(4000);
    await shot(page, 'board-cold');
    await page.clock.fastForward(31000);
    await page.waitForFunction(
      () => document.querySelector('#notice-title').textContent === '暂时连接不上服务器，系统会自动重试。',
    );
    assert.match(await page.locator('#notice-more').textContent(), /^请联系值班/);
    t.gw.down = false;
    await page.clock.fastForward(16000);
    await state(page, 'live');
    await liveRows(page);
    await page.context().close();
  });

  test('a reload without a server starts from the last good state', async () => {
    const page = await look();
    await liveRows(page);
    const had = await order(page);
    t.gw.down = true;
    t.gw.drop();
    await state(page, 'off');
    await page.reload();
    await state(page, 'off');
    assert.deepEqual(await order(page), had);
    assert.match(await pill(page), /^已断开 /);
    assert.equal(await page.locator('#plan').textContent(), '“互联网+放管服”平台建设');
    await page.context().close();
  });

  test('figures older than a day are taken away', async () => {
    const page = await look();
    await liveRows(page);
    t.gw.down = true;
    t.gw.drop();
    await state(page, 'off');
    await page.goto('about:blank');
    await page.goto(`${t.url}/icon.svg`);
    await page.evaluate(() => {
      const s = JSON.parse(localStorage.getItem('zhangban.board'));
      s.heardAt -= 25 * 3600e3;
      s.biz -= 25 * 3600e3;
      localStorage.setItem('zhangban.board', JSON.stringify(s));
    });
    await page.goto(`${t.url}/board?rotate=0`);
    await state(page, 'old');
    await page.waitForFunction(() => document.querySelector('#notice-title').textContent === '数据已超过24小时未更新');
    assert.equal(await page.locator('[data-total=tasks]').textContent(), '—');
    assert.equal(await page.locator('#table').isVisible(), false);
    await shot(page, 'board-old');
    await page.context().close();
  });

  test('outside the demo: no token says so; a token in the address is taken out of it', async () => {
    t.gw.demo = false;
    const page = await look();
    await page.waitForFunction(() => document.querySelector('#pill-text').textContent === '未登录');
    await page.goto('about:blank');
    await page.goto(`${t.url}/board?rotate=0&period=2018#token=display-1`);
    await liveRows(page);
    assert.equal(new URL(page.url()).hash, '');
    assert.equal(t.gw.tokens.at(-1), 'display-1');
    assert.equal(await page.locator('#demo').isVisible(), false);
    await page.reload();
    await liveRows(page);
    await page.context().close();
  });

  test('demo: the business clock runs at its own speed and says so', async () => {
    t.gw.speed = 600;
    const page = await look();
    await liveRows(page);
    assert.equal(await page.locator('#demo').textContent(), '演示时间');
    assert.equal(await page.locator('#demo').isVisible(), true);
    await page.waitForFunction(() => document.querySelector('#clock').textContent > '14:50:00'); // 18 minutes in under two seconds
    assert.equal(await page.locator('#date').textContent(), '2018年6月27日 周三');
    await page.context().close();
  });

  test('a wall that is never switched off: dim in the evening, a moving clock on Saturday when asked for', async () => {
    t.gw.demo = false;
    t.gw.base = Date.parse('2018-06-30T21:00:00+08:00');
    const page = await look({ path: '/board?period=2018&rotate=0#token=display-1' });
    await liveRows(page);
    await page.locator('body.dim .stage').waitFor();
    assert.equal(await page.locator('#rest').isVisible(), false);
    await page.goto(`${t.url}/board?period=2018&dim=0&rest=1`);
    await page.locator('#rest').waitFor();
    assert.equal(await page.locator('#rest').textContent(), '21:00');
    assert.equal(await page.locator('body.dim').count(), 0);
    const step = await page.$eval('#stage', (e) => e.style.transform.match(/-?\d+(?=px)/g).map(Number));
    assert.ok(
      step.every((n) => Math.abs(n) <= 4),
      `${step}`,
    );
    await page.context().close();
  });

  test('phone: lost line in words above everything', async () => {
    const page = await look({ width: 390, height: 844 });
    await liveRows(page);
    t.gw.down = true;
    t.gw.drop();
    await state(page, 'off');
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390);
    assert.equal(await page.locator('#rows .row').count(), UNITS.county.length);
    await shot(page, 'board-390-off');
    await page.context().close();
  });
});
