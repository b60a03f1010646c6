// SPDX-License-Identifier: Apache-2.0
//
// The pure parts of the pages, without a browser: figures and dates, freshness, rotation, and the contrasts of the tokens.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, test } from 'node:test';
import { Rotation } from '../../web/board/rotation.js';
import { judge } from '../../web/board/state.js';
import * as w from '../../web/board/words.js';

const at = (s) => Date.parse(`${s}+08:00`);

describe('words', () => {
  test('hundredths stay integers', () => {
    assert.deepEqual([10450, 10445, 10444, 0, -250, 5, null].map(w.score), ['104.5', '104.5', '104.4', '0.0', '-2.5', '0.1', '—']);
    assert.deepEqual([9561, 9999, 10000, 0, null].map(w.rateNumber), ['95.6', '99.9', '100.0', '0.0', '—']);
    assert.deepEqual([0, 9999, 10000, 32000, null].map(w.count), ['0', '9999', '1.0万', '3.2万', '—']);
    assert.deepEqual(
      [
        [5, 5],
        [4, 4],
        [0, 0],
      ].map(([due, on_time]) => w.rate({ due, on_time, on_time_rate: due ? 10000 : null })),
      ['100.0%', '4/4', '—'],
    );
  });
  test('dates in UTC+8', () => {
    const now = at('2018-06-27T00:30:00');
    assert.equal(w.dateText(now), '2018年6月27日 周三');
    assert.equal(w.clockText(now), '00:30:00');
    assert.equal(w.eventTime(at('2018-06-27T00:05:00'), now), '00:05');
    assert.equal(w.eventTime(at('2018-06-26T23:59:00'), now), '6月26日');
    assert.equal(w.asOf(at('2018-06-26T23:59:10'), now), '6月26日 23:59');
    assert.deepEqual([0, 59e3, 192e3, 3600e3, 90000e3].map(w.duration), ['0秒', '59秒', '3分12秒', '1小时0分', '1天1小时']);
  });
  test('periods and plans', () => {
    assert.deepEqual(['2018', '2018-Q2', '2018-06'].map(w.periodText), ['2018年', '2018年第2季度', '2018年6月']);
    assert.deepEqual(['2018', '2018-Q5', '2018-13', '', null, '2018-01x'].map(w.isPeriod), [
      true,
      false,
      false,
      false,
      false,
      false,
    ]);
    assert.equal(w.planText('进一步推进南平市“互联网+放管服”平台建设实施方案'), '“互联网+放管服”平台建设');
    assert.equal(w.planText('方案'), '方案');
  });
  test('weeks: overdue before soon before done', () => {
    const kind = (due, open, overdue, soon) => w.weekKind({ due, open, overdue, soon });
    assert.deepEqual(
      [
        kind(0, 0, 0, 0),
        kind(3, 1, 1, 1),
        kind(3, 1, 0, 1),
        kind(3, 0, 0, 0),
        kind(2, 2, 0, 0),
        kind(7, 7, 0, 0),
        kind(30, 20, 0, 0),
      ],
      ['none', 'overdue', 'soon', 'done', 'open-1', 'open-3', 'open-5'],
    );
  });
});

describe('freshness', () => {
  const base = {
    now: 1e9,
    startedAt: 1e9,
    heardAt: 1e9,
    hasData: true,
    up: true,
    biz: at('2018-06-27T14:28:53'),
    bizNow: at('2018-06-27T14:32:05'),
    phone: '0599-1',
    noToken: false,
  };
  const cases = [
    ['live', {}, '实时'],
    ['live', { heardAt: 1e9 - 15000 }, '实时'],
    ['late', { heardAt: 1e9 - 45000 }, '数据延迟 45秒'],
    ['off', { heardAt: 1e9 - 192000 }, '已断开 3分12秒 · 数据截至 14:28:53'],
    ['off', { up: false, heardAt: 1e9 - 3000 }, '已断开 3秒 · 数据截至 14:28:53'],
    ['old', { up: false, heardAt: 1e9 - 25 * 3600e3 }, '已断开 1天1小时 · 数据截至 14:28:53'],
    ['cold', { hasData: false }, '正在连接'],
    ['cold', { hasData: false, noToken: true }, '未登录'],
  ];
  for (const [state, facts, pill] of cases) {
    test(`${state}: ${pill}`, () => {
      const j = judge({ ...base, ...facts });
      assert.deepEqual([j.state, j.pill], [state, pill]);
    });
  }
  test('cold for 30 s names the duty phone', () => {
    assert.equal(judge({ ...base, hasData: false, startedAt: 1e9 - 30000 }).more, '请联系值班：0599-1');
  });
});

describe('rotation', () => {
  const make = (counts, seconds = 20) => {
    const r = { time: 0 };
    r.it = new Rotation({ scope: 'a', seconds, scopes: Object.keys(counts), pages: (s) => counts[s], now: () => r.time });
    r.run = (s) => {
      const seen = [];
      for (let i = 0; i < s; i++) {
        r.time += 1000;
        if (r.it.tick()) seen.push(`${r.time / 1000}:${r.it.scope}${r.it.page}`);
      }
      return seen.join(' ');
    };
    return r;
  };
  test('first page longer, empty scopes left out', () =>
    assert.equal(make({ a: 2, b: 0, c: 1 }).run(110), '25:a1 45:c0 70:a0 95:a1'));
  test('one page of one scope stands still', () => assert.equal(make({ a: 1, b: 0 }).run(200), ''));
  test('0 seconds stands still', () => assert.equal(make({ a: 3 }, 0).run(200), ''));
  test('held', () => {
    const r = make({ a: 2 });
    r.it.hold(60000);
    assert.equal(r.run(61), '60:a1');
  });
  test('a ranking that became shorter', () => {
    const counts = { a: 3 };
    const r = make(counts);
    r.run(46);
    counts.a = 1;
    assert.equal(r.it.current(), 0);
  });
});

describe('tokens', () => {
  const css = fs.readFileSync(new URL('../../web/tokens.css', import.meta.url), 'utf8');
  const part = (selector) =>
    Object.fromEntries(
      [
        ...css
          .slice(css.indexOf(`${selector} {`))
          .split('\n}')[0]
          .matchAll(/--([\w-]+): ([^;]+);/g),
      ].map((m) => [m[1], m[2]]),
    );
  const page = part(':root');
  const wall = { ...page, ...part('.wall') };
  const rgb = (v, under) => {
    if (v.startsWith('#')) return [1, 3, 5].map((i) => parseInt(v.slice(i, i + 2), 16));
    const [r, g, b, a] = v.match(/[\d.]+/g).map(Number);
    return [r, g, b].map((c, i) => c * a + under[i] * (1 - a));
  };
  const lum = (c) => {
    const [r, g, b] = c.map((x) => (x / 255 <= 0.03928 ? x / 255 / 12.92 : ((x / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (t, fg, bg) => {
    const under = rgb(t[bg] ?? bg);
    const [hi, lo] = [lum(rgb(t[fg] ?? fg, under)), lum(under)].sort((x, y) => y - x);
    return (hi + 0.05) / (lo + 0.05);
  };
  const rows = [
    [page, 'td-brand-color', 'td-bg-color-container', 4.5],
    [page, 'td-brand-color', 'td-bg-color-page', 4.5],
    [page, 'td-brand-color', 'td-brand-color-light', 4.5],
    [page, 'td-error-color', 'td-bg-color-container', 4.5],
    [page, 'td-warning-color', 'td-bg-color-container', 4.5],
    [page, 'td-success-color', 'td-bg-color-container', 4.5],
    [page, 'td-text-color-primary', 'td-bg-color-page', 7],
    [page, 'td-text-color-secondary', 'td-bg-color-page', 4.5],
    [page, 'td-text-color-placeholder', 'td-bg-color-page', 4.5],
    [page, 'td-input-border', 'td-bg-color-container', 3],
    [page, 'light-red-text', 'light-red-tint', 4.5],
    [page, 'light-yellow-text', 'light-yellow-tint', 4.5],
    [page, 'light-green-text', 'light-green-tint', 4.5],
    [page, 'light-red', 'td-bg-color-container', 3],
    [page, 'light-green', 'td-bg-color-container', 3],
    [page, 'light-yellow-line', 'td-bg-color-container', 3],
    [page, 'light-none', 'td-bg-color-container', 3],
    ...['panel', 'panel2', 'stripe', 'bg'].flatMap((bg) => [
      [wall, 't1', bg, 7],
      [wall, 't2', bg, 4.5],
      [wall, 'accent2', bg, 4.5],
      [wall, 'light-red', bg, 4.4],
      [wall, 'light-yellow', bg, 4.5],
      [wall, 'light-green', bg, 4.5],
    ]),
    [wall, 't3', 'panel', 4.5],
    [wall, 'ink', 'accent', 4.5],
    [wall, 'ink', 'light-red', 4.5],
    [wall, 'ink', 'light-yellow', 4.5],
    [wall, 't1', 'open-1', 4.5],
    [wall, 't1', 'open-2', 4.5],
    [wall, 't1', 'open-3', 3],
    [wall, 'ink', 'open-4', 4.5],
    [wall, 'ink', 'open-5', 4.5],
  ];
  for (const [t, fg, bg, least] of rows)
    test(`${fg} on ${bg} >= ${least}`, () => assert.ok(contrast(t, fg, bg) >= least, contrast(t, fg, bg).toFixed(2)));
});
