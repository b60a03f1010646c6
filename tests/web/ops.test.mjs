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
  for (const view of ['overview', 'channels', 'queues', 'messages'])
    test(`#${view} at ${width} x ${height}: nothing cut, no accessibility fault`, async () => {
      const page = await look(`#${view}`, { width, height });
      await ready(page);
      if (view === 'queues') await page.locator('.list tbody tr').first().waitFor();
      await good(page, `ops-${view}-${width}`, { fullPage: true });
      await page.context().close();
    });
