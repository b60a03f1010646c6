// SPDX-License-Identifier: Apache-2.0
// F110: a text of several parts whose reports come in different lives of the gateway arrives at "delivered" all the same.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { Gateway } from './lib/gateway.mjs';
import { carrier, phones, rows } from './lib/city.mjs';
import { Smsc } from './lib/smsc.mjs';
import { until } from './lib/until.mjs';
import * as work from './lib/work.mjs';

const WHO = 'sim-NP-SZB';
let gw, smsc, phone;

before(async () => {
  smsc = await new Smsc().start();
  gw = new Gateway({ conf: { 'notice.plan_p1': 'sms+0' } });
  Object.assign(gw.conf, carrier(gw, smsc));
  await gw.start();
  phone = (await phones(gw)).get(WHO);
});
after(async () => { await gw.stop(); await smsc.stop(); });

const parts = (id) => rows(gw, `SELECT p.msg_id, p.stat FROM sms_part p JOIN delivery d ON d.id = p.delivery JOIN notice n ON n.id = d.notice
  WHERE n.object = 'task:${id}' AND n.person = '${WHO}' ORDER BY p.n`);
const state = async (id) => (await rows(gw, `SELECT d.state FROM delivery d JOIN notice n ON n.id = d.notice
  WHERE n.object = 'task:${id}' AND n.person = '${WHO}' AND d.channel = 'sms'`))[0]?.state;

/** Sent in two parts, of which the first is reported. */
async function halfReported() {
  await smsc.post('behave', { report_part: { 2: 'none' } });
  const id = await work.given(gw, { title: '𠮷'.repeat(18), units: ['NP-SZB'] }); // two units each: too long for one SMS
  await until(async () => (await parts(id)).map((p) => p.stat).join() === 'DELIVRD,', { what: 'the report of the first part on record' });
  assert.equal(await state(id), 'sent');
  return id;
}

test('F110 D24 the first part is reported, the gateway is killed, the second part is reported: delivered', async () => {
  const id = await halfReported(), [, second] = await parts(id);
  await gw.kill();
  await gw.start();
  assert.equal(await state(id), 'sent');
  await until(async () => (await smsc.get('stats')).open_connections > 0, { what: 'the link' });
  await smsc.post('report', { msg_id: second.msg_id, phone });
  await until(async () => (await state(id)) === 'delivered', { what: 'delivered' });
  assert.deepEqual((await parts(id)).map((p) => p.stat), ['DELIVRD', 'DELIVRD']);
  assert.equal((await smsc.messages()).filter((m) => m.text.includes('𠮷')).length, 1, 'said once');
});

test('F110 a part that failed in the second life fails the whole text', async () => {
  const id = await halfReported(), [, second] = await parts(id);
  await gw.kill();
  await gw.start();
  await until(async () => (await smsc.get('stats')).open_connections > 0, { what: 'the link' });
  await smsc.post('report', { msg_id: second.msg_id, phone, stat: 'UNDELIV' });
  await until(async () => (await state(id)) === 'failed', { what: 'failed' });
  assert.equal((await smsc.get('stats')).violations_n, 0);
});
