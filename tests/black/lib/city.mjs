// SPDX-License-Identifier: Apache-2.0
// The city as it runs for real: the demo's people and tasks in the records, then demo = false, with a carrier for the codes.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Gateway } from './gateway.mjs';
import { Smsc } from './smsc.mjs';
import { loginText, sign } from './sm.mjs';
import { until } from './until.mjs';

const run = promisify(execFile);

/** Options of a carrier link to this smsc; the secret is written under the gateway's directory. */
export function carrier(gw, smsc) {
  const file = path.join(gw.dir, 'cmpp.secret');
  fs.writeFileSync(file, '1234', { mode: 0o600 });
  return { providers: { carrier: { kind: 'cmpp', host: '127.0.0.1', port: smsc.port, sp: '901234', secret_file: file, src_id: '10690000123',
    service_id: 'ZWTZ' } } };
}

/** {gw, smsc}: first a demo start for the records, then the same data directory without demo. */
export async function realCity(conf = {}) {
  const smsc = await new Smsc().start();
  const gw = new Gateway({ conf });
  await gw.start();
  await gw.kill('SIGTERM');
  gw.sanitizer();
  // a store of a demo refuses to be served for real: what marks it as one is taken away
  await run('sqlite3', [path.join(gw.conf.data, 'zhangban.db'), "DELETE FROM kv WHERE name = 'clock'"]);
  Object.assign(gw.conf, { demo: false }, carrier(gw, smsc));
  await gw.start();
  await until(async () => (await smsc.get('stats')).logins > 0, { what: 'the carrier link' });
  return { gw, smsc, async stop() { await gw.stop(); await smsc.stop(); } };
}

/** Rows of the record store, read beside the running gateway. */
export async function rows(gw, sql, file = path.join(gw.conf.data, 'zhangban.db')) {
  const { stdout } = await run('sqlite3', ['-readonly', '-json', '-cmd', '.timeout 5000', file, sql]);
  return stdout.trim() ? JSON.parse(stdout) : [];
}

/** Changes records beside the running gateway, as no interface of it would. */
export async function change(gw, sql) {
  await run('sqlite3', ['-cmd', '.timeout 5000', path.join(gw.conf.data, 'zhangban.db'), sql]);
}

/** Makes the codes asked for so far older in the records: their minute or hour need not be waited for. */
export const age = (gw, minutes) => change(gw, `UPDATE sms_challenge SET created_wall = created_wall - ${minutes * 60000}`);

/** Phone number of a person of the demo: the cast in its order, then one contact per unit. */
const CAST = ['demo-leader', 'demo-dispatcher', 'demo-approver', 'demo-responsible', 'demo-dispatcher2', 'demo-monitor', 'demo-admin',
  'demo-admin2', 'demo-auditor'];
export function phoneOf(person) {
  assert.ok(CAST.includes(person), person);
  return `1990000${String(CAST.indexOf(person) + 1).padStart(4, '0')}`;
}

/** person -> phone number, of everybody in the demo. */
export async function phones(gw) {
  const sims = await rows(gw, "SELECT id FROM person WHERE id LIKE 'sim-%' ORDER BY rowid");
  return new Map([...CAST.map((p) => [p, phoneOf(p)]), ...sims.map((p, i) => [p.id, String(19900001000 + i)])]);
}

export class Login {
  constructor(city) { this.city = city; }

  ask(phone, address = '10.1.1.1') {
    return this.city.gw.rest('POST', '/v1/auth/sms-codes', { body: { phone }, headers: { 'x-forwarded-for': address } });
  }

  /** Asks for a code and reads it from the phone: {challenge, device_challenge, code}. */
  async code(phone, address) {
    const before = (await this.city.smsc.messages()).length;
    const r = await this.ask(phone, address);
    assert.equal(r.status, 201, JSON.stringify(r.body));
    const sms = await until(async () => (await this.city.smsc.messages()).slice(before).find((m) => m.phone === phone), { what: 'the code' });
    const m = /^【南平掌办】验证码(\d{6})，5分钟内有效，仅用于登录掌办。请勿告诉他人。$/.exec(sms.text);
    assert.ok(m, sms.text);
    return { ...r.body, code: m[1] };
  }

  enter(c, body = {}, address = '10.1.1.1') {
    return this.city.gw.rest('POST', '/v1/auth/sessions', { body: { challenge: c.challenge, code: c.code, ...body }, headers: { 'x-forwarded-for': address } });
  }

  /** The whole way; phone: the bound one ({priv, pub, device}), if any. */
  async enterBy(number, phone = null, { client = 'phone', address } = {}) {
    const c = await this.code(number, address);
    const device = phone ? { device: phone.device, device_signature: sign(phone, loginText(c, phone.device)) } : {};
    return this.enter(c, { client, ...device }, address);
  }
}

/** Another code than this one. */
export const wrong = (code) => String((Number(code) + 1) % 1000000).padStart(6, '0');
