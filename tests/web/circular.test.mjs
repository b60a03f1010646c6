// SPDX-License-Identifier: Apache-2.0
//
// The page of must-read notices, as a sender, a unit's contact and a recipient use it, against a real gateway of its own.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Gateway } from '../black/lib/gateway.mjs';
import * as w from '../../web/circular/words.js';
import { axe, launch, open, shot } from './lib/browser.mjs';

const SENDER = 'demo-dispatcher';
const CONTACT = 'sim-NP-GSJ';
let browser;
let gw;
before(async () => {
  browser = await launch();
  gw = await new Gateway().start();
});
after(async () => {
  await browser.close();
  await gw.stop();
});

async function look(as, query = '', options = {}) {
  const page = await open(browser, { width: 1280, height: 900, ...options });
  await page.goto(`${gw.url}/circular${query}${as ? `#token=${await gw.tokenOf(as)}` : ''}`);
  return page;
}
const create = (fields) =>
  gw.ok('POST', '/v1/circulars', {
    as: SENDER,
    body: { title: '全市防汛值班安排', text: '请各单位今晚起执行双人值班。\n值班表请于今日报送。', priority: 1, reason: '汛情预警', units: ['NP-GSJ', 'NP-BB'], ...fields },
  });
const bar = (page, i) => page.locator('.bars .n').nth(i).textContent();
const wide = (page) => page.evaluate(() => document.documentElement.scrollWidth);
async function clean(page) {
  const a = await axe(page);
  assert.deepEqual(a.violations, []);
  assert.deepEqual(page.faults, []);
  const small = await page.evaluate(() =>
    [...document.querySelectorAll('main button, main a, main .option')]
      .filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 44)
      .map((e) => e.textContent),
  );
  assert.deepEqual(small, []);
}

describe('words', () => {
  test('shares: few people are counted, 100 % is everybody, 0 % is nobody', () => {
    assert.deepEqual([w.share(1, 4), w.share(5, 5), w.share(999, 1000), w.share(1, 1000), w.share(0, 9)], ['1/4', '100%', '99%', '1%', '0%']);
    assert.deepEqual([w.people(9999), w.people(20000)], ['9999人', '20,000人']);
  });
  test('times in UTC+8; the plan in words', () => {
    const now = Date.parse('2018-03-12T08:30+08:00');
    assert.deepEqual(['2018-03-12T00:05+08:00', '2018-03-11T23:59+08:00', '2017-12-31T08:00+08:00', null].map((t) => w.moment(t, now)),
      ['00:05', '3月11日 23:59', '2017年12月31日 08:00', '—']);
    assert.equal(w.isoToLocal(now), '2018-03-12T08:30');
    assert.equal(w.planText([{ name: '手机推送', after_s: 0, alone_s: 0 }, { name: '短信', after_s: 900, alone_s: 0 }]),
      '未读的：立即手机推送，15 分钟后短信（别的方式到不了的人立即）；读过即停。');
    assert.equal(w.planText([]), '这一级别只进掌办收件箱，不发推送和短信。');
    assert.equal(w.unreachedParts({ waiting: 3, sent: 0, failed: 2 }), '等待发送 3 · 没有成功 2');
  });
});

describe('circular', () => {
  test('nothing yet: says so and what to do', async () => {
    const page = await look(SENDER);
    await page.locator('#list-empty:not([hidden])').waitFor();
    assert.equal(await page.locator('#list-empty .t').textContent(), '还没有发出必读通知');
    await clean(page);
    await shot(page, 'circular-empty');
    await page.context().close();
  });

  test('writing one by keyboard: faults are named, the reach is shown before sending, then it is live', async () => {
    const page = await look(SENDER);
    await page.locator('#write:not([hidden])').focus();
    await page.keyboard.press('Enter');
    await page.locator('.form').waitFor();
    await page.locator('.form .main').click();
    assert.deepEqual(await page.locator('.faults li').allTextContents(), ['标题：请填写', '正文：请填写', '单位：请至少选择一个']);
    assert.equal(await page.evaluate(() => document.activeElement.id), 'f-title');
    await page.keyboard.type('端午节假期值班');
    assert.equal(await page.locator('label[for=f-title] .count').textContent(), '7 / 40');
    await page.keyboard.press('Tab');
    await page.keyboard.type('请做好假期值班。');
    await page.locator('#f-units').fill('行政服务中心管委会');
    await page.locator('#f-units').fill('');
    await page.locator('.units input[value=NP-BB]').focus();
    await page.keyboard.press('Space');
    await page.locator('input[name=priority][value="1"]').check();
    await page.locator('#f-reason').fill('节前部署');
    await page.locator('.reach b').waitFor();
    await page.waitForFunction(() => document.querySelector('.form .main').textContent === '发送给 4人');
    assert.match(await page.locator('.reach').textContent(), /将通知 4人（1 个单位）手机推送能到 0人，短信能到 4人。/);
    await clean(page);
    await shot(page, 'circular-write', { fullPage: true });
    await page.reload();
    assert.equal(await page.locator('#f-title').inputValue(), '端午节假期值班', 'the draft is kept');
    await page.waitForFunction(() => document.querySelector('.form .main').textContent === '发送给 4人');
    await page.locator('.form .main').click();
    await page.locator('.counts').waitFor();
    assert.equal(await page.locator('.detail h2').textContent(), '端午节假期值班');
    await page.waitForFunction(() => document.querySelectorAll('.bars .n')[1]?.textContent === '4人');
    assert.equal(await page.locator('#list li').count(), 1);
    await page.context().close();
  });

  test('live: bars move while people read; the unread are listed with the reason; one button urges them', async () => {
    const c = await create();
    const page = await look(SENDER, `?id=${c.id}`);
    await page.locator('#pill[data-state=live]').waitFor();
    await page.waitForFunction(() => document.querySelectorAll('.bars .n')[1]?.textContent === '5人 · 100%');
    await gw.ok('POST', `/v1/circulars/${c.id}/confirm`, { as: CONTACT });
    await page.waitForFunction(() => document.querySelectorAll('.bars .n')[0]?.textContent === '1人 · 20%');
    assert.equal(await bar(page, 1), '4人 · 80%');
    assert.match(await page.locator('.counts .sum').textContent(), /共 5人，已确认 1人/);
    await page.waitForFunction(() => document.querySelectorAll('.people tbody tr').length === 4);
    assert.deepEqual([...new Set(await page.locator('.people .state').evaluateAll((v) => v.map((x) => x.firstChild.textContent)))], ['短信已送达，尚未阅读']);
    const urge = page.locator('.acts .main');
    assert.equal(await urge.textContent(), '催办未读（4）');
    assert.ok(await urge.isDisabled());
    assert.match(await page.locator('.acts p').textContent(), /至少间隔 5 分钟，5 分钟后可以催办/);
    await clean(page);
    await shot(page, 'circular-live', { fullPage: true });
    await page.locator('.people summary').first().click();
    await page.locator('.people details[open] li').first().waitFor();
    await page.locator('[data-filter=read]').click();
    await page.waitForFunction(() => document.querySelectorAll('.people tbody tr').length === 1);
    assert.match(await page.locator('.people .state').textContent(), /^已阅读并确认/);
    await page.locator('[data-filter=unreached]').click();
    await page.locator('.detail .empty .t').waitFor();
    assert.equal(await page.locator('.detail .empty .t').textContent(), '没有未送达的人');
    await page.context().close();
  });

  test('urging after five minutes: the question names how many and how loud, asks for the reason, and says what it did', async () => {
    const c = await create({ title: '材料报送催办' });
    const page = await open(browser, { width: 1280, height: 900 });
    await page.clock.install({ time: Date.now() + 400000 });
    // the record is as old as the page believes: the server refuses otherwise
    await page.route('**/urge', (route) => route.fulfill({ json: { id: c.id, urged: 1, people: 5, priority: 0, urge_from: new Date(Date.now() + 700000).toISOString() } }));
    await page.goto(`${gw.url}/circular?id=${c.id}#token=${await gw.tokenOf(SENDER)}`);
    await page.locator('.counts').waitFor();
    await page.waitForFunction(() => document.querySelectorAll('.bars .n')[1]?.textContent.startsWith('5人'));
    const urge = page.locator('.acts .main').first();
    await page.clock.runFor(2000);
    assert.ok(await urge.isEnabled());
    await urge.click();
    assert.match(await page.locator('.ask > p').textContent(), /只提醒未读的 5人，按“紧急”级别重新开始/);
    assert.equal(await page.evaluate(() => document.activeElement.id), 'ask-reason');
    await clean(page);
    await shot(page, 'circular-urge', { fullPage: true });
    await page.keyboard.press('Escape');
    assert.equal(await page.locator('.ask').count(), 0);
    await urge.click();
    await page.keyboard.type('今晚必须到岗');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.querySelector('#said').textContent === '已催办5人');
    assert.ok(await urge.isDisabled());
    assert.match(await page.locator('.counts .acts p').first().textContent(), /后可以催办/);
    await page.context().close();
  });

  test('a recipient reads and confirms; a contact sees the own unit, without times', async () => {
    const c = await create({ title: '请确认联系人' });
    const mine = await look(CONTACT, `?box=received&id=${c.id}`, { width: 390, height: 844 });
    await mine.locator('.detail h2').waitFor();
    await mine.locator('button', { hasText: '我已阅读并确认' }).click();
    await mine.locator('.done').waitFor();
    assert.match(await mine.locator('.done').textContent(), /您已于 .+ 阅读并确认/);
    await mine.waitForFunction(() => document.querySelector('.bars .n').textContent === '1人'); // a contact sees the own unit too
    assert.equal(await wide(mine), 390);
    await clean(mine);
    await shot(mine, 'circular-recipient-390', { fullPage: true });
    await mine.context().close();
    const unit = await look('demo-dispatcher2', `?box=unit&id=${c.id}`);
    await unit.locator('.counts').waitFor();
    assert.match(await unit.locator('.counts .sum').textContent(), /^本单位共 4人/);
    assert.equal(await unit.locator('.counts .acts button').count(), 0, 'urging is the sender\'s');
    await unit.context().close();
  });

  for (const [width, height] of [
    [320, 640],
    [390, 844],
    [768, 1024],
    [1024, 768],
    [1920, 1080],
  ]) {
    test(`${width} x ${height}: list and detail, no sideways scroll`, async () => {
      const { items } = await gw.ok('GET', '/v1/circulars', { as: SENDER });
      const page = await look(SENDER, '', { width, height });
      await page.locator('#list li').first().waitFor();
      assert.equal(await wide(page), width);
      await clean(page);
      await shot(page, `circular-list-${width}`);
      await page.locator('#list a').last().click();
      await page.locator('.counts').waitFor();
      await page.waitForFunction(() => document.querySelectorAll('.people tbody tr').length > 0);
      assert.equal(await wide(page), width);
      await clean(page);
      await shot(page, `circular-detail-${width}`, { fullPage: true });
      await page.goBack();
      await page.locator('#list li').first().waitFor();
      await page.goto(`${gw.url}/circular?new=1`);
      await page.locator('.units .option').first().waitFor();
      assert.equal(await wide(page), width);
      assert.ok(items.length > 0);
      await page.context().close();
    });
  }

  test('offline: says until when the figures are; comes back by itself', async () => {
    const c = await create({ title: '断网测试' });
    const page = await look(SENDER, `?id=${c.id}`);
    await page.locator('#pill[data-state=live]').waitFor();
    await page.waitForFunction(() => document.querySelectorAll('.bars .n')[1]?.textContent.startsWith('5人'));
    await gw.kill('SIGTERM');
    await page.locator('#pill[data-state=off]').waitFor();
    assert.match(await page.locator('#band').textContent(), /^网络已断开。显示的是 \d\d:\d\d 的内容，恢复后自动更新。/);
    await clean(page);
    await shot(page, 'circular-offline');
    await gw.start();
    await page.locator('#pill[data-state=live]').waitFor();
    await gw.ok('POST', `/v1/circulars/${c.id}/confirm`, { as: CONTACT });
    await page.waitForFunction(() => document.querySelectorAll('.bars .n')[0]?.textContent.startsWith('1人'));
    assert.ok(await page.locator('#band').isHidden());
    await page.context().close();
  });

  test('without a session, and of a circular that is not there', async () => {
    const none = await look(null);
    await none.locator('.detail .empty .t').waitFor();
    assert.equal(await none.locator('.detail .empty .t').textContent(), '请重新登录');
    await none.context().close();
    const page = await look(SENDER, '?id=c_none');
    await page.locator('.detail .empty .t', { hasText: '没有找到' }).waitFor();
    await clean(page);
    await page.context().close();
  });
});
