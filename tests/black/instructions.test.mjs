// SPDX-License-Identifier: Apache-2.0
// F108, F109: a leader signs on the phone, units answer, the leader closes or withdraws. Signatures by sm-crypto on both sides.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { Gateway } from './lib/gateway.mjs';
import { rows } from './lib/city.mjs';
import { demoPhone, instruction, instructionText, newKey, sign, sm3, verify, withdrawal, withdrawalText } from './lib/sm.mjs';
import { until } from './lib/until.mjs';
import * as work from './lib/work.mjs';

const TASK = 'NP2018-1-2-1', LEADER = 'demo-leader', UNIT = 'NP-BB', CONTACT = `sim-${UNIT}`;
let gw, phone, version;

before(async () => {
  gw = await new Gateway().start();
  phone = demoPhone(gw, LEADER);
  ({ version } = await gw.ok('GET', `/v1/tasks/${TASK}`, { as: 'demo-dispatcher' }));
});
after(() => gw.stop());

const order = (f = {}) => instruction(phone, { object: `task:${TASK}`, object_version: version, units: [UNIT, 'NP-GSJ'], reply_by: '2018-03-16', ...f });
const create = (body, as = LEADER) => gw.rest('POST', '/v1/instructions', { as, body });
const get = (id, as = LEADER) => gw.ok('GET', `/v1/instructions/${id}`, { as });
const act = (id, action, as, body) => gw.rest('POST', `/v1/instructions/${id}/${action}`, { as, body });

async function issued(f) {
  const r = await create(order(f));
  assert.equal(r.status, 201, JSON.stringify(r.body));
  return r.body;
}

/** Refused: with this code, and nothing changed. */
async function refused(body, code, status, as) {
  const count = async () => (await rows(gw, 'SELECT (SELECT COUNT(*) FROM instruction) AS i, (SELECT COUNT(*) FROM notice) AS n'))[0];
  const was = await count(), r = await create(body, as);
  assert.equal(r.body.code, code, JSON.stringify(r.body));
  assert.equal(r.status, status);
  assert.match(r.body.detail, /[\u4e00-\u9fff]/);
  assert.deepEqual(await count(), was);
  return r;
}

test('F108 a signed instruction is on record word for word, and any SM2 library checks it', async () => {
  const body = order({ text: '请市工商局牵头，3月16日前报送方案。\n路径“C:\\资料”一并核对：𠮷、é。', kind: 'order', urgency: 'extra' });
  const r = await create(body);
  assert.equal(r.status, 201, JSON.stringify(r.body));
  assert.equal(r.body.due_on, '2018-03-16');
  assert.ok(r.body.notices >= 2);
  const i = await get(r.body.id), text = instructionText(phone, body);
  assert.equal(i.text, body.text);
  assert.equal(i.state, 'issued');
  assert.equal(i.object_version, version);
  assert.equal(i.proof.canonical, text, 'the text that was signed, rebuilt by the gateway');
  assert.equal(i.proof.digest, sm3(text));
  assert.equal(r.body.digest, i.proof.digest);
  assert.equal(i.proof.key, phone.name);
  assert.ok(verify(i.proof.public_key, i.proof.canonical, i.proof.signature));
  assert.ok(!verify(i.proof.public_key, i.proof.canonical.replace('3月16日', '3月17日'), i.proof.signature));
  const seen = await gw.rpc(CONTACT, 'instruction.get', { instruction_id: i.id });
  assert.deepEqual({ ...seen }, i, 'the unit reads the same by rpc');
  const [line] = await rows(gw, `SELECT actor, body FROM ledger WHERE kind = 'instruction.create' AND object = 'instruction:${i.id}'`);
  assert.equal(line.actor, LEADER);
  assert.equal(JSON.parse(line.body).digest, i.proof.digest);
  assert.ok(!line.body.includes('牵头'), 'the record holds the digest, not the words');
});

test('F108 wrong key, changed byte, old time and control characters are refused and change nothing', async () => {
  const other = newKey(), good = order();
  await refused({ ...good, signature: sign(other, instructionText(phone, good)) }, 'E_SIG', 422);
  await refused({ ...good, text: `${good.text} ` }, 'E_SIG', 422);
  for (const f of [{ urgency: 'normal' }, { kind: 'read' }, { units: ['NP-GSJ', UNIT] }, { units: [UNIT] }, { reply_by: '2018-03-19' },
    { serial: good.serial + 1 }, { signed_at: good.signed_at + 1 }, { reply_by: undefined }])
    await refused({ ...good, ...f }, 'E_SIG', 422);
  const flipped = Buffer.from(good.signature, 'hex');
  flipped[40] ^= 1;
  await refused({ ...good, signature: flipped.toString('hex') }, 'E_SIG', 422);
  await refused({ ...good, signature: '0'.repeat(128) }, 'E_SIG', 422);
  for (const minutes of [-6, 6]) {
    const r = await refused(order({ signed_at: Date.now() + minutes * 60000 }), 'E_CLOCK', 422);
    assert.match(r.body.detail, /相差 6 分钟/);
  }
  await refused(order({ text: '请\t办' }), 'E_INPUT', 400);
  await refused(order({ text: 'x'.repeat(501) }), 'E_INPUT', 400);
  assert.equal((await create(good)).status, 201, 'the untouched one is taken');
});

test('F108 a reused serial, also in parallel, is taken once', async () => {
  const body = order(), all = await Promise.all(Array.from({ length: 6 }, () => create(body)));
  assert.deepEqual(all.map((r) => r.status).sort(), [201, 409, 409, 409, 409, 409]);
  const again = await refused(body, 'E_DUP', 409);
  assert.match(again.body.detail, /^3月12日 \d\d:\d\d 已提交成功，无需重复操作。$/);
  await refused(order({ serial: body.serial - 1000000 }), 'E_DUP', 409);
});

test('F108 the object as the leader saw it: another version, an unknown one and bad units are refused', async () => {
  const r = await refused(order({ object_version: version + 1 }), 'E_CONFLICT', 409);
  assert.match(r.body.detail, /已有人修改/);
  await refused(order({ object: 'task:NP2018-9-9-9' }), 'E_NOTFOUND', 404);
  for (const units of [['NP-NONE'], ['NP-SZBM'], [UNIT, UNIT]]) {
    const bad = await refused(order({ units }), 'E_INPUT', 400);
    assert.equal(bad.body.field, 'units');
  }
  assert.equal((await refused(order({ reply_by: '2018-03-09' }), 'E_INPUT', 400)).body.field, 'reply_by');
});

test('F108 only that leader\'s own phone signs: a foreign phone, another role and another person are refused', async () => {
  const dispatcher = demoPhone(gw, 'demo-dispatcher');
  const theirs = instruction({ ...dispatcher, person: LEADER }, { object: `task:${TASK}`, object_version: version, units: [UNIT] });
  await refused(theirs, 'E_NOTFOUND', 404);
  await refused({ ...order(), device: 'd_none' }, 'E_NOTFOUND', 404);
  await refused(order(), 'E_PERM', 403, 'demo-dispatcher');
  await refused(order(), 'E_PERM', 403, CONTACT);
});

test('F109 F108 without a date an order is due after the working days of its urgency, and to read needs no answer', async () => {
  for (const [urgency, due] of [['extra', '2018-03-13'], ['urgent', '2018-03-19'], ['normal', '2018-04-02']])
    assert.equal((await issued({ urgency, reply_by: undefined })).due_on, due, urgency);
  assert.equal((await issued({ kind: 'read', reply_by: undefined })).due_on, null);
});

test('F108 withdrawal is a second signed record: both stay, the units are told, and nothing more is done with it', async () => {
  const { id } = await issued(), elsewhere = await issued(), w = withdrawal(phone, id, { reason: '与省里要求不一致，\n另行批示。' });
  const foreign = await act(id, 'withdraw', LEADER, { ...w, signature: sign(newKey(), withdrawalText(phone, { ...w, instruction: id })) });
  assert.equal(foreign.body.code, 'E_SIG');
  const moved = await act(elsewhere.id, 'withdraw', LEADER, w);
  assert.equal(moved.body.code, 'E_SIG', 'a signature for another instruction');
  assert.equal((await act(id, 'withdraw', 'demo-dispatcher', w)).status, 403);
  const before = await get(id), r = await act(id, 'withdraw', LEADER, w);
  assert.equal(r.status, 200, JSON.stringify(r.body));
  const i = await get(id, CONTACT);
  assert.equal(i.state, 'withdrawn');
  assert.deepEqual(i.proof, before.proof, 'the first record is as it was');
  assert.equal(i.text, before.text);
  assert.equal(i.withdrawal.reason, w.reason);
  assert.equal(i.withdrawal.proof.canonical, withdrawalText(phone, { ...w, instruction: id }));
  assert.ok(verify(i.withdrawal.proof.public_key, i.withdrawal.proof.canonical, i.withdrawal.proof.signature));
  assert.equal((await act(id, 'withdraw', LEADER, withdrawal(phone, id))).body.code, 'E_STATE', 'only once');
  assert.equal((await act(id, 'reply', CONTACT, { text: '已办' })).body.code, 'E_STATE');
  const told = await gw.ok('GET', '/v1/notices', { as: CONTACT });
  const n = told.items.find((x) => x.kind === 'instruction.withdrawn' && x.object === `instruction:${id}`);
  assert.equal(n?.body, '1件市领导批示已由签发领导撤回，请登录掌办查看。');
});

test('F108 F109 an instruction exists for its leader, its units and those who see all, for nobody else', async () => {
  const { id } = await issued({ units: [UNIT] });
  for (const who of [LEADER, CONTACT, 'demo-responsible', 'demo-dispatcher', 'demo-monitor']) assert.equal((await get(id, who)).id, id, who);
  const none = await gw.rest('GET', '/v1/instructions/i_none', { as: 'sim-NP-GSJ' });
  for (const who of ['sim-NP-GSJ', 'sim-NP-CZJ']) {
    const r = await gw.rest('GET', `/v1/instructions/${id}`, { as: who });
    assert.equal(r.status, 404, who);
    assert.deepEqual(r.body, none.body, 'like one that never was (D22)');
    assert.ok(!(await gw.ok('GET', '/v1/instructions?limit=200', { as: who })).items.some((x) => x.id === id));
    assert.equal((await act(id, 'reply', who, { text: '越权' })).status, 404);
    assert.equal((await act(id, 'sign-for', who)).status, 404);
  }
  for (const who of ['demo-admin', 'demo-display']) assert.equal((await gw.rest('GET', `/v1/instructions/${id}`, { as: who })).body.code, 'E_PERM', who);
});

test('F109 units sign for and reply, the leader sees it live and closes', async () => {
  const seen = [], leader = await gw.client(LEADER);
  leader.on('publication', (p) => { if (p.channel === `user:${LEADER}`) seen.push(p.data); });
  const { id } = await issued({ urgency: 'extra' });
  const signed = await act(id, 'sign-for', CONTACT);
  assert.equal(signed.status, 200, JSON.stringify(signed.body));
  assert.deepEqual((await act(id, 'sign-for', 'demo-responsible')).body, signed.body, 'a colleague gets the first answer');
  assert.equal((await act(id, 'reply', CONTACT, { text: '' })).status, 400);
  const reply = await act(id, 'reply', CONTACT, { text: '方案已报市政府办。' });
  assert.equal(reply.status, 200, JSON.stringify(reply.body));
  assert.equal(reply.body.overdue, false);
  assert.equal((await act(id, 'reply', 'demo-responsible', { text: '再报' })).body.code, 'E_DUP');
  await until(() => seen.some((d) => d.kind === 'instruction.replied' && d.id === id), { what: 'the live push' });
  const n = await until(() => seen.find((d) => d.type === 'notice' && d.kind === 'instruction.reply' && d.object === `instruction:${id}`), { what: 'the notice' });
  assert.match(n.text, /^您的批示已收到.+的反馈，请在掌办查看。$/);
  const i = await get(id), bb = i.units.find((u) => u.unit === UNIT), gsj = i.units.find((u) => u.unit === 'NP-GSJ');
  assert.deepEqual([bb.state, bb.signed_by, bb.reply], ['replied', CONTACT, '方案已报市政府办。']);
  assert.deepEqual([gsj.state, gsj.reply], ['sent', null]);
  const list = await gw.rpc(LEADER, 'instruction.list', { state: 'issued', object: `task:${TASK}` });
  assert.deepEqual(list.items.find((x) => x.id === id), { ...list.items.find((x) => x.id === id), units: 2, signed: 1, replied: 1, urgency: 'extra' });
  assert.equal((await act(id, 'close', CONTACT)).status, 403, 'not by the unit');
  const closed = await act(id, 'close', LEADER);
  assert.equal(closed.body.state, 'closed');
  assert.equal(closed.body.not_replied, 1);
  assert.equal((await act(id, 'close', LEADER)).body.code, 'E_STATE');
  assert.equal((await act(id, 'reply', 'sim-NP-GSJ', { text: '迟到的反馈' })).body.code, 'E_STATE');
  assert.equal((await act(id, 'withdraw', LEADER, withdrawal(phone, id))).body.code, 'E_STATE');
  assert.equal((await get(id, 'sim-NP-GSJ')).state, 'closed');
  const told = (await gw.ok('GET', '/v1/notices', { as: CONTACT })).items.find((x) => x.kind === 'instruction.closed' && x.object === `instruction:${id}`);
  assert.equal(told?.body, '市领导已阅反馈，该批示办结。');
});

test('F007 F108 praise moves the ranking of the unit, its withdrawal moves it back; an old version of the task is refused', async () => {
  const score = async () => (await gw.ok('GET', '/v1/rankings/2018/city', { as: 'demo-monitor' })).rows.find((r) => r.unit === UNIT).score;
  await work.dispatch(gw, TASK);
  const was = version, before = await score(), praise = { kind: 'praise', urgency: 'normal', units: [UNIT], reply_by: undefined, text: '工作扎实，予以肯定。' };
  ({ version } = await gw.ok('GET', `/v1/tasks/${TASK}`, { as: LEADER }));
  assert.ok(version > was);
  const r = await refused(order({ ...praise, object_version: was }), 'E_CONFLICT', 409);
  assert.match(r.body.detail, /^3月12日 \d\d:\d\d 已有人修改。您填写的内容已保留，请核对最新内容后再提交。$/);
  const { id } = await issued(praise);
  assert.ok(await score() > before, `${await score()} ${before}`);
  await act(id, 'withdraw', LEADER, withdrawal(phone, id));
  assert.equal(await score(), before);
});

const toTask = (id, body, as = 'demo-dispatcher') => act(id, 'to-task', as, body);

test('F108 an order becomes a draft task: units and date as signed, words not copied, then the usual approval; both sides show the link', async () => {
  const secret = '请市工商局牵头，限期整改。', { id } = await issued({ text: secret, urgency: 'extra' });
  const told = (await gw.ok('GET', '/v1/notices?limit=200', { as: 'demo-dispatcher' })).items.find((x) => x.object === `instruction:${id}`);
  assert.equal(told.kind, 'instruction.register', 'the office is asked to register it');
  for (const [who, code] of [[CONTACT, 'E_PERM'], ['demo-dispatcher2', 'E_PERM'], ['demo-dispatcher3', 'E_NOTFOUND'], [LEADER, 'E_PERM'], ['demo-approver', 'E_PERM']])
    assert.equal((await toTask(id, { how: 'create' }, who)).body.code, code, who);
  assert.deepEqual((await get(id)).tasks, []);
  const r = await toTask(id, { how: 'create' });
  assert.equal(r.status, 201, JSON.stringify(r.body));
  assert.deepEqual([r.body.state, r.body.instruction, r.body.how], ['draft', id, 'create']);
  const again = await toTask(id, { how: 'create' });
  assert.equal(again.body.code, 'E_DUP');
  const task = r.body.id, t = await gw.rpc('demo-dispatcher', 'task.get', { task_id: task }), about = await gw.ok('GET', `/v1/tasks/${TASK}`, { as: LEADER });
  assert.deepEqual(t.listed_units.map((u) => u.unit), [UNIT, 'NP-GSJ']);
  assert.deepEqual([t.lead_unit.unit, t.supervising_unit.unit, t.deadline, t.urgency, t.title], [UNIT, 'NP-ZFB', '2018-03-16', 'urgent', `落实市领导批示：${about.title}`]);
  assert.deepEqual([t.source.kind, t.source.date, t.source.number], ['instruction', '2018-03-12', '']);
  assert.deepEqual(t.instructions.map((x) => [x.id, x.how]), [[id, 'create']]);
  assert.ok(!JSON.stringify([t, (await gw.ok('GET', `/v1/tasks/${task}/history`, { as: 'demo-dispatcher' }))]).includes(secret));

  const seen = async (who) => (await get(id, who)).tasks;
  assert.deepEqual((await seen(LEADER)).map((x) => [x.how, x.id]), [['create', null]], 'registered; the draft is still the office\'s');
  assert.deepEqual((await seen('demo-dispatcher')).map((x) => [x.id, x.state]), [[task, 'draft']]);
  assert.equal((await gw.rest('GET', `/v1/tasks/${task}`, { as: CONTACT })).body.code, 'E_NOTFOUND');
  const empty = await gw.rest('POST', `/v1/tasks/${task}/submit-draft`, { as: 'demo-dispatcher', body: { version: 1 } });
  assert.deepEqual([empty.body.code, empty.body.field], ['E_STATE', 'requirement'], 'the office says in its own words what is wanted');
  let { version: v } = await gw.ok('PUT', `/v1/tasks/${task}`, { as: 'demo-dispatcher', body: { version: 1, requirement: '按批示整改并书面报告' } });
  ({ version: v } = await work.act(gw, 'demo-dispatcher', task, 'submit-draft', { version: v }));
  await work.act(gw, 'demo-approver', task, 'approve', { version: v });
  assert.deepEqual((await seen(LEADER)).map((x) => [x.id, x.state]), [[task, 'dispatched']]);
  assert.deepEqual((await gw.ok('GET', `/v1/tasks/${task}`, { as: CONTACT })).instructions.map((x) => x.id), [id]);
  assert.deepEqual((await gw.ok('GET', `/v1/tasks/${task}`, { as: 'demo-auditor' })).instructions, [], 'an instruction exists for those alone who may read it');
  const note = (await gw.rpc(LEADER, 'notice.list', { limit: 50 })).items.find((x) => x.kind === 'instruction.tasked' && x.object === `instruction:${id}`);
  assert.equal(note?.body, '您的批示已据以立项督办，请在掌办查看。');
  const lines = await rows(gw, `SELECT object FROM ledger WHERE kind = 'instruction.to_task' AND object IN ('instruction:${id}', 'task:${task}') ORDER BY object`);
  assert.deepEqual(lines.map((l) => l.object), [`instruction:${id}`, `task:${task}`]);
});

test('F108 an order changes the draft it is about: further units and the written date; what is dispatched keeps its units', async () => {
  const task = await work.draft(gw, { title: '待补充的草稿', units: ['NP-SZB', 'NP-GSJ'], lead_unit: 'NP-GSJ', deadline: '2018-06-29' });
  const on = (f) => issued({ object: `task:${task}`, object_version: 1, ...f });
  const { id } = await on({ units: [UNIT, 'NP-GSJ'], reply_by: '2018-04-27' });
  assert.equal((await toTask(id, { how: 'change' })).body.field, 'version');
  assert.equal((await toTask(id, { how: 'change', version: 9 })).body.code, 'E_CONFLICT');
  const r = await toTask(id, { how: 'change', version: 1 });
  assert.deepEqual([r.status, r.body.id, r.body.version, r.body.how], [201, task, 2, 'change'], JSON.stringify(r.body));
  const t = await gw.rpc('demo-dispatcher', 'task.get', { task_id: task });
  assert.deepEqual([t.listed_units.map((u) => u.unit), t.lead_unit.unit, t.deadline, t.requirement], [['NP-SZB', 'NP-GSJ', UNIT], 'NP-GSJ', '2018-04-27', '按方案完成']);
  assert.deepEqual(t.instructions.map((x) => [x.id, x.how]), [[id, 'change']]);
  assert.equal((await toTask(id, { how: 'change', version: 2 })).body.code, 'E_DUP');

  const given = await work.given(gw, { title: '已交办', units: ['NP-SZB'] });
  const { version: v } = await work.get(gw, given);
  const late = await issued({ object: `task:${given}`, object_version: v, units: [UNIT] });
  const refusal = await toTask(late.id, { how: 'change', version: v });
  assert.deepEqual([refusal.body.code, /另行立项/.test(refusal.body.detail)], ['E_STATE', true], JSON.stringify(refusal.body));
  assert.deepEqual((await work.get(gw, given)).units.map((u) => u.unit), ['NP-SZB']);
});

test('F108 no task from praise, from what is withdrawn, or for the office itself; cases and documents are refused with a reason', async () => {
  const praise = await issued({ kind: 'praise', reply_by: undefined }), mine = await issued({ units: ['NP-ZFB', UNIT] }), gone = await issued();
  assert.equal((await toTask(praise.id, { how: 'create' })).body.code, 'E_STATE');
  assert.equal((await toTask(mine.id, { how: 'create' })).body.code, 'E_PERM');
  assert.equal((await act(gone.id, 'withdraw', LEADER, withdrawal(phone, gone.id))).status, 200);
  assert.equal((await toTask(gone.id, { how: 'create' })).body.code, 'E_STATE');
  const told = (await gw.ok('GET', '/v1/notices?limit=200', { as: 'demo-dispatcher' })).items.filter((x) => x.object === `instruction:${gone.id}`);
  assert.deepEqual(told.map((x) => x.kind), ['instruction.withdrawn', 'instruction.register']);
  for (const object of ['case:350700201803120001', 'document:2018-25', 'unit:NP-BB']) {
    const r = await refused(order({ object }), 'E_INPUT', 400);
    assert.equal(r.body.field, 'object', object);
  }
});

test('D4 lists go on by cursor without a gap; a foreign cursor is refused', async () => {
  const all = (await gw.ok('GET', '/v1/instructions?limit=200', { as: LEADER })).items.map((i) => i.id), ids = [];
  assert.ok(all.length > 5);
  let next = null, pages = 0;
  do {
    const r = await gw.ok('GET', `/v1/instructions?limit=2${next ? `&cursor=${encodeURIComponent(next)}` : ''}`, { as: LEADER });
    assert.ok(r.items.length <= 2);
    ids.push(...r.items.map((i) => i.id));
    if (pages++ === 0) next = r.next;
    next = r.next;
  } while (next);
  assert.deepEqual(ids, all);
  assert.deepEqual(all, [...all].sort().reverse(), 'the newest first');
  const mine = (await gw.ok('GET', '/v1/instructions?limit=2', { as: LEADER })).next;
  for (const [who, q] of [[LEADER, `limit=2&state=issued&cursor=${encodeURIComponent(mine)}`], [LEADER, 'cursor=nonsense'],
    [LEADER, `cursor=${encodeURIComponent(mine.slice(0, -2))}`]]) {
    const r = await gw.rest('GET', `/v1/instructions?${q}`, { as: who });
    assert.equal(r.status, 400, q);
    assert.equal(r.body.code, 'E_INPUT');
  }
  const notices = await gw.rest('GET', `/v1/notices?cursor=${encodeURIComponent(mine)}`, { as: LEADER });
  assert.equal(notices.status, 400, 'a cursor of another list');
  assert.equal((await gw.rest('GET', '/v1/instructions?limit=201', { as: LEADER })).status, 400);
});

test('F108 F130 after the loss report nothing signed by that phone is taken, also what was signed before', async () => {
  const ready = order(), body = withdrawal(phone, (await issued()).id);
  await gw.ok('POST', `/v1/devices/${phone.device}/lost`, { as: 'demo-admin' });
  const dead = await create(ready);
  assert.equal(dead.status, 401, 'the session is gone');
  const fresh = { token: await gw.token(LEADER) }; // demo: a session by the operator, now without a device
  for (const [path, b] of [['/v1/instructions', ready], [`/v1/instructions/x/withdraw`, body]]) {
    const r = await gw.rest('POST', path, { as: fresh, body: b });
    assert.equal(r.body.code, 'E_ACTIVATE', path);
  }
  assert.equal((await rows(gw, `SELECT COUNT(*) AS n FROM instruction WHERE serial = ${ready.serial}`))[0].n, 0);
});
