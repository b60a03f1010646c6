// SPDX-License-Identifier: Apache-2.0
// F110 over each protocol of the carriers: what a person reads on the phone, what is told about it afterwards, and what their codes
// mean. CMPP, SMPP, SMGP and SGIP gateways at once, each with phones of its own; SMPP is the spare of CMPP.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { Gateway } from './lib/gateway.mjs';
import { phones, rows } from './lib/city.mjs';
import { Smsc } from './lib/smsc.mjs';
import { until } from './lib/until.mjs';
import * as work from './lib/work.mjs';

const UNITS = { cmpp: 'NP-SZB', smpp: 'NP-GSJ', smgp: 'NP-CZJ', sgip: 'NP-RSJ' }, KINDS = Object.keys(UNITS);
const contact = (kind) => `sim-${UNITS[kind]}`;
const at = {}, phone = {};
let gw;

/** A port that was free a moment ago: the carrier has to call it. */
const freePort = () => new Promise((done) => {
  const s = net.createServer().listen(0, '127.0.0.1', () => { const { port } = s.address(); s.close(() => done(port)); });
});

before(async () => {
  await Promise.all(KINDS.map(async (k) => { at[k] = await new Smsc(k === 'cmpp' ? 'smsc.mjs' : `${k}.mjs`).start(); }));
  gw = new Gateway({ conf: { 'notice.plan_p1': 'sms+0' } });
  await gw.start();
  const all = await phones(gw);
  for (const k of KINDS) phone[k] = all.get(contact(k));
  await gw.kill('SIGTERM');
  const listen = await freePort();
  const section = (kind, secret, more) => {
    const file = path.join(gw.dir, `${kind}.secret`);
    fs.writeFileSync(file, secret, { mode: 0o600 });
    return { kind, host: '127.0.0.1', port: at[kind].port, secret_file: file, src_id: '10690000123', service_id: 'ZWTZ', prefix: phone[kind], ...more };
  };
  gw.conf.providers = {
    cmpp: section('cmpp', '1234', { sp: '901234', codes: '40-49=throttled 50=config' }),
    smpp: section('smpp', 'secret', { system_id: 'zwsp', prefix: `${phone.cmpp} ${phone.smpp}`, weight: 0 }),
    smgp: section('smgp', 'zbsecret', { client_id: '20000123' }),
    sgip: section('sgip', 'zbpass', { login: 'zbuser', node: 3010099999, corp_id: '99999', listen_host: '127.0.0.1', listen_port: listen }),
  };
  await gw.start();
  await at.sgip.post('behave', { peer_port: listen });
  await until(async () => (await Promise.all(KINDS.map((k) => at[k].get('stats')))).every((s) => s.logins > 0), { what: 'all links' });
});
after(async () => {
  await gw?.stop();
  for (const k of KINDS) await at[k]?.stop();
});

async function say(kind, title) {
  await work.given(gw, { title, units: [UNITS[kind]] });
  return until(async () => (await gw.ok('GET', '/v1/notices?limit=5', { as: contact(kind) })).items.find((n) => n.body.includes(title)), { what: title });
}
const ended = (kind, id, state) => until(async () => {
  const t = await gw.ok('GET', `/v1/notices/${id}/trace`, { as: contact(kind) });
  return t.deliveries.find((d) => d.channel === 'sms' && d.state === state);
}, { what: `${kind} ${id} ${state}` });
/** Attempts at a carrier; that the router then found nobody else is not one. */
const tried = (sms) => sms.events.filter((e) => e.what === 'attempt' && e.verdict !== 'no_provider');
const said = async (kind, title) => (await at[kind].messages()).filter((m) => m.text.includes(title));

for (const kind of KINDS)
  test(`F110 ${kind}: the text is on the phone, and that it arrived is on record`, async () => {
    const title = `经${kind}送达`, n = await say(kind, title), sms = await ended(kind, n.id, 'delivered');
    assert.equal(sms.provider, kind);
    assert.deepEqual(sms.events.map((e) => [e.what, e.verdict]), [['attempt', 'sent'], ['receipt', 'delivered']]);
    const [m, ...more] = await said(kind, title);
    assert.equal(more.length, 0);
    assert.equal(m.phone, phone[kind]);
    assert.match(m.text, /^【.+】/);
  });

for (const kind of KINDS)
  test(`F110 ${kind}: it did not arrive, says the carrier: recorded with its word, and not sent again the same way`, async () => {
    await at[kind].post('behave', { report: 'EXPIRED' });
    const title = `${kind}过期`, n = await say(kind, title);
    if (kind === 'cmpp') { // the spare carries it
      const sms = await ended(kind, n.id, 'delivered');
      assert.deepEqual(tried(sms).map((e) => e.provider), ['cmpp', 'smpp']);
    } else {
      const sms = await ended(kind, n.id, 'failed');
      assert.deepEqual(tried(sms).map((e) => e.verdict), ['sent']);
      const [told, ...more] = sms.events.filter((e) => e.what === 'receipt');
      assert.deepEqual([told.verdict, more.length], ['failed', 0]);
      assert.match(told.detail, /^EXPIRED/);
    }
    assert.equal((await said(kind, title)).length, 1);
    await at[kind].post('behave', { report: 'DELIVRD' });
  });

for (const kind of KINDS)
  test(`F110 ${kind}: throttled: that message comes again, and arrives once`, async () => {
    const { submits } = await at[kind].get('stats');
    await at[kind].post('behave', { throttle_every: submits + 1 }); // the next one
    const title = `${kind}流控`, n = await say(kind, title), sms = await ended(kind, n.id, 'delivered');
    assert.deepEqual(tried(sms).map((e) => e.verdict), ['throttled', 'sent']);
    assert.equal((await said(kind, title)).length, 1);
    await at[kind].post('behave', { throttle_every: 0 });
  });

test('F110 codes: this message never, our account, later, and what the account\'s own table says', async () => {
  for (const [kind, code, verdicts, provider] of [
    ['smgp', 47, ['rejected'], null], ['smpp', 0x0a, ['config'], null], ['sgip', 6, ['rejected'], null],
    ['cmpp', 13, ['rejected', 'sent'], 'smpp'], ['cmpp', 50, ['config', 'sent'], 'smpp']]) {
    await at[kind].post('behave', { reject_phone: { [phone[kind]]: code } });
    const n = await say(kind, `${kind}码${code}`), sms = await ended(kind, n.id, provider ? 'delivered' : 'failed');
    assert.deepEqual(tried(sms).map((e) => e.verdict), verdicts, `${kind} ${code}`);
    if (provider) assert.equal(sms.provider, provider);
    await at[kind].post('behave', { reject_phone: {} });
  }
  await at.cmpp.post('behave', { reject_phone: { [phone.cmpp]: 45 } }); // throttled, by its own table: waits
  const n = await say('cmpp', '自有码表');
  await until(async () => (await at.cmpp.get('stats')).rejected >= 3, { what: 'tried' });
  await at.cmpp.post('behave', { reject_phone: {} });
  const sms = await ended('cmpp', n.id, 'delivered');
  assert.equal(sms.events[0].verdict, 'throttled');
});

test('F110 smpp: a receipt after a restart, its id spelled in another way, still finds its message', async () => {
  await at.smpp.post('behave', { ids: 'hex_dec', report: 'none' });
  const n = await say('smpp', '重启后的回执');
  await ended('smpp', n.id, 'sent');
  const [{ msg_id: id }] = await rows(gw, "SELECT msg_id FROM sms_part WHERE provider = 'smpp' ORDER BY at_wall DESC LIMIT 1");
  assert.match(id, /^[0-9a-f]+$/);
  const { logins } = await at.smpp.get('stats');
  await gw.kill('SIGTERM');
  await gw.start();
  await until(async () => (await at.smpp.get('stats')).logins > logins, { what: 'bound again' });
  await at.smpp.post('report', { msg_id: String(parseInt(id, 16)).padStart(12, '0'), phone: phone.smpp, stat: 'DELIVRD' });
  await ended('smpp', n.id, 'delivered');
  await at.smpp.post('behave', { ids: 'plain', report: 'DELIVRD' });
});

test('F110 check-config names what a protocol has no room for, and codes that nobody understands', async () => {
  const was = gw.conf.providers;
  for (const [kind, option, why] of [['cmpp', { sp: '9012345' }, /provider x.*longer than cmpp has room for/], ['smpp', { system_id: 'sixteen_letters_' }, /longer than smpp/],
    ['smgp', { client_id: '123456789' }, /longer than smgp/], ['sgip', { corp_id: '123456' }, /longer than sgip/], ['sgip', { node: 0 }, /option node: a whole number/],
    ['cmpp', { codes: '20=pigeon' }, /option codes: not of the form/], ['smgp', { host: 'gateway.example' }, /host must be a numeric address/]]) {
    gw.conf.providers = { x: { ...was[kind], ...option } };
    const r = await gw.command('check-config');
    assert.notEqual(r.code, 0);
    assert.match(r.stderr, why);
  }
  gw.conf.providers = was;
  assert.equal((await gw.command('check-config')).code, 0);
});

test('no gateway saw a violation of its protocol', async () => {
  for (const kind of KINDS) assert.deepEqual((await at[kind].get('stats')).violations, [], kind);
});
