// SPDX-License-Identifier: Apache-2.0
// F110, F119: what people read on their phones, at a carrier that speaks CMPP. The demo's clock makes the days pass.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { Gateway } from './lib/gateway.mjs';
import { carrier, phones, rows } from './lib/city.mjs';
import { demoPhone, instruction } from './lib/sm.mjs';
import { Smsc } from './lib/smsc.mjs';
import { until } from './lib/until.mjs';
import * as work from './lib/work.mjs';

const TASK = 'NP2018-1-1-1', OTHER = 'NP2018-2-1-1', UNIT = 'NP-BB', CONTACT = `sim-${UNIT}`, COLLEAGUE = 'demo-responsible';
let gw, smsc, numbers;

before(async () => {
  smsc = await new Smsc().start();
  gw = new Gateway({ conf: { 'notice.plan_p2': 'sms+3', 'notice.sms_merge_s': 0 } });
  Object.assign(gw.conf, carrier(gw, smsc));
  await gw.start();
  numbers = await phones(gw);
});
after(async () => { await gw.stop(); await smsc.stop(); });

/** SMS that came to this person with these words in them. */
const texts = async (person, words = '') => (await smsc.messages()).filter((m) => m.phone === numbers.get(person) && m.text.includes(words)).map((m) => m.text);
const sms = (person, words) => until(async () => (await texts(person, words))[0], { what: `SMS to ${person}: ${words}` });
const inbox = (person, kind, object) => until(async () =>
  (await gw.ok('GET', '/v1/notices?limit=200', { as: person })).items.find((n) => n.kind === kind && n.object === object), { what: `${kind} for ${person}` });
const delivery = async (notice) => (await rows(gw, `SELECT state, detail, attempts FROM delivery WHERE notice = '${notice}' AND channel = 'sms'`))[0];

async function clock(time) {
  const r = await gw.command('clock', '--set', time);
  assert.equal(r.code, 0, r.stderr);
  await until(async () => Date.parse((await gw.ok('GET', '/v1/board-session')).now) >= Date.parse(time), { what: `the clock at ${time}` });
}

test('F110 assignment: every person of the responsible units reads what to do by when', async () => {
  await work.dispatch(gw, TASK);
  const want = '【南平掌办】新任务「权责清单管理系统投入试运行」，请于3月13日前签收，3月20日前办结。请登录掌办办理。';
  for (const who of [CONTACT, COLLEAGUE]) assert.equal(await sms(who, '新任务'), want);
  const n = await inbox(CONTACT, 'task.assigned', `task:${TASK}`);
  assert.equal(`【南平掌办】${n.body}`, want, 'the inbox has the same words');
  assert.equal(n.read_at, null);
  assert.deepEqual(await texts('sim-NP-GAJ', '权责清单管理系统'), [], 'a unit that is not concerned gets nothing');
});

test('F110 the delivery report of the carrier is recorded: arrived, or why not', async () => {
  const good = await inbox(CONTACT, 'task.assigned', `task:${TASK}`);
  const d = await until(async () => { const x = await delivery(good.id); return x.state === 'delivered' && x; }, { what: 'delivered' });
  assert.deepEqual(d, { state: 'delivered', detail: 'DELIVRD', attempts: 1 });
  await smsc.post('behave', { report: 'UNDELIV' });
  await work.dispatch(gw, OTHER);
  await sms('sim-NP-GSJ', '优化完善');
  await smsc.post('behave', { report: 'DELIVRD' });
  const bad = await inbox('sim-NP-GSJ', 'task.assigned', `task:${OTHER}`);
  const f = await until(async () => { const x = await delivery(bad.id); return x.state === 'failed' && x; }, { what: 'failed' });
  assert.equal(f.detail, 'UNDELIV');
});

test('F110 retry: what the carrier has no room for comes later, once; what it refuses for good is not tried again', async () => {
  const plain = numbers.get('sim-NP-SZB'), barred = numbers.get('sim-NP-CZJ'), id = await work.draft(gw, { title: '重试', units: ['NP-SZB', 'NP-CZJ'] });
  await smsc.post('behave', { reject_phone: { [plain]: 8, [barred]: 13 } }); // 8: flow control
  const { version } = await work.act(gw, 'demo-dispatcher', id, 'submit-draft', { version: 1 });
  await work.act(gw, 'demo-approver', id, 'approve', { version });
  const wait = await inbox('sim-NP-SZB', 'task.assigned', `task:${id}`), never = await inbox('sim-NP-CZJ', 'task.assigned', `task:${id}`);
  await until(async () => (await delivery(wait.id)).attempts >= 2, { what: 'a second try' });
  assert.deepEqual(await texts('sim-NP-SZB', '重试'), []);
  await smsc.post('behave', { reject_phone: { [barred]: 13 } });
  assert.equal(await sms('sim-NP-SZB', '重试'), `【南平掌办】${wait.body}`);
  await until(async () => (await delivery(wait.id)).state === 'delivered', { what: 'delivered' });
  const f = await until(async () => { const x = await delivery(never.id); return x.state === 'failed' && x; }, { what: 'failed' });
  assert.deepEqual([f.attempts, (await texts('sim-NP-SZB', '重试')).length, await texts('sim-NP-CZJ', '重试')], [1, 1, []]);
  await smsc.post('behave', { reject_phone: {} });
});

test('F110 instruction: the units are told at once, without a word of what it says', async () => {
  const { version } = await work.get(gw, TASK);
  const text = '请李四同志（13800138000）督办。', body = instruction(demoPhone(gw, 'demo-leader'), { object: `task:${TASK}`, object_version: version,
    units: [UNIT], urgency: 'extra', reply_by: '2018-03-16', text });
  const { id } = await gw.ok('POST', '/v1/instructions', { as: 'demo-leader', body });
  assert.equal(await sms(CONTACT, '批示'), '【南平掌办】您单位收到市领导批示1件（特急，3月16日前反馈），请登录掌办签收办理。');
  await gw.ok('POST', `/v1/instructions/${id}/reply`, { as: CONTACT, body: { text: '已督办。' } });
  assert.match(await sms('demo-leader', '反馈'), /^【南平掌办】您的批示已收到.+的反馈，请在掌办查看。$/);
  assert.ok(!(await smsc.messages()).some((m) => m.text.includes('李四') || m.text.includes('13800138000')));
});

test('F110 return: until when to report anew', async () => {
  await work.signAll(gw, OTHER);
  await work.reportAll(gw, OTHER);
  await work.submitDone(gw, OTHER);
  const { version } = await work.get(gw, OTHER);
  await work.act(gw, 'demo-dispatcher', OTHER, 'return', { version, reason: '缺少验收材料。' });
  assert.match(await sms('sim-NP-GSJ', '退回'), /^【南平掌办】「优化完善“双随机一公开”监管系统」未通过复核，已退回。请登录掌办查看退回原因，3月\d+日前重新报送。$/);
});

test('F057 F110 coming due: three working days before, after the time to read it; read before that: no SMS', async () => {
  await work.signAll(gw, TASK);
  const client = await gw.client(COLLEAGUE), seen = [];
  client.on('publication', (p) => { if (p.data.kind === 'task.due_soon' && p.data.object === `task:${TASK}`) seen.push(p.data); });
  await clock('2018-03-15T08:29:58+08:00');
  const live = await until(() => seen[0], { what: 'the live notice' });
  assert.equal(live.text, '「权责清单管理系统投入试运行」还剩3个工作日。请抓紧办理或按规定申请延期。');
  await client.rpc('notice.read', { notice_id: live.id }); // on the phone; the SMS would go in three seconds
  assert.equal(await sms(CONTACT, '还剩3个工作日'), `【南平掌办】${live.text}`);
  const mine = await inbox(CONTACT, 'task.due_soon', `task:${TASK}`);
  const sent = await until(async () => { const x = await delivery(mine.id); return x.state === 'delivered' && x; }, { what: 'delivered' });
  assert.equal(sent.attempts, 1);
  assert.deepEqual(await delivery(live.id), { state: 'cancelled', detail: '', attempts: 0 });
  assert.deepEqual(await texts(COLLEAGUE, '还剩3个工作日'), []);
  assert.ok((await inbox(COLLEAGUE, 'task.due_soon', `task:${TASK}`)).read_at, 'REST knows that it was read');
});

test('F110 F119 overdue: at once, also at midnight; a step of the same minute waits for the morning', async () => {
  await clock('2018-03-20T23:59:58+08:00');
  assert.equal(await sms(CONTACT, '逾期'), '【南平掌办】「权责清单管理系统投入试运行」已逾期，亮红灯。请今日登录掌办报送进展和完成时间。');
  await work.reportAll(gw, TASK);
  await work.submitDone(gw, TASK);
  const n = await inbox('demo-dispatcher', 'task.to_review', `task:${TASK}`);
  const [d] = await rows(gw, `SELECT state, due_wall - ${Date.now()} AS ms FROM delivery WHERE notice = '${n.id}' AND channel = 'sms'`);
  assert.equal(d.state, 'waiting');
  assert.ok(d.ms > 7 * 3600000 && d.ms < 7.6 * 3600000, `${d.ms}: until half past seven`);
});

test('F119 noise limits: so many a day; what is urgent passes', async () => {
  await gw.kill('SIGTERM');
  gw.sanitizer();
  Object.assign(gw.conf, { 'notice.plan_p2': 'sms+0', 'notice.sms_merge_s': 600, 'notice.sms_per_day': 2 });
  await gw.start();
  const dispatcher = 'demo-approver', ids = ['NP2018-1-3-1', 'NP2018-2-2-1', 'NP2018-3-1-2', 'NP2018-1-2-2'];
  await clock('2018-03-21T09:00:00+08:00');
  const was = (await texts(dispatcher, '待审核')).length;
  for (const id of ids) { // priority 2: "to approve"
    const t = work.TASKS.find((x) => x.id === id), { version } = await work.get(gw, id);
    await work.act(gw, 'demo-dispatcher', id, 'submit-draft', { version, expand: work.expansion(t) });
  }
  for (const id of ids) await inbox(dispatcher, 'task.to_approve', `task:${id}`);
  await until(async () => (await texts(dispatcher, '待审核')).length >= was + 2, { what: 'two SMS' });
  const got = await rows(gw, `SELECT d.state FROM notice n LEFT JOIN delivery d ON d.notice = n.id AND d.channel = 'sms'
    WHERE n.person = '${dispatcher}' AND n.kind = 'task.to_approve' AND n.created_biz > ${Date.parse('2018-03-21T08:00+08:00')} ORDER BY n.id`);
  assert.deepEqual(got.map((g) => g.state !== null), [true, true, false, false], 'the third and fourth of the day stay in the inbox');
  const t = await work.get(gw, ids[0]); // priority 1 to the dispatcher passes the daily limit: rejected
  await work.act(gw, dispatcher, ids[0], 'reject', { version: t.version, opinion: '责任单位有误。' });
  await sms('demo-dispatcher', '审核未通过');
});

test('F119 a second step about the same object within ten minutes is merged into the first', async () => {
  const id = 'NP2018-3-1-2', { version } = await work.get(gw, id);
  await work.act(gw, 'demo-approver', id, 'approve', { version });
  await work.signAll(gw, id); // "all have signed": priority 2 to the dispatcher
  await inbox('demo-dispatcher', 'task.signed', `task:${id}`);
  await sms('demo-dispatcher', '已由全部责任单位签收');
  const merged = async () => Number(/^zhangban_sms_total\{[^}]*"merged"\} (\d+)$/m.exec(await (await fetch(`${gw.url}/metrics`)).text())?.[1] ?? 0), was = await merged();
  await work.reportAll(gw, id);
  await work.submitDone(gw, id);
  const n = await inbox('demo-dispatcher', 'task.to_review', `task:${id}`);
  const told = await rows(gw, `SELECT id FROM notice WHERE kind = 'task.to_review' AND object = 'task:${id}'`);
  assert.ok(told.some((x) => x.id === n.id));
  for (const x of told) assert.equal(await delivery(x.id), undefined, 'shown in the inbox, no second SMS');
  assert.equal(await merged(), was + told.length);
});

test('F110 no text is longer than one SMS, and every one is signed', async () => {
  const all = await smsc.messages();
  assert.ok(all.length > 20);
  for (const m of all) {
    assert.equal(m.parts, 1, m.text);
    assert.ok(m.text.length <= 70, m.text);
    assert.ok(m.text.startsWith('【南平掌办】'), m.text);
  }
  assert.equal((await smsc.get('stats')).violations_n, 0);
});
