// SPDX-License-Identifier: Apache-2.0
// F119, F110: must-read notices: the sender sees live who was reached, by what, who read; urges the rest by one act; and everybody
// else sees no more than concerns them.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { Gateway } from './lib/gateway.mjs';
import { carrier, phones, rows } from './lib/city.mjs';
import { Smsc } from './lib/smsc.mjs';
import { until } from './lib/until.mjs';

const run = promisify(execFile);
const SENDER = 'demo-dispatcher', PEER = 'demo-approver', UNIT = 'NP-GSJ', CONTACT = `sim-${UNIT}`, OTHER = 'NP-BB', OTHERS = ['demo-responsible', 'demo-dispatcher2',
  'demo-approver2', 'sim-NP-BB'], STRANGER = 'sim-NP-GAJ';
let gw, smsc, numbers;

before(async () => {
  smsc = await new Smsc().start();
  gw = new Gateway({ conf: { 'notice.sms_merge_s': 0 } });
  Object.assign(gw.conf, carrier(gw, smsc));
  await gw.start();
  numbers = await phones(gw);
});
after(async () => { await gw.stop(); await smsc.stop(); });

let made = 0;
const letter = (fields = {}) => ({ title: `防汛值班安排${++made}`, text: '请各单位今晚起执行双人值班，值班表见附件。联系人：值班室。', priority: 1, reason: '汛情预警',
  units: [UNIT], ...fields });
const create = (fields, as = SENDER) => gw.ok('POST', '/v1/circulars', { as, body: letter(fields) });
const refused = async (fields, code, field, as = SENDER) => {
  const r = await gw.rest('POST', '/v1/circulars', { as, body: letter(fields) });
  assert.equal(r.body.code, code, JSON.stringify(r.body));
  if (field) assert.equal(r.body.field, field, JSON.stringify(r.body));
  assert.match(r.body.detail, /[\u4e00-\u9fff]/);
  return r.body.detail;
};
const get = (id, as = SENDER) => gw.ok('GET', `/v1/circulars/${id}`, { as });
const people = async (id, query = '', as = SENDER) => (await gw.ok('GET', `/v1/circulars/${id}/people${query}`, { as })).items;
const act = (id, what, as, body = {}, headers = {}) => gw.rest('POST', `/v1/circulars/${id}/${what}`, { as, body, headers });
const when = (id, probe, what) => until(async () => { const c = await get(id); return probe(c) && c; }, { what });
const texts = async (person, words) => (await smsc.messages()).filter((m) => m.phone === numbers.get(person) && m.text.includes(words)).map((m) => m.text);
const sql = (text) => run('sqlite3', ['-cmd', '.timeout 5000', path.join(gw.conf.data, 'zhangban.db'), text]);
/** Five minutes and more ago, as far as reminding goes. */
const age = (id) => sql(`UPDATE circular SET created_wall = created_wall - 400000, urged_wall = CASE WHEN urged_wall > 0 THEN urged_wall - 400000 ELSE 0 END WHERE id = '${id}'`);

/** What a subscriber of its channel sees: {got: [state...], sub}. */
async function watch(id, as) {
  const client = await gw.client(as), got = [], sub = client.newSubscription(`circular:${id}`);
  sub.on('subscribed', (c) => got.push(c.data));
  sub.on('publication', (c) => got.push(c.data));
  const first = new Promise((ok, no) => { sub.once('subscribed', ok); sub.once('unsubscribed', no); sub.on('error', () => {}); });
  sub.subscribe();
  await first;
  return { got, client };
}

test('F119 the estimate before sending: how many people, by what; nothing is sent', async () => {
  const e = await gw.ok('POST', '/v1/circulars/estimate', { as: SENDER, body: { priority: 1, units: [UNIT, OTHER] } });
  assert.deepEqual([e.people, e.units, e.push, e.sms, e.none], [5, 2, 0, 5, 0]);
  assert.deepEqual(e.plan.map((s) => s.channel), ['sms'], 'only what has a provider');
  const roles = await gw.rpc(SENDER, 'circular.estimate', { priority: 3, units: [OTHER], roles: ['responsible'] });
  assert.equal(roles.people, 2);
  const own = await gw.rpc(SENDER, 'circular.estimate', { priority: 3, units: [OTHER], people: [OTHERS[0], CONTACT] });
  assert.equal(own.people, 5, 'somebody named twice is one person');
  assert.deepEqual((await gw.ok('GET', '/v1/circulars', { as: SENDER })).items, []);
  assert.equal((await rows(gw, 'SELECT count(*) AS n FROM circular'))[0].n, 0);
  assert.equal((await gw.rest('POST', '/v1/circulars/estimate', { as: CONTACT, body: { priority: 3, units: [UNIT] } })).status, 403);
});

test('F119 the sender sees live who was reached, by what, and who has read; the text is in the app only', async () => {
  const c = await create({ title: '全市防汛工作部署会', units: [UNIT, OTHER], deadline: '2018-03-20T17:30+08:00' });
  assert.equal(c.total, 5);
  const { got } = await watch(c.id, SENDER), last = () => got.at(-1);
  await until(() => last().reached === 5, { what: 'five reached, live' });
  assert.deepEqual(last().channels, [{ channel: 'sms', name: '短信', reached: 5, failed: 0 }]);
  assert.equal(last().state, 'open');
  const said = await texts(CONTACT, '防汛工作部署会');
  assert.deepEqual(said, ['【南平掌办】必读通知「全市防汛工作部署会」，请于3月20日 17:30前登录掌办阅读并确认。']);
  assert.ok(said[0].length <= 70);
  const mine = await get(c.id, CONTACT);
  assert.equal(mine.text, letter().text);
  assert.deepEqual(mine.mine, { read_at: null, confirmed_at: null }, 'looking at it is not reading');
  const n = (await gw.ok('GET', '/v1/notices', { as: CONTACT })).items.find((x) => x.object === `circular:${c.id}`);
  assert.deepEqual([n.kind, n.priority, n.read_at], ['circular.sent', 1, null]);
  await gw.ok('POST', `/v1/notices/${n.id}/read`, { as: CONTACT });
  await until(() => last().read === 1 && last().confirmed === 0, { what: 'one has read' });
  const done = (await act(c.id, 'confirm', OTHERS[0])).body;
  assert.ok(done.confirmed_at);
  assert.deepEqual((await gw.rpc(OTHERS[0], 'circular.confirm', { circular_id: c.id })).confirmed_at, done.confirmed_at, 'again: the first time');
  await until(() => last().read === 2 && last().confirmed === 1 && last().reached === 3 && last().unread === 3, { what: 'two have read' });
  const list = await people(c.id);
  assert.deepEqual(list.map((p) => p.person).sort(), [CONTACT, ...OTHERS].sort());
  const by = Object.fromEntries(list.map((p) => [p.person, p]));
  assert.deepEqual([by[CONTACT].state, by[CONTACT].words], ['read', '已阅读，尚未确认']);
  assert.deepEqual([by[OTHERS[0]].words, by[OTHERS[0]].confirmed_at], ['已阅读并确认', done.confirmed_at]);
  assert.deepEqual([by[OTHERS[1]].state, by[OTHERS[1]].words, by[OTHERS[1]].reached_by], ['reached', '短信已送达，尚未阅读', 'sms']);
  assert.equal(by[OTHERS[1]].name, '演示督办员二');
  assert.deepEqual((await people(c.id, '?state=unread')).map((p) => p.person).sort(), OTHERS.slice(1).sort());
  assert.deepEqual((await people(c.id, '?state=unreached')), []);
  assert.deepEqual((await people(c.id, `?state=read&unit=${OTHER}`)).map((p) => p.person), [OTHERS[0]]);
  const page = await gw.ok('GET', `/v1/circulars/${c.id}/people?limit=2`, { as: SENDER });
  const rest = await gw.ok('GET', `/v1/circulars/${c.id}/people?limit=200&cursor=${page.next}`, { as: SENDER });
  assert.deepEqual([...page.items, ...rest.items].map((p) => p.person), list.map((p) => p.person));
  assert.equal((await gw.ok('GET', '/v1/circulars', { as: SENDER })).items[0].read, 2, 'the same in the list of mine');
  assert.equal((await gw.rpc(CONTACT, 'circular.list', { box: 'received' })).items[0].id, c.id);
});

test('F110 who was not reached, and why, in words; the carrier\'s report corrects the count', async () => {
  await sql(`INSERT INTO person (id, name, unit, roles, created_wall) VALUES ('p_nophone', '林无号', '${UNIT}', 8, 0)`);
  await smsc.post('behave', { report: 'UNDELIV' });
  const c = await create({ title: '联系方式核对' });
  const s = await when(c.id, (x) => x.failed === 2, 'both failed');
  assert.deepEqual([s.total, s.reached, s.unreached], [2, 0, 2]);
  assert.deepEqual(s.live.channels, [{ channel: 'sms', name: '短信', reached: 0, failed: 2 }]);
  const by = Object.fromEntries((await people(c.id, '?state=failed')).map((p) => [p.person, p]));
  assert.equal(by[CONTACT].words, '短信未送达：号码无法接通或已停用');
  assert.equal(by.p_nophone.words, '短信未送达：没有登记号码或设备');
  assert.equal(by[CONTACT].tries.length, 1);
  assert.doesNotMatch(JSON.stringify(by), new RegExp(numbers.get(CONTACT)), 'no numbers of people');
  await smsc.post('behave', { report: 'DELIVRD' });
  await act(c.id, 'confirm', CONTACT);
  await when(c.id, (x) => x.failed === 1 && x.read === 1, 'read in the app although no SMS came');
  await sql("UPDATE person SET active = 0 WHERE id = 'p_nophone'");
});

test('F119 urging: only those who have not read, one level louder, five minutes apart, all of it in the audit', async () => {
  const c = await create({ title: '值班表报送', priority: 2, reason: undefined, units: [OTHER] });
  await when(c.id, (x) => x.state === 'open' && x.total === 4, 'sent');
  await act(c.id, 'confirm', OTHERS[0]);
  const early = await act(c.id, 'urge', SENDER, { reason: '两人未读' });
  assert.deepEqual([early.status, early.body.code], [429, 'E_LIMIT']);
  assert.match(early.body.detail, /至少间隔 5 分钟/);
  assert.ok(Number(early.headers.get('retry-after')) > 200);
  await age(c.id);
  assert.equal((await act(c.id, 'urge', SENDER)).body.field, 'reason', 'P1 wants a reason');
  assert.equal((await act(c.id, 'urge', OTHERS[0], { reason: '催' })).status, 403, 'a recipient without the role');
  assert.equal((await act(c.id, 'urge', 'demo-dispatcher2', { reason: '催' })).body.code, 'E_PERM', 'a recipient');
  assert.equal((await act(c.id, 'urge', 'demo-dispatcher3', { reason: '催' })).body.code, 'E_NOTFOUND', 'a stranger');
  const key = { 'idempotency-key': 'urge-1' }, first = await act(c.id, 'urge', SENDER, { reason: '今晚必须到岗' }, key);
  assert.deepEqual([first.status, first.body.urged, first.body.people, first.body.priority], [200, 1, 3, 1]);
  assert.deepEqual((await act(c.id, 'urge', SENDER, { reason: '今晚必须到岗' }, key)).body, first.body, 'repeated: the first answer');
  await until(async () => (await texts('sim-NP-BB', '值班表报送')).length === 1, { what: 'the SMS of the urge: the one of the plan before waits no more' });
  assert.deepEqual(await texts(OTHERS[0], '值班表报送'), [], 'who has read is left alone');
  assert.deepEqual(await texts('sim-NP-BB', '值班表报送'), ['【南平掌办】必读通知「值班表报送」您尚未阅读，请登录掌办阅读并确认。']);
  assert.equal((await act(c.id, 'urge', SENDER, { reason: '再催' })).body.code, 'E_LIMIT');
  assert.equal((await rows(gw, `SELECT count(*) AS n FROM notice WHERE circular = '${c.id}'`))[0].n, 7);
  const box = (await gw.ok('GET', '/v1/notices', { as: 'sim-NP-BB' })).items.filter((x) => x.object === `circular:${c.id}`);
  assert.deepEqual(box.map((x) => [x.kind, x.priority]), [['circular.urged', 1], ['circular.sent', 2]]);
  await gw.ok('POST', `/v1/notices/${box[0].id}/read`, { as: 'sim-NP-BB' });
  const again = (await gw.ok('GET', '/v1/notices?unread=true', { as: 'sim-NP-BB' })).items.filter((x) => x.object === `circular:${c.id}`);
  assert.deepEqual(again, [], 'reading one of them is reading both');
  const s = await when(c.id, (x) => x.read === 2, 'counted once');
  assert.equal(s.live.urged, 1);
  const ledger = await rows(gw, `SELECT kind, body FROM ledger WHERE object = 'circular:${c.id}' AND kind IN ('circular.create', 'circular.urge') ORDER BY seq`);
  assert.deepEqual(ledger.map((l) => [l.kind, JSON.parse(l.body).reason ?? null, JSON.parse(l.body).priority]), [['circular.create', null, 2], ['circular.urge', '今晚必须到岗', 1]]);
  for (const who of OTHERS) await act(c.id, 'confirm', who);
  await age(c.id);
  assert.equal((await act(c.id, 'urge', SENDER, { reason: '再催' })).body.code, 'E_STATE', 'nobody is left');
});

test('F119 loud choices: who may, and why, is asked; the ledger has it', async () => {
  await refused({ reason: undefined }, 'E_INPUT', 'reason');
  assert.match(await refused({ priority: 0 }, 'E_PERM', undefined, PEER), /督办人员/);
  const c = await create({ priority: 0, reason: '闽江水位超警戒', title: '紧急转移' });
  const [row] = await rows(gw, `SELECT actor, body FROM ledger WHERE kind = 'circular.create' AND object = 'circular:${c.id}'`);
  assert.equal(row.actor, SENDER);
  const body = JSON.parse(row.body);
  assert.deepEqual([body.priority, body.reason, body.people], [0, '闽江水位超警戒', 1]);
  assert.doesNotMatch(row.body, /双人值班/, 'not the text');
  assert.equal((await create({ priority: 3, reason: undefined }, PEER)).total, 1, 'an approver may send quietly');
});

test('F119 what cannot be sent is named: titles with links or numbers, groups without members, past deadlines', async () => {
  assert.match(await refused({ title: '见 http://x.cn' }, 'E_INPUT', 'title'), /网址/);
  assert.match(await refused({ title: '联系13800138000' }, 'E_INPUT', 'title'), /号码/);
  assert.match(await refused({ title: '【银行】通知' }, 'E_INPUT', 'title'), /【】/);
  assert.match(await refused({ deadline: '2018-03-01T08:00+08:00' }, 'E_INPUT', 'deadline'), /已经过去/);
  await refused({ deadline: '2018-13-01T08:00+08:00' }, 'E_INPUT', 'deadline');
  await refused({ units: [] }, 'E_INPUT', 'units');
  await refused({ units: ['NO-SUCH'] }, 'E_INPUT', 'units');
  await refused({ units: [], people: ['nobody'] }, 'E_INPUT', 'people');
  await refused({ units: [], roles: ['citizen'] }, 'E_INPUT', 'roles');
  assert.match(await refused({ units: ['GROUP'].map(() => 'NP-SZBM') }, 'E_INPUT', 'units'), /没有固定成员，请在 expand 中列出/);
  const c = await create({ units: ['NP-SZBM'], expand: { 'NP-SZBM': [UNIT, 'NP-GAJ'] } });
  assert.equal(c.total, 2);
  await refused({ units: [UNIT], expand: { 'NP-SZBM': [UNIT] } }, 'E_INPUT', 'expand');
});

test('F119 the same dedupe key is the same notice; another text under it is refused', async () => {
  const body = letter({ dedupe: 'fx-2018-07' }), a = await gw.ok('POST', '/v1/circulars', { as: SENDER, body }), b = await gw.rpc(SENDER, 'circular.create', body);
  assert.equal(a.id, b.id);
  assert.equal((await gw.rest('POST', '/v1/circulars', { as: SENDER, body: { ...body, text: '另一份' } })).body.code, 'E_KEYREUSE');
  assert.equal((await rows(gw, `SELECT count(*) AS n FROM notice WHERE circular = '${a.id}'`))[0].n, 1);
});

test('D22 everybody sees their part: the unit its own people, a recipient the text, a stranger nothing', async () => {
  const c = await create({ units: [UNIT, OTHER] });
  await act(c.id, 'confirm', OTHERS[0]);
  await when(c.id, (x) => x.confirmed === 1 && x.reached === 4, 'counted');
  const unit = await get(c.id, 'demo-dispatcher2');
  assert.deepEqual([unit.side, unit.total, unit.read, unit.unread], ['unit', 4, 1, 3]);
  const own = await people(c.id, '', 'demo-dispatcher2');
  assert.deepEqual(own.map((p) => p.person).sort(), [...OTHERS].sort());
  const seen = own.find((p) => p.person === OTHERS[0]);
  assert.deepEqual([seen.state, seen.confirmed, seen.read_at, seen.confirmed_at], ['read', true, null, null], 'that, not when');
  assert.equal((await gw.rest('GET', `/v1/circulars/${c.id}/people?unit=${UNIT}`, { as: 'demo-dispatcher2' })).status, 404);
  assert.equal((await gw.rpc('demo-dispatcher2', 'circular.list', { box: 'unit' })).items.find((x) => x.id === c.id).total, 4);
  for (const [verb, url, body] of [['GET', ''], ['GET', '/people'], ['POST', '/urge', {}], ['POST', '/close', {}], ['POST', '/confirm', {}]]) {
    const who = body && url !== '/confirm' ? 'demo-dispatcher3' : STRANGER;
    const x = await gw.rest(verb, `/v1/circulars/${c.id}${url}`, { as: who, body }), none = await gw.rest(verb, `/v1/circulars/c_none${url}`, { as: who, body });
    assert.equal(x.status, 404, url);
    assert.deepEqual(x.body, none.body, `${url}: no difference`);
  }
  for (const who of [STRANGER, CONTACT, 'demo-dispatcher2']) await assert.rejects(watch(c.id, who), (e) => e.code === 103, `${who} on the channel`);
  assert.equal((await get(c.id, 'demo-leader').catch((e) => e.message)).includes('404'), true, 'not even a leader who has nothing to do with it');
});

test('F119 a leader sends; the dispatching office sees to it; a county writes to its own units only', async () => {
  const c = await create({ priority: 0, reason: '应急响应', title: '启动应急响应' }, 'demo-leader');
  const seen = await get(c.id);
  assert.deepEqual([seen.side, seen.unit, seen.sender_name], ['sender', 'NP-ZFB', '演示市领导']);
  await act(c.id, 'confirm', CONTACT);
  await until(async () => (await gw.rpc('demo-leader', 'circular.get', { circular_id: c.id })).read === 1, { what: 'the leader sees it read' });
  assert.equal((await gw.rest('GET', `/v1/circulars/${c.id}`, { as: 'demo-dispatcher2' })).status, 404);
  const [county, other] = await rows(gw, "SELECT code FROM unit WHERE level = 'county' AND is_group = 0 AND region <> '' ORDER BY code LIMIT 2");
  await sql(`INSERT INTO person (id, name, unit, roles, created_wall) VALUES ('county-d', '县督办员', '${county.code}', 2, 0), ('county-r', '县联络员', '${county.code}', 8, 0);`
    + "INSERT INTO device (id, person, pubkey, name, platform, state, created_wall) VALUES ('d_county-d', 'county-d', 'x', 'x', 'demo', 'active', 0)");
  assert.ok((await create({ units: [county.code] }, 'county-d')).total >= 1);
  await refused({ units: [other.code] }, 'E_PERM', undefined, 'county-d');
  await refused({ units: [UNIT] }, 'E_PERM', undefined, 'county-d');
  await refused({ units: [], roles: ['responsible'] }, 'E_PERM', undefined, 'county-d');
  const hidden = await refused({ units: [], people: [CONTACT] }, 'E_INPUT', 'people', 'county-d');
  assert.equal(hidden.replace(CONTACT, 'nobody'), await refused({ units: [], people: ['nobody'] }, 'E_INPUT', 'people', 'county-d'), 'no difference to nobody');
});

test('F119 closing: what has not gone out stays here, no more urging, reading goes on', async () => {
  const c = await create({ priority: 2, reason: undefined, units: [OTHER] });
  await when(c.id, (x) => x.waiting === 4, 'the SMS of the plan waits');
  const words = (await people(c.id))[0].words;
  assert.match(words, /^短信将于 \d+月\d+日 \d\d:\d\d 发出$/);
  const r = await act(c.id, 'close', SENDER);
  assert.equal(r.body.state, 'closed');
  await when(c.id, (x) => x.failed === 4, 'nothing is under way');
  assert.equal((await people(c.id))[0].words, '发送已取消，登录掌办可见');
  await age(c.id);
  assert.equal((await act(c.id, 'urge', SENDER, { reason: '催' })).body.code, 'E_STATE');
  assert.equal((await act(c.id, 'confirm', OTHERS[0])).status, 200);
  assert.equal((await act(c.id, 'close', SENDER)).body.state, 'closed', 'twice');
  await when(c.id, (x) => x.read === 1, 'counted after the end');
});

test('F119 to thousands: answered at once, told in steps, kill -9 in the middle leaves out nobody and doubles nobody', async () => {
  const N = 3000;
  await sql(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${N}) INSERT INTO person (id, name, unit, roles, created_wall) `
    + "SELECT printf('m_%05d', i), '群发' || i, 'NP-GTJ', 8, 0 FROM n");
  const started = Date.now(), c = await create({ priority: 3, reason: undefined, units: ['NP-GTJ'], title: '安全生产月' });
  assert.ok(Date.now() - started < 1500, 'answered at once');
  assert.deepEqual([c.state, c.total], ['sending', N + 1]);
  const { got } = await watch(c.id, SENDER);
  assert.equal((await act(c.id, 'urge', SENDER, { reason: '催' })).body.code, 'E_STATE', 'not while it is being sent');
  await until(async () => (await rows(gw, `SELECT count(*) AS n FROM circular_person WHERE circular = '${c.id}'`))[0].n > 100, { every: 5, what: 'some are told' });
  await gw.kill('SIGKILL');
  const told = (await rows(gw, `SELECT count(*) AS n FROM circular_person WHERE circular = '${c.id}'`))[0].n;
  assert.ok(told < N, `${told} were told before the end`);
  await gw.start();
  gw.rpcs = new Map();
  const s = await until(async () => { const x = await get(c.id); return x.state === 'open' && x.live.failed === N + 1 && x; }, { ms: 60000, what: 'all are told and counted' });
  assert.equal(s.total, N + 1);
  const [n] = await rows(gw, `SELECT count(*) AS n, count(DISTINCT person) AS people FROM notice WHERE circular = '${c.id}'`);
  assert.deepEqual(n, { n: N + 1, people: N + 1 });
  await until(async () => (await rows(gw, 'SELECT count(*) AS n FROM circular_mark'))[0].n === 0, { what: 'nothing left to count' });
  await until(() => got.at(-1).failed === N + 1 && got.at(-1).state === 'open', { what: 'the page came back and shows the end' });
  assert.match((await people(c.id, '?limit=1'))[0].words, /没有可用的送达方式/);
  const [big] = await rows(gw, `SELECT max(n) AS n FROM (SELECT count(*) AS n FROM outbox WHERE channel = 'circular:${c.id}' GROUP BY at_wall / 1000)`);
  assert.ok(big.n <= 3, `${big.n} publications in one second`);
});
