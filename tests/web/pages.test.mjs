// SPDX-License-Identifier: Apache-2.0
//
// The first page and the API reference, as a person meets them.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { axe, launch, open, shot } from './lib/browser.mjs';
import { scripted, target } from './lib/target.mjs';

const SIZES = [
  [320, 640],
  [390, 844],
  [768, 1024],
  [1280, 900],
  [1920, 1080],
];
let browser;
let t;
before(async () => {
  browser = await launch();
  t = await target();
});
after(async () => {
  await browser.close();
  await t.close();
});

async function look(path, options) {
  const page = await open(browser, options);
  await page.goto(t.url + path);
  if (path.startsWith('/reference')) await page.locator('html[data-ready]').waitFor();
  else await page.locator('#status:not([data-state=wait])').waitFor();
  return page;
}

// Links and buttons that stand alone must be 44 high; links inside a sentence or a table need not.
const small = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll('.top a, .toc a, .cards a, summary, input, button')]
      .filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 44)
      .map((e) => e.textContent),
  );

describe('pages', () => {
  for (const path of ['/', '/reference']) {
    for (const [width, height] of SIZES) {
      test(`${path} at ${width} x ${height}`, async () => {
        const page = await look(path, { width, height });
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
        const a = await axe(page);
        assert.deepEqual(a.violations, []);
        assert.deepEqual(await small(page), []);
        assert.deepEqual(page.faults, []);
        await shot(page, `${path === '/' ? 'index' : 'reference'}-${width}`, { fullPage: true });
        await page.context().close();
      });
    }
    test(`${path} at 200 % text and wide spacing: nothing is cut`, async () => {
      const page = await look(path, { width: 1280, height: 900 });
      await page.addStyleTag({
        content:
          'html{font-size:200%} body *{line-height:1.5 !important;letter-spacing:.12em !important;word-spacing:.16em !important}',
      });
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 1280);
      await page.context().close();
    });
  }

  test('the state of the system is one sentence with a shape', async () => {
    const page = await look('/');
    await page.locator('#status[data-state=good]').waitFor();
    assert.equal(await page.locator('#status-text').textContent(), '一切正常');
    assert.match(await page.locator('#s-version').textContent(), /^\d+\.\d+/);
    assert.match(await page.locator('#as-of').textContent(), /^数据时间 \d\d:\d\d:\d\d$/);
    await page.context().close();
  });

  test('the sentence follows what happens', scripted, async () => {
    const page = await open(browser);
    await page.clock.install();
    await page.goto(t.url);
    await page.locator('#status[data-state=good]').waitFor();
    const { readyz } = t.gw;
    for (const [now, state, text] of [
      [{ ...readyz, status: 'not ready', redis: 'down' }, 'fair', /实时通道暂停/],
      [{ ...readyz, status: 'not ready', draining: true }, 'fair', /重启交接/],
      [readyz, 'good', /一切正常/],
    ]) {
      t.gw.readyz = now;
      await page.clock.fastForward(5100);
      await page.locator(`#status[data-state=${state}]`).waitFor();
      await page.waitForFunction((re) => new RegExp(re).test(document.querySelector('#status-text').textContent), text.source);
    }
    await page.route('**/readyz', (r) => r.abort());
    await page.clock.fastForward(5100);
    await page.locator('#status[data-state=bad]').waitFor();
    assert.deepEqual((await axe(page)).violations, []);
    await shot(page, 'index-bad');
    await page.context().close();
  });

  test('the reference shows every method, channel and error of openapi.json', async () => {
    const page = await look('/reference');
    const doc = await (await fetch(`${t.url}/openapi.json`)).json();
    const ids = Object.values(doc.paths).flatMap((p) => Object.values(p).map((o) => o.operationId));
    assert.deepEqual((await page.$$eval('#methods details', (d) => d.map((x) => x.id))).sort(), ids.sort());
    assert.equal(await page.locator('#errors-table tbody tr').count(), doc['x-errors'].length);
    assert.equal(await page.locator('#channels-table tbody tr').count(), doc['x-channels'].length);
    await page.context().close();
  });

  test('a link to one method opens it; the search finds it', async () => {
    const page = await look('/reference#me.get');
    assert.equal(await page.locator('details[open]').getAttribute('id'), 'me.get');
    await page.locator('#find').fill('/v1/me');
    assert.ok(
      (await page.$$eval('#methods details', (d) => d.filter((x) => x.checkVisibility()).map((x) => x.id))).includes('me.get'),
    );
    await page.locator('#find').fill('没有这个');
    assert.match(await page.locator('#none').textContent(), /^没有找到/);
    await page.context().close();
  });

  test('parameters with their place, bounds and need', scripted, async () => {
    const page = await look('/reference#task.report');
    const rows = await page.$$eval('details[open] tbody tr', (r) => r.map((x) => [...x.cells].map((c) => c.textContent).join(' ')));
    assert.deepEqual(rows, [
      'task_id 路径 task 编号 必填 ',
      'Idempotency-Key 请求头 文本，1–128字 可选 同一个键得到第一次的答复，24 小时有效',
      'text 正文 文本，1–4000字 必填 进展说明',
      'percent 正文 整数，0–100 可选 完成百分比',
    ]);
    assert.deepEqual((await axe(page)).violations, []);
    await shot(page, 'reference-open', { fullPage: true });
    await page.context().close();
  });

  test('keyboard: Tab reaches every control with a visible ring', async () => {
    const page = await look('/');
    const want = await page.locator('a:visible').count();
    const got = new Set();
    for (let i = 0; i < want; i++) {
      await page.keyboard.press('Tab');
      got.add(
        await page.evaluate(() => {
          const e = document.activeElement;
          return getComputedStyle(e).outlineWidth === '3px'
            ? `${e.getAttribute('href')} ${e.textContent}`
            : `no ring: ${e.outerHTML}`;
        }),
      );
    }
    assert.equal(got.size, want);
    assert.deepEqual(
      [...got].filter((s) => s.startsWith('no ring')),
      [],
    );
    await page.context().close();
  });
});
