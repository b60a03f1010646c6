// SPDX-License-Identifier: Apache-2.0
//
// The operators' page on a real gateway with two carriers (tests/peers/smsc.mjs): what an operator sees, does and is refused; by mouse,
// by keyboard, on a phone; what it shows when the line is down, when there is nothing, and without a log-in.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Gateway } from '../black/lib/gateway.mjs';
import { carrier, phones } from '../black/lib/city.mjs';
import { Smsc } from '../black/lib/smsc.mjs';
import { until } from '../black/lib/until.mjs';
import * as work from '../black/lib/work.mjs';
import { axe, launch, open, shot } from './lib/browser.mjs';

const UNIT = 'NP-SZB';
const CONTACT = 'sim-NP-SZB';
let browser;
let gw;
let one;
let two;
let numbers;
let dead;

before(async () => {
  browser = await launch();
  [one, two] = await Promise.all([new Smsc().start(), new Smsc().start()]);
  gw = new Gateway({ conf: { 'notice.plan_p1': 'sms+0' } });
  const { providers } = carrier(gw, one);
  gw.conf.providers = {
    'mobile-1': { ...providers.carrier, cost: 35, rate_per_s: 100 },
    'unicom-2': { ...providers.carrier, port: two.port, weight: 0, cost: 42, rate_per_s: 60 },
  };
  await gw.start();
  numbers = await phones(gw);
  await until(async () => (await two.get('stats')).logins > 0 && (await one.get('stats')).logins > 0, { what: 'both links' });
  for (let i = 0; i < 6; i++) await work.given(gw, { title: `窗口服务提速之${i + 1}`, units: [UNIT, 'NP-GSJ', 'NP-GTJ'] });
  await until(async () => (await list('channel=sms&state=delivered&limit=200')).length >= 18, { what: 'SMS delivered' });
  for (const s of [one, two]) await s.post('behave', { reject_phone: { [numbers.get(CONTACT)]: 9 } });
  await work.given(gw, { title: '号码不可达', units: [UNIT] });
  dead = await until(async () => (await list('state=dead'))[0], { what: 'a dead letter' });
  for (const s of [one, two]) await s.post('behave', { reject_phone: {} });
});
after(async () => {
  await browser?.close();
  await gw?.stop();
  await one?.stop();
  await two?.stop();
});

const list = async (query) => (await gw.ok('GET', `/v1/deliveries?${query}`, { as: 'demo-auditor' })).items;

async function look(hash = '', options = { width: 1440, height: 900 }) {
  const page = await open(browser, options);
  await page.goto(`${gw.url}/ops${hash}`);
  return page;
}
const ready = (page) => page.locator('body[data-live=live] .view:not([hidden]) .card').first().waitFor({ timeout: 8000 });

async function good(page, name, options) {
  const a = await axe(page);
  assert.deepEqual(a.violations, []);
  assert.deepEqual(a.unsure, []);
  assert.deepEqual(page.faults, []);
  const width = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.equal(width[0], width[1], 'no sideways scroll');
  const small = await page.evaluate(() =>
    [...document.querySelectorAll('button, input, select, textarea, nav a')]
      .filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 43.5)
      .map((e) => `${e.textContent} ${e.getBoundingClientRect().height}`),
  );
  assert.deepEqual(small, [], 'touch areas of 44');
  await shot(page, name, options);
}

for (const [width, height] of [
  [1440, 900],
  [1280, 800],
  [768, 1024],
  [390, 844],
])
  test(`every view at ${width} x ${height}: nothing cut, no accessibility fault`, async () => {
    const page = await look('', { width, height });
    for (const view of ['overview', 'channels', 'queues', 'messages']) {
      await page.locator(`#nav a[data-view=${view}]`).click();
      await ready(page);
      if (view === 'queues') await page.locator('.list tbody tr').first().waitFor();
      await good(page, `ops-${view}-${width}`, { fullPage: true });
    }
    await page.context().close();
  });

const say = (page, text) => page.locator('#done-text', { hasText: text }).waitFor();

test('a provider is paused and resumed: named, with a reason, the last four typed; on record and visible at once', async () => {
  const page = await look('#channels');
  await ready(page);
  await page.getByRole('button', { name: '暂停 mobile-1' }).click();
  const dialog = page.getByRole('dialog', { name: '暂停 mobile-1' });
  const go = dialog.getByRole('button', { name: '暂停 mobile-1' });
  assert.equal(await page.evaluate(() => document.activeElement.id), 'act-reason', 'the reason has the focus');
  await go.click();
  assert.deepEqual(await dialog.locator('.field .wrong').allTextContents(), ['请写明原因，至少2个字。', '请输入「le-1」，与上面的对象一致。']);
  assert.equal((await gw.ok('GET', '/v1/ops', { as: 'demo-auditor' })).providers[0].held, null, 'nothing is done without both');
  await dialog.getByLabel('原因').fill('号段割接');
  await dialog.getByLabel('输入最后4位').fill('le-1');
  await good(page, 'ops-pause');
  await go.click();
  await say(page, '已暂停 mobile-1');
  const card = page.locator('.provider', { hasText: 'mobile-1' });
  await card.locator('.state', { hasText: '停用' }).waitFor();
  assert.match(await card.locator('.note').textContent(), /^demo-admin 于 .* 停用：号段割接$/);
  assert.equal(await card.getByRole('button', { name: '测试发送 mobile-1' }).isDisabled(), true);
  await page.locator('#nav a[data-view=overview]').click();
  await page.locator('.sentence.fair', { hasText: '短信通道降级，其余正常' }).waitFor();
  await good(page, 'ops-degraded');
  await page.locator('#nav a[data-view=channels]').click();
  await page.getByRole('button', { name: '恢复 mobile-1' }).click();
  await page.getByRole('dialog').getByLabel('原因').fill('割接完成');
  await page.getByRole('dialog').getByRole('button', { name: '恢复 mobile-1' }).click();
  await say(page, '已恢复 mobile-1');
  await page.locator('.provider', { hasText: 'mobile-1' }).locator('.state', { hasText: '正常' }).waitFor();
  await page.context().close();
});

test('a test message: its result is told in the page, and its time line opens', async () => {
  const page = await look('#channels');
  await ready(page);
  await page.getByRole('button', { name: '测试发送 unicom-2' }).click();
  await page.getByRole('dialog').getByRole('button', { name: '发送测试消息' }).click();
  await say(page, 'unicom-2 测试：短信已送达');
  assert.equal((await two.messages()).filter((m) => m.phone === numbers.get('demo-admin')).length, 1);
  await page.getByRole('button', { name: '测试发送 unicom-2' }).click();
  await page.getByRole('dialog').getByRole('button', { name: '发送测试消息' }).click();
  await page.getByRole('dialog').getByText('每条通道一分钟只能测试一次').waitFor();
  await good(page, 'ops-refused');
  await page.keyboard.press('Escape');
  await page.locator('#done-link').click();
  await page.locator('#trace .says', { hasText: '短信已送达' }).waitFor();
  await page.context().close();
});

test('a dead letter by keyboard alone: found, its way read, sent again, and gone from the list', async () => {
  const page = await look('#queues');
  await ready(page);
  const row = page.locator('.list tbody tr').first();
  await row.waitFor();
  assert.match(await row.textContent(), /失败.*unicom-2.*新任务待签收.*短信未送达：运营商不负责这个号码/s);
  const to = async (name) => {
    for (let i = 0; i < 60; i++) {
      await page.keyboard.press('Tab');
      if ((await page.evaluate(() => document.activeElement.ariaLabel ?? document.activeElement.textContent)) === name) return;
    }
    assert.fail(`Tab never came to ${name}`);
  };
  await to(`查看经过 ${dead.id}`);
  await page.keyboard.press('Enter');
  await page.locator('#trace .line > li').nth(1).waitFor();
  const steps = await page.locator('#trace .line > li').nth(1).locator('.steps li').allTextContents();
  assert.equal(steps.length, 2);
  assert.match(steps[0], /mobile-1 .*运营商不负责这个号码/);
  assert.match(steps[1], /unicom-2 .*运营商不负责这个号码/);
  assert.match(await page.locator('#trace .line > li').first().textContent(), /站内未读写入/);
  assert.ok(!(await page.locator('#trace').textContent()).includes('号码不可达'), 'no text of the task');
  await good(page, 'ops-timeline');
  await to('重发');
  await page.keyboard.press('Enter');
  await page.keyboard.type('运营商已恢复');
  await good(page, 'ops-replay');
  await to('重发');
  await page.keyboard.press('Enter');
  await say(page, '已重新排队');
  await page.locator('#trace .line > li').nth(1).locator('.tag', { hasText: '已送达' }).waitFor({ timeout: 15000 });
  await shot(page, 'ops-timeline-after');
  await page.keyboard.press('Escape');
  await page.locator('#queues .empty', { hasText: '没有死信' }).waitFor({ timeout: 15000 });
  await good(page, 'ops-no-dead');
  assert.equal((await gw.ok('GET', `/v1/deliveries/${dead.id}`, { as: 'demo-auditor' })).state, 'delivered');
  await page.context().close();
});

test('one person: without a purpose nothing; then messages without a text, masked', async () => {
  const page = await look('#messages');
  await ready(page);
  await page.getByLabel('查谁').fill(numbers.get(CONTACT));
  await page.getByRole('button', { name: '查询' }).click();
  assert.equal(await page.locator('#messages .wrong').textContent(), '请写明用途，至少2个字。');
  await page.getByLabel('用途').fill('本人来电核实');
  await page.getByRole('button', { name: '查询' }).click();
  await page.locator('#messages .person').waitFor();
  const text = await page.locator('#messages').textContent();
  assert.match(text, /199\*{4}\d{4}/);
  assert.match(text, /新任务待签收/);
  assert.ok(!text.includes('窗口服务提速') && !text.includes(numbers.get(CONTACT)));
  await good(page, 'ops-person', { fullPage: true });
  await page.setViewportSize({ width: 390, height: 844 });
  await page.getByRole('button', { name: /^查看经过/ }).first().click();
  await page.locator('#trace .line > li').nth(1).waitFor();
  await good(page, 'ops-timeline-390');
  await page.context().close();
});

test('an auditor sees the same and may do nothing; another role is told so; without a token nobody gets in', async () => {
  const page = await look(`#token=${await gw.token('demo-auditor')}`);
  await ready(page);
  assert.equal(new URL(page.url()).hash, '', 'the token does not stay in the address');
  assert.equal(await page.locator('#who').textContent(), '审计员（只读）');
  await page.locator('#nav a[data-view=channels]').click();
  await page.locator('.provider').first().waitFor();
  assert.equal(await page.locator('.provider button').count(), 0);
  await page.context().close();
  const other = await look(`#token=${await gw.token('demo-monitor')}`);
  await other.locator('#blank-title', { hasText: '没有权限' }).waitFor();
  await good(other, 'ops-forbidden');
  await other.context().close();
  const none = await open(browser, { width: 1440, height: 900 });
  await none.route('**/v1/ops-session', (r) => r.fulfill({ status: 404, body: '{}' })); // as outside a demo
  await none.goto(`${gw.url}/ops`);
  await none.locator('#blank-title', { hasText: '请重新登录' }).waitFor();
  await none.goto(`${gw.url}/ops?#token=${'x'.repeat(43)}`); // one that died
  await none.locator('#blank-title', { hasText: '请重新登录' }).waitFor();
  await good(none, 'ops-no-token');
  await none.context().close();
});

test('carriers away, the line away: said in words, figures stay, and all comes back by itself', async () => {
  const page = await look('');
  await ready(page);
  const ports = [one.port, two.port];
  await Promise.all([one.stop(), two.stop()]);
  await page.locator('.sentence.bad', { hasText: '短信通道中断，其余正常' }).waitFor({ timeout: 20000 });
  await page.locator('#count-channels', { hasText: '2' }).waitFor();
  await good(page, 'ops-broken');
  [one, two] = await Promise.all(ports.map((p) => new Smsc().start('--port', String(p))));
  await page.locator('.sentence.good').waitFor({ timeout: 30000 });
  await page.context().setOffline(true);
  await gw.kill('SIGTERM');
  gw.sanitizer();
  await page.locator('body[data-live=off]').waitFor({ timeout: 20000 });
  assert.match(await page.locator('#pill-text').textContent(), /^已断开 \d+秒$/);
  assert.match(await page.locator('.sentence h2').textContent(), /一切正常/, 'the last figures stay');
  assert.match(await page.locator('#stale').textContent(), /^网络已断开显示的是 \d\d:\d\d:\d\d 的内容，恢复后自动更新。重试$/);
  await good(page, 'ops-off');
  await gw.start();
  await page.context().setOffline(false);
  await page.locator('body[data-live=live]').waitFor({ timeout: 30000 });
  await page.context().close();
});

test('hidden, the page asks nothing; seen again it is up to date at once', async () => {
  const page = await look('');
  await ready(page);
  const asked = async () => {
    const text = await (await fetch(`${gw.url}/metrics`)).text();
    return text.split('\n').filter((l) => /method_code="ops\.overview/.test(l)).reduce((n, l) => n + Number(l.split(' ').at(-1)), 0);
  };
  const hide = (hidden) =>
    page.evaluate((v) => {
      Object.defineProperty(document, 'hidden', { value: v, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    }, hidden);
  const first = await asked();
  await until(async () => (await asked()) > first, { ms: 8000, what: 'asked again by itself' });
  await hide(true);
  const was = await asked();
  await page.waitForTimeout(6000); // longer than the page's own turn
  assert.equal(await asked(), was);
  await hide(false);
  await until(async () => (await asked()) > was, { ms: 2000, what: 'asked at once' });
  await page.context().close();
});
