// SPDX-License-Identifier: Apache-2.0
// Bad input of every kind to every method, made from the gateway's own description: each is refused by its code, changes nothing
// and harms nobody. A method without a row in CASES fails.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { Gateway } from './lib/gateway.mjs';
import { Api } from './lib/api.mjs';
import { rows } from './lib/city.mjs';
import { demoPhone, instruction, withdrawal } from './lib/sm.mjs';
import { systemHeaders, systemKey } from './lib/system.mjs';
import { until } from './lib/until.mjs';
import * as work from './lib/work.mjs';

const CAST = { leader: 'demo-leader', dispatcher: 'demo-dispatcher', approver: 'demo-approver', responsible: 'sim-NP-GSJ', monitor: 'demo-monitor',
  display: 'demo-display', admin: 'demo-admin', auditor: 'demo-auditor' };
const NONE = 'NO-SUCH', HEX = '0'.repeat(128), SIGNED = {}; // by the leader's phone, in before()
const reads = { limit: 1 }, byTask = { task_id: NONE, version: 1 }, byCircular = { circular_id: NONE }, board = { period: '2018', scope: 'city' };

// Good arguments of every method, so that a case is wrong in one place only: [role that calls, arguments, answer to exactly these].
// The answer is "ok", a code that only the handler gives, or null where the call itself would change something.
const CASES = {
  'auth.sms_code': [null, { phone: '19900000001' }, null],
  'auth.login': [null, { challenge: 'x'.repeat(20), code: '000000' }, null],
  'auth.sessions': ['monitor', {}, 'ok'],
  'auth.logout': ['monitor', {}, null],
  'auth.revoke': ['monitor', { session_id: NONE }, 'E_NOTFOUND'],
  'board.session': [null, {}, null],
  'device.register': ['monitor', { pubkey: `04${HEX}`, name: '手机', proof: HEX }, 'E_INPUT'],
  'device.list': ['monitor', {}, 'ok'],
  'device.board': ['admin', {}, 'ok'],
  'device.issue_code': ['admin', { device_id: NONE }, 'E_NOTFOUND'],
  'device.confirm_code': ['admin', { device_id: NONE }, 'E_NOTFOUND'],
  'device.activate': ['monitor', { device_id: NONE, code: '12345678' }, 'E_NOTFOUND'],
  'device.report_lost': ['monitor', { device_id: NONE }, 'E_NOTFOUND'],
  'me.get': ['monitor', {}, 'ok'],
  'unit.list': ['monitor', reads, 'ok'],
  'unit.get': ['monitor', { unit: 'NP-BB' }, 'ok'],
  'plan.list': ['monitor', reads, 'ok'],
  'plan.get': ['monitor', { plan_id: 'NP2018' }, 'ok'],
  'task.list': ['monitor', reads, 'ok'],
  'task.get': ['monitor', { task_id: NONE }, 'E_NOTFOUND'],
  'task.create': ['dispatcher', { title: '标题', plan: NONE }, 'E_NOTFOUND'],
  'task.update': ['dispatcher', byTask, 'E_NOTFOUND'],
  'task.history': ['monitor', { task_id: NONE }, 'E_NOTFOUND'],
  'task.submit_draft': ['dispatcher', byTask, 'E_NOTFOUND'],
  'task.approve': ['approver', byTask, 'E_NOTFOUND'],
  'task.reject': ['approver', byTask, 'E_NOTFOUND'],
  'task.sign_for': ['responsible', { task_id: NONE }, 'E_NOTFOUND'],
  'task.refuse': ['responsible', byTask, 'E_NOTFOUND'],
  'task.report': ['responsible', { task_id: NONE }, 'E_NOTFOUND'],
  'task.submit_done': ['responsible', byTask, 'E_NOTFOUND'],
  'task.accept': ['dispatcher', byTask, 'E_NOTFOUND'],
  'task.return': ['dispatcher', byTask, 'E_NOTFOUND'],
  'task.find_false': ['monitor', byTask, 'E_NOTFOUND'],
  'task.rate': ['monitor', { ...byTask, quality: 4, efficiency: 4 }, 'E_NOTFOUND'],
  'instruction.create': ['leader', SIGNED, 'E_NOTFOUND'],
  'instruction.list': ['leader', reads, 'ok'],
  'instruction.withdraw': ['leader', SIGNED, 'E_NOTFOUND'],
  'instruction.get': ['leader', { instruction_id: NONE }, 'E_NOTFOUND'],
  'instruction.to_task': ['dispatcher', { instruction_id: NONE, how: 'create' }, 'E_NOTFOUND'],
  'instruction.sign_for': ['responsible', { instruction_id: NONE }, 'E_NOTFOUND'],
  'instruction.reply': ['responsible', { instruction_id: NONE, text: '已办' }, 'E_NOTFOUND'],
  'instruction.close': ['leader', { instruction_id: NONE }, 'E_NOTFOUND'],
  'ranking.get': ['monitor', board, 'ok'],
  'ranking.explain': ['monitor', { ...board, unit: NONE }, 'E_NOTFOUND'],
  'evaluation.set': ['leader', { period: '2018', unit: NONE, value: 90 }, 'E_NOTFOUND'],
  'praise.add': ['dispatcher', { unit: NONE, document: '闽政办〔2018〕12号' }, 'E_NOTFOUND'],
  'notice.list': ['monitor', reads, 'ok'],
  'notice.read': ['monitor', { notice_id: NONE }, 'E_NOTFOUND'],
  'circular.estimate': ['dispatcher', { priority: 3, units: ['NP-BB'] }, 'ok'],
  'circular.create': ['dispatcher', { priority: 3, title: '标题', text: '正文', units: ['NP-BB'] }, null],
  'circular.list': ['monitor', reads, 'ok'],
  'circular.get': ['monitor', byCircular, 'E_NOTFOUND'],
  'circular.people': ['monitor', byCircular, 'E_NOTFOUND'],
  'circular.urge': ['dispatcher', byCircular, 'E_NOTFOUND'],
  'circular.confirm': ['monitor', byCircular, 'E_NOTFOUND'],
  'circular.close': ['dispatcher', byCircular, 'E_NOTFOUND'],
  'notice.trace': ['monitor', { notice_id: NONE }, 'E_NOTFOUND'],
  'ops.session': [null, {}, null],
  'ops.overview': ['admin', {}, 'ok'],
  'provider.pause': ['admin', { provider: NONE, reason: '割接' }, 'E_NOTFOUND'],
  'provider.resume': ['admin', { provider: NONE, reason: '割接' }, 'E_NOTFOUND'],
  'provider.test': ['admin', { provider: NONE }, 'E_NOTFOUND'],
  'delivery.list': ['auditor', reads, 'ok'],
  'delivery.get': ['auditor', { delivery_id: NONE }, 'E_NOTFOUND'],
  'delivery.replay': ['admin', { delivery_id: NONE, reason: '重发' }, 'E_NOTFOUND'],
  'delivery.cancel': ['admin', { delivery_id: NONE, reason: '取消' }, 'E_NOTFOUND'],
  'message.search': ['auditor', { who: NONE, purpose: '核实' }, 'E_NOTFOUND'],
  'target.register': ['monitor', { channel: 'push', vendor: 'apns', token: 'abcd' }, null],
  'target.list': ['monitor', {}, 'ok'],
  'target.remove': ['monitor', { target_id: NONE }, 'E_NOTFOUND'],
  'consent.report': ['monitor', { token: NONE, template_id: 'T' }, 'E_NOTFOUND'],
  'preference.get': ['monitor', {}, 'ok'],
  'preference.set': ['monitor', { channel: 'sms', wanted: true }, null],
  'event.push': ['system', { events: [{ id: 'a', kind: 'b' }] }, null],
};

let gw, api, key, foreign, before_all;
// Receipts have the form their provider gives them, and their own tests.
const ops = () => [...api.ops.values()].filter((o) => !o.name.startsWith('receipt.'));
const as = (o) => (o.open ? null : CAST[CASES[o.name][0]]);

before(async () => {
  gw = await new Gateway().start();
  api = await Api.of(gw);
  key = await systemKey(gw, 'sys-1', '测试系统');
  for (const person of [...Object.values(CAST), 'sim-NP-SZB']) await gw.tokenOf(person);
  foreign = await others();
  const phone = demoPhone(gw, CAST.leader);
  CASES['instruction.create'][1] = instruction(phone, { object: `task:${NONE}`, object_version: 1, units: ['NP-SZB'] });
  CASES['instruction.withdraw'][1] = { ...withdrawal(phone, NONE), instruction_id: NONE };
  for (const person of Object.values(CAST)) await api.rpc(person, 'me.get', {});
  before_all = await state();
});
after(() => gw.stop());

/** Things that exist and are not the caller's: by kind of object, {id, by: the roles that must not see it}. */
async function others() {
  const task = await work.given(gw, { title: '他人的任务', units: ['NP-SZB'] });
  const draft = await work.draft(gw, { title: '他人的草稿', units: ['NP-SZB'] }, 'demo-dispatcher2');
  const order = await api.ok('demo-leader', 'instruction.create', instruction(demoPhone(gw, 'demo-leader'), { object: `task:${task}`,
    object_version: 3, units: ['NP-SZB'] }));
  const notice = await until(async () => (await api.ok('sim-NP-SZB', 'notice.list', {})).items[0], { what: 'notice' });
  const target = await api.ok('sim-NP-SZB', 'target.register', { channel: 'push', vendor: 'apns', token: 'abcdef' });
  const session = (await api.ok('sim-NP-SZB', 'auth.sessions', {})).items[0];
  const circular = await api.ok('demo-dispatcher', 'circular.create', { priority: 3, title: '他人的通知', text: '正文', units: ['NP-SZB'] });
  await until(async () => (await rows(gw, 'SELECT (SELECT count(*) FROM circular_mark) + (SELECT sum(changed) FROM circular) AS n'))[0].n === 0,
    { what: 'the circular is counted' });
  return { circular: { id: circular.id, by: ['leader', 'approver', 'responsible', 'monitor', 'admin', 'auditor'] }, task: { id: draft, by: Object.keys(CAST) }, given: task, instruction: { id: order.id, by: ['responsible'] },
    notice: { id: notice.id, by: Object.keys(CAST).filter((r) => !['admin', 'auditor'].includes(r)) }, target: { id: target.id, by: Object.keys(CAST) },
    session: { id: session.id, by: Object.keys(CAST) }, device: { id: 'd_demo-approver', by: ['monitor', 'leader', 'dispatcher', 'responsible'] },
    person: { id: 'demo-approver', by: ['monitor'] }, delivery: { id: notice.id, by: [] } }; // deliveries: of operators only, who see all
}

/** What a change would show in: every table but the refusals in the audit chain and what only time moves. */
async function state() {
  const lists = [];
  for (const [person, method] of [['demo-dispatcher', 'task.list'], ['demo-dispatcher2', 'task.list'], ['demo-auditor', 'task.list'],
    ['demo-admin', 'unit.list'],
    ...[...Object.values(CAST), 'sim-NP-SZB'].filter((p) => p !== CAST.display).map((p) => [p, 'notice.list'])]) {
    for (let cursor; cursor !== null;) {
      const page = await api.ok(person, method, { limit: 200, ...(cursor && { cursor }) });
      lists.push(...page.items);
      cursor = page.next;
    }
  }
  const out = { lists: crypto.createHash('sha256').update(JSON.stringify(lists)).digest('hex') };
  out.ledger = (await rows(gw, "SELECT count(*) AS n FROM ledger WHERE kind <> 'refused'"))[0].n;
  for (const table of ['task', 'task_unit', 'task_listed', 'task_event', 'task_report', 'unit', 'unit_alias', 'person', 'device',
    'activation', 'sms_challenge', 'session_revoked',
    'system_key', 'inbound_event', 'plan', 'evaluation', 'praise', 'instruction', 'instruction_unit', 'instruction_withdrawal', 'instruction_task', 'notice', 'idem', 'reminder',
    'circular', 'circular_to', 'circular_person', 'circular_urge', 'push_target', 'consent', 'opt_out', 'provider_hold']) {
    out[table] = crypto.createHash('sha256').update(JSON.stringify(await rows(gw, `SELECT * FROM ${table} ORDER BY rowid`))).digest('hex');
  }
  return out;
}

async function unharmed() {
  assert.equal(gw.exit, null, 'the gateway lives');
  assert.equal((await gw.rest('GET', '/healthz')).status, 200);
  assert.doesNotMatch(gw.log, /panic|CHECK FAILED|Sanitizer|runtime error/);
  const now = await state();
  assert.deepEqual(Object.keys(now).filter((k) => now[k] !== before_all[k]), [], 'nothing has changed');
  assert.match((await gw.command('verify-ledger')).stdout, /ledger ok/);
}

/** A request by hand: the whole URL, the body as text or bytes. */
function send(o, url, raw, headers = {}) {
  const body = raw ?? undefined;
  if (o.name === 'event.push' && !headers.bare) return gw.rest('POST', url, { raw: body ?? '', headers: { ...systemHeaders(key, body ?? '',
    { path: url.split('?')[0] }), ...headers } });
  return gw.rest(o.verb, url, { as: as(o), raw: body, headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers } });
}

async function call(o, args) {
  const { url, body } = api.request(o.name, args);
  return send(o, url, o.hasBody ? JSON.stringify(body) : null);
}

async function refusedEverywhere(o, args, code, what, field) {
  const r = await call(o, args);
  assert.equal(r.body.code, code, `${o.name} ${what}: ${r.status} ${JSON.stringify(r.body).slice(0, 300)}`);
  if (field !== undefined) assert.equal(r.body.field, field, `${o.name} ${what}: ${JSON.stringify(r.body)}`);
  assert.match(r.body.detail, /[\u4e00-\u9fff]/, `${o.name} ${what}: words for a person`);
  if (o.rpc && !o.open) assert.equal(await api.rpcCode(as(o), o.name, args), code, `${o.name} over rpc, ${what}`);
}

// ---- values that do not fit a parameter ----

const many = (n, v) => Array.from({ length: n }, () => v);

function unfit({ schema: s, in: where }) {
  const text = where !== 'body', any = [];
  if (s.type === 'string' && s.enum) any.push(['another word', 'nonsense'], ['two words', s.enum.slice(0, 2).join('|')]);
  if (s.type === 'string' && s.pattern) any.push(['a blank', 'a b'], ['65 characters', 'x'.repeat(65)], ['Chinese', '编号'], ['a quote',
    "a'b"], ['a slash', '../x']);
  if (s.type === 'string' && s.format === 'date') any.push(['no such day', '2018-02-30'], ['short', '2018-3-1'], ['words', '明天'],
    ['with time', '2018-03-01T00:00:00Z']);
  if (s.maxLength !== undefined) any.push(['too long', '长'.repeat(s.maxLength + 1)], ['a control character',
    `${'x'.repeat(Math.max(s.minLength, 1))}\u0007`.slice(-s.maxLength)]);
  if (s.minLength >= 1 && where !== 'path') any.push(['empty', '']);
  if (s.type === 'string' && !text) any.push(['a number', 5], ['true', true], ['a list', ['a']], ['an object', {}]);
  if (s.type === 'integer') any.push(['a fraction', 1.5], ['words', '5x'], ['beyond exact', 1e300], ['below', s.minimum - 1], ['above',
    (s.maximum ?? 2 ** 53) + 1]);
  if (s.type === 'integer' && !text) any.push(['a text', '1'], ['a list', [1]], ['false', false]);
  if (s.type === 'boolean') any.push(['a word', 'yes'], ['TRUE', 'TRUE'], ...(text ? [] : [['a number', 1], ['an object', {}]]));
  if (s.type === 'array' && s.items.type === 'string') {
    any.push(['a text', 'x'], ['an object', {}], ['a number in it', [5]], ['an empty text in it', ['']], ['a long text in it',
      ['长'.repeat(201)]], ['too many', many(s.maxItems + 1, 'a')],
      ['a list in it', [['a']]]);
  } else if (s.type === 'array') any.push(['a text', 'x'], ['an object', {}], ['empty', []], ['a number in it', [5]], ['too many', many(s.maxItems + 1, {})]);
  if (s.type === 'object') any.push(['a text', 'x'], ['a list', []], ['a number', 5], ['too many',
    Object.fromEntries(many(s.maxProperties + 1, 1).map((v, i) => [`k${i}`, v]))]);
  return any;
}

test('every method has a row here, and every row is a method', () => {
  assert.deepEqual(ops().map((o) => o.name).sort(), Object.keys(CASES).sort());
  for (const o of ops()) {
    const [role, args] = CASES[o.name];
    assert.equal(role === null, o.open, o.name);
    if (role) assert.ok(o.roles.includes(role), `${o.name} is not for ${role}`);
    for (const p of o.params) if (p.required) assert.ok(p.name in args, `${o.name} without ${p.name}`);
    for (const p of o.params) assert.ok(['string', 'integer', 'boolean', 'array', 'object'].includes(p.schema.type) && unfit(p).length >= 2,
      `${o.name} ${p.name}: no bad values for ${JSON.stringify(p.schema)}`);
  }
});

test('the good arguments pass the gates: what the other tests change in them is what is refused', async () => {
  for (const o of ops()) {
    const [, args, answer] = CASES[o.name];
    if (answer === null) continue;
    const r = await call(o, args);
    assert.equal(r.status < 300 ? 'ok' : r.body.code, answer, `${o.name}: ${JSON.stringify(r.body).slice(0, 300)}`);
    if (answer === 'E_INPUT') assert.equal(r.body.field, 'pubkey');
    if (o.rpc && !o.open) assert.equal(await api.rpcCode(as(o), o.name, args) ?? 'ok', answer, `${o.name} over rpc`);
  }
  await unharmed();
});

test('missing and null: the parameter is named', async () => {
  for (const o of ops()) {
    for (const p of o.params.filter((x) => x.required && x.in !== 'path')) {
      const { [p.name]: _, ...rest } = CASES[o.name][1];
      await refusedEverywhere(o, rest, 'E_INPUT', `without ${p.name}`, p.name);
      if (p.in === 'body') await refusedEverywhere(o, { ...rest, [p.name]: null }, 'E_INPUT', `${p.name} null`, p.name);
    }
    if (!o.rpc || o.open) continue;
    for (const p of o.params.filter((x) => x.in === 'path')) { // over rpc a path parameter is one like the others
      const { [p.name]: _, ...rest } = CASES[o.name][1];
      assert.equal(await api.rpcCode(as(o), o.name, rest), 'E_INPUT', `${o.name} without ${p.name}`);
    }
  }
  await unharmed();
});

test('wrong type, out of range, too long, too many: the parameter is named', async () => {
  let n = 0;
  for (const o of ops()) {
    for (const p of o.params) {
      for (const [what, value] of unfit(p)) {
        await refusedEverywhere(o, { ...CASES[o.name][1], [p.name]: value }, 'E_INPUT', `${p.name}: ${what}`, p.name);
        n++;
      }
    }
  }
  assert.ok(n > 500, `${n} cases`);
  await unharmed();
});

test('unknown parameters, in the body and in the query, and doubled ones', async () => {
  for (const o of ops()) {
    const args = CASES[o.name][1];
    await refusedEverywhere(o, { ...args, colour: 'red' }, 'E_INPUT', 'unknown', 'colour');
    const { url, body } = api.request(o.name, args), raw = o.hasBody ? JSON.stringify(body) : null;
    const query = url.includes('?') ? '&' : '?';
    const r = await send(o, `${url}${query}colour=red`, raw);
    assert.deepEqual([r.body.code, r.body.field], ['E_INPUT', 'colour'], `${o.name} in the query`);
    const name = o.params.find((p) => p.in === 'path')?.name;
    if (name) assert.equal((await send(o, `${url}${query}${name}=${NONE}`, raw)).body.code, 'E_INPUT', `${o.name}: ${name} in the query beside the path`);
    if (o.hasBody && Object.keys(body).length) {
      const [k, v] = Object.entries(body)[0];
      const twice = `${raw.slice(0, -1)},${JSON.stringify(k)}:${JSON.stringify(v)}}`;
      assert.equal((await send(o, url, twice)).body.code, 'E_INPUT', `${o.name} ${k} twice`);
    }
  }
  await unharmed();
});

test('bodies that are no JSON object, too deep, not UTF-8, of another kind, too large', async () => {
  const bad = [['no JSON', 'nonsense', 'E_INPUT'], ['cut', '{"a":', 'E_INPUT'], ['a list', '[]', 'E_INPUT'], ['a text', '"x"', 'E_INPUT'],
    ['null', 'null', 'E_INPUT'], ['two', '{}{}', 'E_INPUT'],
    ['deep', `{"a":${'['.repeat(40)}${']'.repeat(40)}}`, 'E_INPUT'], ['very deep', '['.repeat(100000), 'E_INPUT'], ['not UTF-8',
      Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]), 'E_INPUT'],
    ['overlong UTF-8', Buffer.from([0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d]), 'E_INPUT'], ['half a surrogate', '{"a":"\\ud800"}',
      'E_INPUT'], ['NUL in a name', '{"a\\u0000b":1}', 'E_INPUT'],
    ['a raw control character', '{"a":"\u0001"}', 'E_INPUT'], ['NaN', '{"a":NaN}', 'E_INPUT'], ['a huge number', `{"a":${'9'.repeat(5000)}}`,
      'E_INPUT'], ['a BOM', '\ufeff{}', 'E_INPUT']];
  for (const o of ops().filter((x) => x.hasBody)) {
    const { url } = api.request(o.name, CASES[o.name][1]);
    for (const [what, raw, code] of bad) {
      const r = await send(o, url, raw);
      assert.equal(r.body.code, code, `${o.name} ${what}: ${r.status} ${JSON.stringify(r.body)}`);
    }
    const form = await send(o, url, 'a=1', { 'content-type': 'application/x-www-form-urlencoded' });
    assert.deepEqual([form.status, form.body.code], [415, 'E_MEDIA'], o.name);
    const large = await send(o, url, `{"a":"${'x'.repeat(1 << 20)}"}`);
    assert.deepEqual([large.status, large.body.code], [413, 'E_TOOBIG'], o.name);
  }
  await unharmed();
});

test('paths and queries that are not UTF-8, hold NUL, or are escaped wrongly', async () => {
  for (const o of ops()) {
    const { url, body } = api.request(o.name, CASES[o.name][1]), raw = o.hasBody ? JSON.stringify(body) : null;
    for (const escape of ['%ff', '%c0%af', '%ed%a0%80', '%00', '%zz', '%', '%4']) {
      const q = await send(o, `${url}${url.includes('?') ? '&' : '?'}q=${escape}`, raw);
      assert.equal(q.body.code, 'E_INPUT', `${o.name} ?q=${escape}: ${q.status} ${JSON.stringify(q.body)}`);
      for (const p of o.params.filter((x) => x.in === 'path')) {
        const at = o.path.replace(/\{(\w+)\}/g, (_, name) => (name === p.name ? `a${escape}` : CASES[o.name][1][name]));
        const r = await send(o, at, raw);
        assert.equal(r.body.code, 'E_INPUT', `${o.verb} ${at}: ${r.status} ${JSON.stringify(r.body)}`);
      }
    }
  }
  await unharmed();
});

test('without a session, or with one that is none: E_AUTH', async () => {
  for (const o of ops().filter((x) => !x.open)) {
    const { url, body } = api.request(o.name, CASES[o.name][1]);
    for (const headers of [{}, { authorization: `Bearer ${'x'.repeat(43)}` }, { authorization: 'Bearer ' }, { authorization: 'Basic YTpi' },
      { authorization: `Bearer ${'长'.charCodeAt(0)}` }]) {
      const r = await gw.rest(o.verb, url, { headers, ...(o.hasBody && { body }) });
      assert.deepEqual([r.status, r.body.code], [401, 'E_AUTH'], `${o.name} ${JSON.stringify(headers)}`);
    }
  }
  await unharmed();
});

test('with a role the method is not for: E_PERM', async () => {
  let n = 0;
  for (const o of ops().filter((x) => !x.open)) {
    for (const [role, person] of Object.entries(CAST)) {
      if (o.roles.includes(role)) continue;
      const r = await api.rest(person, o.name, CASES[o.name][1]);
      assert.deepEqual([r.status, r.body.code], [403, 'E_PERM'], `${o.name} by ${role}: ${JSON.stringify(r.body)}`);
      if (o.rpc) assert.equal(await api.rpcCode(person, o.name, CASES[o.name][1]), 'E_PERM', `${o.name} over rpc by ${role}`);
      n++;
    }
  }
  assert.ok(n > 150, `${n} pairs`);
  await unharmed();
});

// ---- ids of things that are not the caller's, by the kind each parameter names ----

// Kinds everybody may know of (the directory, the plans): only an unknown id is E_NOTFOUND.
const PUBLIC = ['unit', 'plan', 'provider'];
// Parameters for which another answer than E_NOTFOUND is right; each says why.
const OTHER = {
  'task.list plan': 'ok', // a filter: nothing of it
  'instruction.list unit': 'ok', // likewise
  'task.create lead_unit': 'E_INPUT', // not among the units
};

test('ids that do not exist: E_NOTFOUND, whatever kind', async () => {
  for (const o of ops()) {
    for (const p of o.params.filter((x) => x.schema['x-object'])) {
      const good = Object.entries(CASES[o.name][1]).filter(([k, v]) => v !== NONE || o.params.find((x) => x.name === k).required);
      const args = { ...Object.fromEntries(good), [p.name]: NONE }, code = OTHER[`${o.name} ${p.name}`] ?? 'E_NOTFOUND';
      const r = await call(o, args);
      assert.equal(r.status < 300 ? 'ok' : r.body.code, code, `${o.name} ${p.name}: ${r.status} ${JSON.stringify(r.body)}`);
      if (o.rpc) assert.equal(await api.rpcCode(as(o), o.name, args) ?? 'ok', code, `${o.name} ${p.name} over rpc`);
    }
  }
  await unharmed();
});

test('ids of another unit or person: E_NOTFOUND, the same as if there were none', async () => {
  const seen = new Set();
  for (const o of ops()) {
    for (const p of o.params.filter((x) => x.schema['x-object'] && !PUBLIC.includes(x.schema['x-object']))) {
      const kind = p.schema['x-object'], thing = foreign[kind];
      assert.ok(thing, `no example of a foreign ${kind}`);
      for (const role of thing.by.filter((x) => o.roles.includes(x))) {
        const args = { ...CASES[o.name][1], [p.name]: thing.id };
        const r = await api.rest(CAST[role], o.name, args);
        assert.equal(r.body.code, 'E_NOTFOUND', `${o.name} by ${role}: ${r.status} ${JSON.stringify(r.body)}`);
        const none = await api.rest(CAST[role], o.name, { ...args, [p.name]: NONE });
        assert.deepEqual(r.body, none.body, `${o.name} by ${role}: no difference`);
        if (o.rpc) assert.equal(await api.rpcCode(CAST[role], o.name, args), 'E_NOTFOUND', `${o.name} over rpc by ${role}`);
        seen.add(kind);
      }
    }
    if (o.name.startsWith('task.') && o.params.some((p) => p.name === 'task_id') && o.roles.includes('responsible')) {
      const r = await api.rest(CAST.responsible, o.name, { ...CASES[o.name][1], task_id: foreign.given });
      assert.equal(r.body.code, 'E_NOTFOUND', `${o.name} of a task given to another unit`);
    }
  }
  assert.deepEqual([...seen].sort(), ['circular', 'device', 'instruction', 'notice', 'person', 'session', 'target', 'task']);
  await api.refused(CAST.responsible, 'ranking.explain', { ...board, unit: 'NP-SZB' }, 'E_NOTFOUND');
  await unharmed();
});
