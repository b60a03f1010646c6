// SPDX-License-Identifier: Apache-2.0
// F110, F119: what an operator sees of delivery and does to it, with two carriers: how it stands, a provider held and tested, dead letters
// found, explained and sent again, a planned message called off, one person's messages looked up; and what is refused and recorded.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { Gateway } from './lib/gateway.mjs';
import { carrier, phones, rows } from './lib/city.mjs';
import { Redis } from './lib/redis.mjs';
import { Smsc } from './lib/smsc.mjs';
import { until } from './lib/until.mjs';
import * as work from './lib/work.mjs';

const UNIT = 'NP-SZB', CONTACT = 'sim-NP-SZB', ADMIN = 'demo-admin', AUDITOR = 'demo-auditor';
let gw, redis, one, two, numbers, phone;

before(async () => {
  [one, two] = await Promise.all([new Smsc().start(), new Smsc().start()]);
  gw = new Gateway({ conf: { 'notice.plan_p1': 'sms+0' } });
  redis = new Redis(gw.dir);
  await redis.start();
  gw.conf.redis = `unix:${redis.sock}`;
  const { providers } = carrier(gw, one);
  gw.conf.providers = { carrier: { ...providers.carrier, cost: 35 }, second: { ...providers.carrier, port: two.port, weight: 0 } };
  await gw.start();
  numbers = await phones(gw);
  phone = numbers.get(CONTACT);
  await until(async () => (await two.get('stats')).logins > 0 && (await one.get('stats')).logins > 0, { what: 'both links' });
  await until(async () => (await overview()).level === 'good', { what: 'workers speak' });
});
after(async () => { await gw?.stop(); await redis?.kill(); await one?.stop(); await two?.stop(); });

const overview = (as = ADMIN) => gw.ok('GET', '/v1/ops', { as });
const provider = async (name) => (await overview()).providers.find((p) => p.name === name);
const post = (url, body, as = ADMIN) => gw.rest('POST', url, { as, body });
const deliveries = async (query, as = ADMIN) => (await gw.ok('GET', `/v1/deliveries?${query}`, { as })).items;
const ledger = (kind) => rows(gw, `SELECT actor, object, body FROM ledger WHERE kind = '${kind}' ORDER BY seq`);

/** An assignment; resolves to the SMS delivery of the unit's contact once it is in this state. */
async function sms(title, state) {
  const task = await work.given(gw, { title, units: [UNIT] });
  return until(async () => {
    const list = await deliveries(`person=${CONTACT}&channel=sms&limit=20`);
    const notice = (await rows(gw, `SELECT id FROM notice WHERE person = '${CONTACT}' AND object = 'task:${task}'`))[0]?.id;
    return list.find((d) => d.notice === notice && d.state === state);
  }, { what: `${title}: ${state}` });
}
/** The worker has obeyed: it looks once a second. */
const obeyed = async (act, n, what) => {
  const told = Date.now(), event = `"event":"provider_${act}"`;
  await until(() => gw.log.split(event).length - 1 >= n, { what });
  assert.ok(Date.now() - told < 2500, `${what}: ${Date.now() - told} ms`);
};
async function refuse(both) {
  for (const s of [one, two]) await s.post('behave', { reject_phone: both ? { [phone]: 9 } : {} });
}

test('F110 how delivery stands: one sentence, every provider, every lane; the same over rpc', async () => {
  await sms('总览可见', 'delivered');
  const o = await until(async () => { const x = await overview(); return x.providers[0].taken_5m > 0 && x; }, { what: 'answers counted' });
  assert.equal(o.text, '一切正常');
  assert.deepEqual(o.providers.map((p) => [p.name, p.state, p.channel, p.workers]), [['carrier', 'well', 'sms', 1], ['second', 'well', 'sms', 1]]);
  assert.equal(o.providers[0].window, 16);
  assert.equal(o.providers[0].cost_today, Math.round(o.providers[0].sent_today * 3.5), 'thousandths of a yuan become fen');
  assert.ok(o.today.items.some((s) => s.channel === 'sms' && s.state === 'delivered' && s.n >= 1));
  assert.ok(o.lanes.some((l) => l.lane === 'p1.sms' && l.waiting === 0));
  assert.equal(o.redis, 'up');
  assert.ok(o.workers.length === 1 && o.workers[0].age_s < 15);
  assert.equal((await gw.rpc(AUDITOR, 'ops.overview')).may_act, false, 'an auditor reads only');
  assert.equal((await gw.rest('GET', '/v1/ops', { as: 'demo-monitor' })).status, 403);
});

test('F110 a paused provider: within two seconds nothing goes by it, the other carries; resumed it works again', async () => {
  assert.equal((await post('/v1/providers/carrier/pause', { reason: '号段割接' }, AUDITOR)).status, 403);
  assert.equal((await post('/v1/providers/nobody/pause', { reason: '号段割接' })).body.code, 'E_NOTFOUND');
  assert.equal((await post('/v1/providers/carrier/pause', {})).body.field, 'reason');
  assert.equal((await post('/v1/providers/carrier/pause', { reason: '号段割接' })).status, 200);
  await obeyed('held', 1, 'carrier held');
  const p = await provider('carrier');
  assert.deepEqual([p.state, p.state_text, p.held.by, p.held.reason], ['held', '停用', ADMIN, '号段割接']);
  assert.equal((await overview()).text, '短信通道降级，其余正常');
  const d = await sms('停用时走另一家', 'delivered');
  assert.equal(d.provider, 'second');
  assert.equal((await post('/v1/providers/carrier/pause', { reason: '再停一次' })).body.code, 'E_STATE');
  assert.equal((await post('/v1/providers/carrier/test', {})).body.code, 'E_STATE', 'held: no test goes by it');
  assert.equal((await post('/v1/providers/carrier/resume', { reason: '割接完成' })).status, 200);
  await obeyed('released', 1, 'carrier released');
  await until(async () => (await overview()).text === '一切正常', { what: 'all well again' });
  assert.equal((await sms('恢复后', 'delivered')).provider, 'carrier');
  assert.deepEqual((await ledger('provider.pause')).map((r) => [r.actor, r.object, JSON.parse(r.body).reason]), [[ADMIN, 'provider:carrier', '号段割接']]);
  assert.deepEqual((await ledger('provider.resume')).map((r) => JSON.parse(r.body).reason), ['割接完成']);
});

test('F110 a test goes by exactly that provider to the operator, once a minute', async () => {
  const t = (await post('/v1/providers/second/test', {})).body;
  const d = await until(async () => { const x = await gw.ok('GET', `/v1/deliveries/${t.delivery}`, { as: ADMIN }); return x.state === 'delivered' && x; },
    { what: 'the test' });
  assert.equal(d.provider, 'second', 'the spare one, which nothing else would take');
  const got = (await two.messages()).filter((m) => m.phone === numbers.get(ADMIN));
  assert.deepEqual(got.map((m) => m.text), ['【南平掌办】这是经「second」发出的测试消息，收到即表示通道可用。']);
  const again = await post('/v1/providers/second/test', {});
  assert.deepEqual([again.status, again.body.code], [429, 'E_LIMIT']);
  await two.post('behave', { reject_phone: { [numbers.get('demo-admin2')]: 9 } });
  const bad = (await post('/v1/providers/second/test', {}, 'demo-admin2')).body;
  const f = await until(async () => { const x = await gw.ok('GET', `/v1/deliveries/${bad.delivery}`, { as: ADMIN }); return x.state === 'failed' && x; },
    { what: 'the refused test' });
  assert.deepEqual(f.events.filter((e) => e.what === 'attempt').map((e) => e.provider), ['second'], 'no other one tried');
  await two.post('behave', { reject_phone: {} });
});

test('F110 a dead letter is listed, explained in words, sent again once the carrier takes it, and then no more', async () => {
  await refuse(true);
  const d = await sms('死信重发', 'failed');
  assert.equal(d.text, '短信未送达：运营商不负责这个号码（result 9, parts 0 of 1 taken）');
  assert.deepEqual([d.can_replay, d.detail_text, d.name], [true, '运营商不负责这个号码', '市*'.replace('市', d.name[0])]);
  const dead = await gw.ok('GET', '/v1/deliveries?state=dead&limit=1', { as: AUDITOR });
  assert.deepEqual([dead.items[0].id, dead.items[0].can_replay], [d.id, false], 'an auditor sees it, and may not act');
  assert.ok(!JSON.stringify(dead).includes(phone) && !JSON.stringify(dead).includes('死信重发'), 'neither number nor text');
  assert.equal((await post(`/v1/deliveries/${d.id}/replay`, { reason: '运营商已恢复' }, AUDITOR)).status, 403);
  await refuse(false);
  const r = await post(`/v1/deliveries/${d.id}/replay`, { reason: '运营商已恢复' });
  assert.equal(r.status, 200, JSON.stringify(r.body));
  const done = await until(async () => { const x = await gw.ok('GET', `/v1/deliveries/${d.id}`, { as: ADMIN }); return x.state === 'delivered' && x; }, { what: 'sent again' });
  assert.equal(done.provider, 'carrier', 'all providers anew');
  assert.deepEqual(done.events.filter((e) => e.what === 'attempt').map((e) => [e.provider, e.verdict]),
    [['carrier', 'rejected'], ['second', 'rejected'], ['carrier', 'sent']]);
  assert.equal((await one.messages()).filter((m) => m.phone === phone && m.text.includes('死信重发') && m.result === 0).length, 1);
  assert.match((await gw.ok('GET', `/v1/notices/${d.notice}/trace`, { as: CONTACT })).text, /短信已送达/, 'the recipient reads the same');
  const refused = await post(`/v1/deliveries/${d.id}/replay`, { reason: '再来一次' });
  assert.deepEqual([refused.body.code, refused.body.detail], ['E_STATE', '已经送达，无需重发。']);
  assert.deepEqual((await ledger('delivery.replay')).map((x) => [x.object, JSON.parse(x.body).reason]), [[`delivery:${d.id}`, '运营商已恢复']]);
});

test('F110 what was read meanwhile, or has no text any more, is not sent again', async () => {
  await refuse(true);
  const d = await sms('已读不再发', 'failed');
  await gw.ok('POST', `/v1/notices/${d.notice}/read`, { as: CONTACT });
  assert.deepEqual((await post(`/v1/deliveries/${d.id}/replay`, { reason: '重发一次' })).body.detail, '对方已读，无需重发。');
  await gw.rest('POST', '/v1/auth/sms-codes', { body: { phone } });
  await refuse(false);
  const code = await until(async () => (await deliveries('limit=20')).find((x) => x.notice === null && !['waiting', 'queued', 'claimed'].includes(x.state)),
    { what: 'the delivery of a code' });
  assert.equal(code.person, null);
  assert.equal((await post(`/v1/deliveries/${code.id}/replay`, { reason: '重发一次' })).body.code, 'E_STATE');
  assert.equal((await gw.rest('GET', '/v1/deliveries/d_nothing', { as: ADMIN })).status, 404);
});

test('F110 lists: filters, pages that fit together, a cursor of another list is refused', async () => {
  const all = await deliveries('limit=200&channel=sms');
  assert.ok(all.length >= 6);
  const seen = [];
  for (let cursor = ''; cursor !== null;) {
    const page = await gw.ok('GET', `/v1/deliveries?limit=2&channel=sms${cursor && `&cursor=${cursor}`}`, { as: ADMIN });
    seen.push(...page.items.map((d) => d.id));
    cursor = page.next;
  }
  assert.deepEqual(seen, all.map((d) => d.id));
  assert.deepEqual(seen, [...seen].sort().reverse(), 'newest first');
  assert.ok((await deliveries('provider=second')).every((d) => d.provider === 'second'));
  assert.deepEqual((await deliveries('kind=ops.test')).map((d) => d.person).sort(), [ADMIN, 'demo-admin2']);
  assert.deepEqual(new Set((await deliveries('state=dead')).map((d) => d.state)), new Set(['failed']));
  const today = new Date(Date.now() + 8 * 3600e3).toISOString().slice(0, 10);
  assert.equal((await deliveries(`channel=sms&limit=200&from=${today}&to=${today}`)).length, all.length);
  assert.deepEqual(await deliveries('to=2018-01-01'), []);
  const { next } = await gw.ok('GET', '/v1/deliveries?limit=1', { as: ADMIN });
  assert.equal((await gw.rest('GET', `/v1/deliveries?limit=1&state=dead&cursor=${next}`, { as: ADMIN })).body.field, 'cursor');
  assert.equal((await gw.rest('GET', `/v1/deliveries?from=${today}&to=2018-01-01`, { as: ADMIN })).body.field, 'to');
  assert.equal((await gw.rest('GET', '/v1/deliveries', { as: 'demo-leader' })).status, 403);
});

test('F119 a planned message is called off; the inbox keeps it; what is under way is not', async () => {
  await post('/v1/providers/carrier/pause', { reason: '演练停用' });
  await post('/v1/providers/second/pause', { reason: '演练停用' });
  await obeyed('held', 3, 'both held');
  assert.equal((await overview()).text, '短信通道中断，其余正常');
  const d = await sms('先等一等', 'queued');
  assert.equal(d.can_cancel, true);
  assert.equal((await post(`/v1/deliveries/${d.id}/cancel`, { reason: '任务已撤回' })).body.state, 'cancelled');
  assert.equal((await post(`/v1/deliveries/${d.id}/cancel`, { reason: '任务已撤回' })).body.code, 'E_STATE');
  for (const p of ['carrier', 'second']) assert.equal((await post(`/v1/providers/${p}/resume`, { reason: '演练结束' })).status, 200);
  await obeyed('released', 3, 'both released');
  await until(async () => (await overview()).text === '一切正常', { what: 'all well again' });
  assert.equal((await sms('之后的照发', 'delivered')).state, 'delivered');
  assert.ok(!(await one.messages()).some((m) => m.text.includes('先等一等')));
  const t = await gw.ok('GET', `/v1/notices/${d.notice}/trace`, { as: CONTACT });
  assert.equal(t.text, '未读；站内已送达；短信：已取消，不再发送');
});

test('F110 one person\'s messages: by id, number or name, for a purpose on record, masked', async () => {
  assert.equal((await post('/v1/messages/search', { who: CONTACT })).body.field, 'purpose');
  assert.equal((await post('/v1/messages/search', { who: '查无此人', purpose: '群众来电核实' })).body.code, 'E_NOTFOUND');
  assert.equal((await post('/v1/messages/search', { who: CONTACT, purpose: '群众来电核实' }, 'demo-monitor')).status, 403);
  const by = [];
  for (const who of [CONTACT, phone, (await rows(gw, `SELECT name FROM person WHERE id = '${CONTACT}'`))[0].name])
    by.push((await post('/v1/messages/search', { who, purpose: '群众来电核实', limit: 3 }, AUDITOR)).body);
  assert.deepEqual(by[1], by[0]);
  assert.deepEqual(by[2], by[0]);
  assert.deepEqual(by[0].people.map((p) => [p.id, p.phone]), [[CONTACT, `${phone.slice(0, 3)}****${phone.slice(-4)}`]]);
  assert.match(by[0].people[0].name, /\*/);
  assert.equal(by[0].items.length, 3);
  assert.equal(by[0].items[0].title, '新任务待签收');
  assert.deepEqual(by[0].items[0].deliveries.map((d) => d.channel).sort(), ['log', 'sms']);
  assert.ok(!JSON.stringify(by).includes('之后的照发'), 'no text');
  const more = (await post('/v1/messages/search', { who: CONTACT, purpose: '群众来电核实', limit: 3, cursor: by[0].next }, AUDITOR)).body;
  assert.ok(more.items.length > 0 && more.items.every((n) => n.id < by[0].items[2].id));
  const found = (await ledger('message.search')).filter((r) => r.actor === AUDITOR);
  assert.deepEqual(found.map((r) => [r.object, JSON.parse(r.body).reason]), Array.from({ length: 4 }, () => [`person:${CONTACT}`, '群众来电核实']));
  assert.ok(!JSON.stringify(await ledger('message.search')).includes(phone));
});

test('F110 the figures of the monitoring system agree with the page', async () => {
  const text = await (await fetch(`${gw.url}/metrics`)).text();
  const value = (line) => Number(new RegExp(`^${line.replace(/[{}."]/g, '\\$&')} (\\d+)$`, 'm').exec(text)?.[1] ?? -1);
  assert.equal(value('zhangban_provider_up{provider="carrier"}'), 1);
  assert.ok(value('zhangban_delivery_attempts_total{channel_verdict="sms.sent"}') >= 5);
  assert.equal(value('zhangban_provider_answers_total{provider_verdict="carrier.rejected"}'), 2);
  assert.ok(value('zhangban_delivery_retries_total{channel="sms"}') >= 2);
  assert.equal(value('zhangban_lane_waiting{lane="p1.sms"}'), 0);
  assert.equal(value('zhangban_operator_acts_total{act="pause"}'), 3);
  assert.match((await gw.command('verify-ledger')).stdout, /ledger ok/);
});

test('F110 breakdown: both carriers gone is said at once, and so is their return', async () => {
  const ports = [one.port, two.port];
  await Promise.all([one.stop(), two.stop()]);
  await until(async () => { const o = await overview(); return o.text === '短信通道中断，其余正常' && o.level === 'bad'; }, { what: 'broken down' });
  assert.deepEqual((await overview()).providers.map((p) => p.state), ['down', 'down']);
  [one, two] = await Promise.all(ports.map((p) => new Smsc().start('--port', String(p))));
  await until(async () => (await overview()).level === 'good', { ms: 30000, what: 'back' });
});

test('F110 Redis away: the records still answer, and say so; its return too', async () => {
  await gw.rpc(ADMIN, 'ops.overview'); // an open connection stays
  await redis.kill();
  const o = await gw.rpc(ADMIN, 'ops.overview');
  assert.deepEqual([o.redis, o.level, o.text], ['down', 'bad', 'Redis中断，实时更新和下发暂停，已受理的消息不会丢失']);
  assert.ok(o.today.items.some((s) => s.channel === 'sms' && s.state === 'delivered'), 'the day is in the records');
  assert.deepEqual(o.providers.map((p) => p.state), ['silent', 'silent']);
  assert.equal((await gw.rpc(ADMIN, 'delivery.list', { state: 'dead', limit: 1 })).items.length, 1);
  await redis.start();
  await until(async () => (await gw.rpc(ADMIN, 'ops.overview')).level === 'good', { ms: 30000, what: 'all well again' });
});
