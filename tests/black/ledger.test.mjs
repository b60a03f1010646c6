// SPDX-License-Identifier: Apache-2.0
// D8, D10: what is on record, and that verify-ledger names what was changed, on copies of a data directory. The forger here knows
// how hashes are made (sm-crypto), in some cases also the MAC key, never the server's signing key.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Gateway } from './lib/gateway.mjs';
import { rows } from './lib/city.mjs';
import { demoPhone, instruction, sm3 } from './lib/sm.mjs';
import * as work from './lib/work.mjs';

const TASK = 'NP2018-1-1-1';
let gw, n = 0;

before(async () => {
  gw = await new Gateway().start();
  await work.dispatch(gw, TASK);
  await work.signAll(gw, TASK);
  const { version } = await work.get(gw, TASK);
  await gw.ok('POST', '/v1/instructions', { as: 'demo-leader', body: instruction(demoPhone(gw, 'demo-leader'), { object: `task:${TASK}`, object_version: version, units: ['NP-BB'] }) });
  await gw.rest('POST', `/v1/tasks/${TASK}/approve`, { as: 'demo-approver', body: { version } });
});
after(() => gw.stop());

/** A copy of the data directory as `change` left it; what verify-ledger says of it. */
async function verify(change = () => {}) {
  const dir = path.join(gw.dir, `copy${++n}`), db = path.join(dir, 'zhangban.db'), was = gw.conf.data;
  fs.mkdirSync(dir, { mode: 0o700 });
  execFileSync('sqlite3', [path.join(was, 'zhangban.db'), `VACUUM INTO '${db}'`]);
  fs.cpSync(path.join(was, 'keys'), path.join(dir, 'keys'), { recursive: true });
  fs.copyFileSync(path.join(was, 'ledger.heads'), path.join(dir, 'ledger.heads'));
  const sql = (text) => execFileSync('sqlite3', [db], { input: text, encoding: 'utf8' });
  await change({ dir, db, sql, heads: path.join(dir, 'ledger.heads'), list: await rows(gw, 'SELECT * FROM ledger ORDER BY seq', db) });
  gw.conf.data = dir;
  try {
    return await gw.command('verify-ledger');
  } finally {
    gw.conf.data = was;
  }
}

const broken = (r, ...lines) => {
  assert.equal(r.code, 1, r.stdout);
  for (const l of lines) assert.match(r.stdout, l);
  assert.match(r.stdout, /ledger BROKEN: \d+ findings in \d+ rows\n$/);
};

const fields = (r) => [r.id, r.at_wall, r.at_business, r.kind, r.actor, r.unit, r.object, r.body].join('\n');
const hash = (r, prev) => sm3(`zhangban-ledger-1\n${r.seq}\n${prev}\n${fields(r)}\n${r.mac}`);
const mac = (r, key) => sm3(`zhangban-ledger-1\n${fields(r)}`, { key });
const quote = (s) => `'${String(s).replaceAll("'", "''")}'`;

/** The chain from this row on as a forger would make it again. */
function rehash(list, from) {
  let prev = from > 1 ? list[from - 2].hash : '0'.repeat(64), out = 'BEGIN;';
  for (const r of list.slice(from - 1)) {
    prev = r.hash = hash(r, prev);
    out += `UPDATE ledger SET hash = '${r.hash}', body = ${quote(r.body)}, actor = ${quote(r.actor)}, mac = '${r.mac}' WHERE seq = ${r.seq};`;
    out += `UPDATE ledger_head SET hash = '${r.hash}' WHERE seq = ${r.seq};`;
  }
  return `${out}COMMIT;`;
}

test('D10 an untouched ledger is in order, beside the running gateway too; the chain is the documented one', async () => {
  const r = await gw.command('verify-ledger');
  assert.equal(r.code, 0, r.stdout + r.stderr);
  assert.match(r.stdout, /^ledger ok: 0 findings, \d+ rows\n$/);
  assert.equal((await verify()).stdout, (await gw.command('verify-ledger')).stdout);
  const list = await rows(gw, 'SELECT * FROM ledger ORDER BY seq');
  let prev = '0'.repeat(64);
  for (const x of list.slice(0, 50)) {
    assert.equal(hash(x, prev), x.hash, `seq ${x.seq}`);
    prev = x.hash;
  }
});

test('D8 writes and refusals of people are on record, with who, what and both clocks', async () => {
  const list = await rows(gw, `SELECT * FROM ledger WHERE object = 'task:${TASK}' ORDER BY seq`), kinds = list.map((r) => r.kind);
  for (const k of ['task.submit_draft', 'task.approve', 'task.sign_for']) assert.ok(kinds.includes(k), k);
  const no = list.find((r) => r.kind === 'refused');
  assert.equal(no.actor, 'demo-approver');
  assert.equal(JSON.parse(no.body).method, 'task.approve');
  assert.match(JSON.parse(no.body).code, /^E_/);
  assert.match(new Date(no.at_business).toISOString(), /^2018-03-12T/);
  assert.ok(Math.abs(no.at_wall - Date.now()) < 120000);
});

test('D10 one changed byte in any field names its record', async () => {
  for (const [field, change] of [['body', 'body || \' \''], ['actor', "'demo-leader'"], ['object', "replace(object, '1', '2')"], ['kind', "'task.accept'"],
    ['at_business', 'at_business + 1'], ['mac', "'0' || substr(mac, 2)"], ['hash', "'0' || substr(hash, 2)"]]) {
    let seq;
    broken(await verify(({ list, sql }) => {
      const r = list.find((x) => x.kind === 'task.sign_for' && x.actor !== 'demo-leader' && x.mac[0] !== '0' && x.hash[0] !== '0');
      seq = r.seq;
      sql(`UPDATE ledger SET ${field} = ${change} WHERE seq = ${seq}`);
    }), new RegExp(`^seq ${seq} `, 'm'));
  }
});

test('D10 a tail that was cut, in the table and with its heads, is found by the head file', async () => {
  let top;
  broken(await verify(({ list, sql }) => {
    top = list.length;
    sql(`DELETE FROM ledger WHERE seq > ${top - 3}; DELETE FROM ledger_head WHERE seq > ${top - 3}`);
  }), /^cut: the signed head in the head file says \d+, the table ends at \d+$/m);
  broken(await verify(({ list, sql, heads }) => {
    sql(`DELETE FROM ledger WHERE seq > ${list.length - 3}`);
    fs.writeFileSync(heads, fs.readFileSync(heads, 'utf8').split('\n').slice(0, -4).join('\n') + '\n');
  }), /^cut: the signed head in the table says/m);
  broken(await verify(({ heads }) => fs.rmSync(heads)), /ledger\.heads: missing/);
});

test('D10 a record that was taken out, two that changed places, and one put in are named', async () => {
  let at;
  broken(await verify(({ list, sql }) => { at = list.length - 5; sql(`DELETE FROM ledger WHERE seq = ${at}`); }), new RegExp(`^seq ${at}: missing`, 'm'));
  broken(await verify(({ sql }) => sql(`UPDATE ledger SET seq = -1 WHERE seq = ${at}; UPDATE ledger SET seq = ${at} WHERE seq = ${at + 1}; UPDATE ledger SET seq = ${at + 1} WHERE seq = -1`)),
    new RegExp(`^seq ${at} .*does not follow its predecessor`, 'm'), new RegExp(`^seq ${at + 1} `, 'm'));
  broken(await verify(({ list, sql }) => sql(`INSERT INTO ledger SELECT 'l_forged', ${list.length + 1}, at_wall, at_business, kind, actor, unit, object, body, mac, hash FROM ledger WHERE seq = ${at}`)),
    /\(l_forged\): content was changed/);
});

test('D10 a rewrite with recomputed hashes is named by the MAC, and with the stolen MAC key by the signed heads', async () => {
  let seq;
  const target = (list) => list.find((x) => x.kind === 'instruction.create');
  broken(await verify(({ list, sql }) => {
    const r = target(list);
    seq = r.seq;
    r.body = r.body.replace(`task:${TASK}`, 'task:NP2018-1-1-2');
    sql(rehash(list, seq));
  }), new RegExp(`^seq ${seq ?? '\\d+'} .*content was changed and its hash recomputed`, 'm'));
  const r = await verify(({ list, sql, dir }) => {
    const x = target(list), key = fs.readFileSync(path.join(dir, 'keys/ledger.mac'), 'utf8').trim();
    x.actor = 'demo-dispatcher';
    x.mac = mac(x, key);
    sql(rehash(list, x.seq));
  });
  broken(r, new RegExp(`^head ${seq} in the table: signature does not match`, 'm'), new RegExp(`^seq ${seq}: rewritten, the signed head in the head file says another hash`, 'm'));
  assert.ok(!r.stdout.includes('content was changed'), 'the MAC alone would not have found it');
});

test('D10 a signature of a head that was changed, and a foreign signing key, are found', async () => {
  broken(await verify(({ sql }) => sql(`UPDATE ledger_head SET sig = CASE substr(sig, 1, 1) WHEN 'f' THEN '0' ELSE 'f' END || substr(sig, 2)
    WHERE seq = (SELECT MAX(seq) FROM ledger_head)`)),
    /^head \d+ in the table: signature does not match$/m);
  const other = await new Gateway({ demo: false }).start();
  try {
    broken(await verify(({ dir }) => fs.copyFileSync(path.join(other.conf.data, 'keys/server.sm2'), path.join(dir, 'keys/server.sm2'))), /signature does not match/);
  } finally {
    await other.stop();
  }
});

test('verify-ledger says what is missing, and changes nothing', async () => {
  const gone = await verify(({ dir }) => fs.rmSync(path.join(dir, 'keys/ledger.mac')));
  assert.equal(gone.code, 1);
  assert.match(gone.stdout, /ledger\.mac: key missing or unreadable; the ledger was written with it, restore it from the backup/);
  let file, was;
  await verify(({ db }) => { file = db; was = fs.readFileSync(db); });
  assert.ok(fs.readFileSync(file).equals(was));
  const none = await verify(({ db }) => fs.rmSync(db));
  assert.equal(none.code, 1);
  assert.match(none.stderr, /there is no store here/);
});
