// SPDX-License-Identifier: Apache-2.0
//
// The wall board as it stands on a wall: layout, rotation, screens of other sizes, phone. What changes while one looks is in
// live.test.mjs.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { UNITS, board } from './lib/boards.mjs';
import { axe, launch, open, shot } from './lib/browser.mjs';
import { scripted, target } from './lib/target.mjs';

let browser;
let t;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const liveRows = (page) => page.locator('#stage[data-state=live] #rows .row').first().waitFor();
const order = (page) => page.$$eval('#rows .row', (rows) => rows.map((r) => r.dataset.unit));

async function look(path, options) {
  const page = await open(browser, options);
  if (options?.clock) await page.clock.install();
  await page.goto(t.url + path);
  return page;
}

// Everything that lies outside of its box, by name; empty is good.
const spilled = (page) =>
  page.evaluate(() => {
    const bad = [];
    const root = document.documentElement;
    if (root.scrollHeight !== innerHeight || root.scrollWidth !== innerWidth)
      bad.push(`page ${root.scrollWidth}x${root.scrollHeight}`);
    for (const p of document.querySelectorAll('.panel, .bar, .head, .cols, .row, #weeks, .totals dl > div')) {
      if (p.scrollHeight > p.clientHeight || p.scrollWidth > p.clientWidth)
        bad.push(`${p.className || p.tagName} ${p.scrollWidth}x${p.scrollHeight} in ${p.clientWidth}x${p.clientHeight}`);
    }
    for (const n of document.querySelectorAll(
      '#rows .name, .c-score b, .c-light, .c-change, .tabs button, .week, dd b, h1, h2, .pill',
    )) {
      if (n.scrollWidth > n.clientWidth + 1 && getComputedStyle(n).display !== 'inline') bad.push(`text ${n.textContent}`);
    }
    return bad;
  });

const smallest = (page) =>
  page.evaluate(() => {
    const walker = document.createTreeWalker(document.querySelector('.stage'), NodeFilter.SHOW_TEXT);
    let min = 1e9;
    for (let n = walker.nextNode(); n; n = walker.nextNode()) {
      if (n.textContent.trim() && n.parentElement.checkVisibility() && !n.parentElement.closest('.sr'))
        min = Math.min(min, parseFloat(getComputedStyle(n.parentElement).fontSize));
    }
    return min;
  });

describe('board', () => {
  beforeEach(async () => {
    await t?.close();
    t = await target();
  });
  after(() => t.close());

  test('1920 x 1080: nothing scrolls, nothing is cut, no accessibility fault', async () => {
    const page = await look('/board?rotate=0');
    await liveRows(page);
    assert.deepEqual(await spilled(page), []);
    assert.ok((await smallest(page)) >= 22, 'smallest text');
    const a = await axe(page);
    assert.deepEqual(a.violations, []);
    assert.deepEqual(a.unsure, []);
    assert.deepEqual(page.faults, []);
    await shot(page, 'board-1920');
    await page.context().close();
  });

  test('the longest names fit beside their marks', scripted, async () => {
    const b = board('department', { unranked: 1 });
    b.rows = b.rows
      .slice(0, 9)
      .concat(b.rows.at(-1))
      .map((r, i) => ({
        ...r,
        name: ['市消防支队', '市食药监局', '公积金中心'][i % 3],
        mark: r.rank ? 'warning' : '',
        change: r.rank ? -12 : null,
        red: 123,
        yellow: 100,
        green: 456,
      }));
    t.gw.set('ranking:2018:department', b);
    const page = await look('/board?rotate=0&scope=department');
    await liveRows(page);
    assert.deepEqual(await spilled(page), []);
    assert.equal(await page.locator('#rows .row.first-unranked .chip').textContent(), '未参评');
    assert.equal(await page.locator('#rows .row.first-unranked .c-score b').textContent(), '—');
    await shot(page, 'board-long-names');
    await page.context().close();
  });

  test('scores, rates and ties read as in the rules', scripted, async () => {
    const b = board('county');
    Object.assign(b.rows[0], { score: 10445, on_time_rate: 9999, due: 200, on_time: 199 });
    Object.assign(b.rows[1], { score: 9996, on_time_rate: 8000, due: 4, on_time: 3, rank: 2 });
    Object.assign(b.rows[2], { score: 9996, on_time_rate: null, due: 0, on_time: 0, rank: 2, change: null });
    t.gw.set('ranking:2018:county', b);
    const page = await look('/board?rotate=0');
    await liveRows(page);
    const cells = await page.$$eval('#rows .row', (rows) =>
      rows.slice(0, 3).map((r) => ['.c-rank b', '.c-score b', '.c-rate', '.c-change'].map((s) => r.querySelector(s).textContent)),
    );
    assert.deepEqual(cells, [
      ['1', '104.5', '99.9%', '2上升2位'],
      ['2', '100.0', '3/4', '1下降1位'],
      ['2', '100.0', '—', '新'],
    ]);
    await page.context().close();
  });

  test('pages of ten turn after 25 s, then the next scope; a tab stops that', scripted, async () => {
    const page = await look('/board?scope=city', { clock: true });
    await liveRows(page);
    const all = board('city').rows.map((r) => r.unit);
    assert.deepEqual(await order(page), all.slice(0, 10));
    assert.equal(await page.locator('#dots i').count(), Math.ceil(all.length / 10));
    await page.clock.fastForward(24000);
    assert.deepEqual(await order(page), all.slice(0, 10));
    await page.clock.fastForward(2000);
    await page.waitForFunction((u) => document.querySelector('#rows .row')?.dataset.unit === u, all[10]);
    assert.deepEqual(await order(page), all.slice(10, 20));
    for (let i = 2; i < Math.ceil(all.length / 10); i++) await page.clock.fastForward(21000);
    await page.clock.fastForward(21000);
    await page.locator('#tabs [data-scope=county][aria-pressed=true]').waitFor();
    assert.deepEqual(
      await order(page),
      UNITS.county.map((u) => u.code),
    );
    await page.locator('#tabs [data-scope=department]').click();
    assert.equal(new URL(page.url()).searchParams.get('scope'), 'department');
    await page.clock.fastForward(40000);
    assert.equal(await page.locator('#tabs [aria-pressed=true]').textContent(), '市直部门');
    await page.context().close();
  });

  test('a scope without units says so and is left out of the rotation', scripted, async () => {
    t.gw.set('ranking:2018:soe', board('soe', { list: [] }));
    const page = await look('/board?scope=county', { clock: true });
    await liveRows(page);
    await page.locator('#tabs [data-scope=soe]').click();
    assert.equal(await page.locator('#notice-title').textContent(), '本期暂无排名');
    assert.equal(await page.locator('#notice-more').textContent(), '计入考核的任务少于 2 件的单位不参评。', 'the minimum of the board');
    assert.deepEqual(await spilled(page), []);
    await shot(page, 'board-empty');
    await page.locator('#tabs [data-scope=department]').click();
    for (let i = 0; i < 3; i++) await page.clock.fastForward(61000);
    await page.locator('#tabs [data-scope=city][aria-pressed=true]').waitFor();
    await page.context().close();
  });

  for (const [width, height] of [
    [1366, 768],
    [1280, 1024],
    [2560, 1440],
  ]) {
    test(`${width} x ${height}: the whole stage, letterboxed`, async () => {
      const page = await look('/board?rotate=0', { width, height });
      await liveRows(page);
      const box = await page.locator('#stage').boundingBox();
      assert.ok(Math.abs(box.width / box.height - 16 / 9) < 0.01);
      assert.ok(
        box.x >= -4 && box.y >= -4 && box.x + box.width <= width + 4 && box.y + box.height <= height + 4,
        JSON.stringify(box),
      );
      assert.deepEqual(
        (await spilled(page)).filter((s) => s.startsWith('page')),
        [],
      );
      await page.context().close();
    });
  }

  for (const [width, height] of [
    [320, 640],
    [390, 844],
    [768, 1024],
  ]) {
    test(`${width} x ${height}: one column, no sideways scroll`, async () => {
      const page = await look('/board', { width, height });
      await liveRows(page);
      const wide = await page.evaluate(() =>
        [...document.querySelectorAll('body *')]
          .filter((e) => e.checkVisibility() && !e.closest('.sr, thead') && e.getBoundingClientRect().right > innerWidth + 0.5)
          .map((e) => e.className),
      );
      assert.deepEqual(wide, []);
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
      const over = await page.evaluate(() => {
        const boxes = (r) =>
          [...r.querySelectorAll('.c-unit, .c-score b, .c-light, .c-rank, .c-change')].map((e) => e.getBoundingClientRect());
        return [...document.querySelectorAll('#rows .row')].some((r) =>
          boxes(r).some((a, i, v) =>
            v.some((b, k) => k > i && a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1),
          ),
        );
      });
      assert.equal(over, false, 'cells of a row overlap');
      const cut = await page.evaluate(() =>
        [...document.querySelectorAll('#rows .name, #totals > div, #totals dd, .panel')]
          .filter((e) => e.scrollWidth > e.clientWidth + 1)
          .map((e) => e.textContent.trim()),
      );
      assert.deepEqual(cut, []);
      for (const b of await page.locator('#tabs button').all()) assert.ok((await b.boundingBox()).height >= 44);
      const a = await axe(page);
      assert.deepEqual(a.violations, []);
      assert.deepEqual(page.faults, []);
      await shot(page, `board-${width}`, { fullPage: true });
      await page.context().close();
    });
  }

  test('greyscale: the three lights still differ by shape', async () => {
    const page = await look('/board?rotate=0');
    await liveRows(page);
    assert.deepEqual(await page.$$eval('#rows .row:first-child .c-light use', (u) => u.map((x) => x.getAttribute('href'))), [
      '#light-red',
      '#light-yellow',
      '#light-green',
    ]);
    await page.context().close();
  });

  test('every screen reader gets one line, not the whole board again and again', async () => {
    const page = await look('/board?rotate=0');
    await liveRows(page);
    await page.waitForFunction(() => document.querySelector('#summary').textContent !== '');
    assert.match(await page.locator('#summary').textContent(), /^县（市、区）排行：第1名.+红灯\d+项/);
    assert.equal(await page.locator('#stage').getAttribute('aria-live'), 'off');
    await page.context().close();
  });
});
