// SPDX-License-Identifier: Apache-2.0
// The kinds of office messengers and the webhook against a peer that keeps to the fact sheets (tests/peers/office.mjs), kind by kind,
// without the gateway: tokens that die, people out of reach, repetitions, read state, louder, call-backs, signatures.
import { test, before, after, beforeEach } from 'node:test';
import assert from 'node:assert/strict';
import http from 'node:http';
import { start, ACCOUNT } from '../peers/office.mjs';
import { ProviderCall } from './lib/provider_call.mjs';

let peer, wecom, textcard, dingtalk, feishu, webhook, receiver, seen = [];
const MSG = { do: 'send', id: 'dl-1', target: 'zhangsan', title: '新任务待签收', text: '新任务「防汛」，请登录掌办办理。', object: 'task:NP-1', priority: 0 };
const control = async (what, body) => (await fetch(`http://127.0.0.1:${peer.control}/${what}`,
  body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) })).json();
const messages = () => control('messages');
const stats = () => control('stats');

// What the gateway will do with a post: hand it to the kind, answer with what the kind says.
function receive(req, res) {
  const chunks = [];
  req.on('data', (c) => chunks.push(c));
  req.on('end', async () => {
    const url = new URL(req.url, 'http://x'), kind = { '/wecom': wecom, '/feishu': feishu }[url.pathname];
    const r = await kind.ask({ do: 'receipts', query: url.search.slice(1), headers: req.headers, body: Buffer.concat(chunks).toString() });
    seen.push(...r.receipts);
    res.writeHead(r.error ? 401 : 200);
    res.end(r.reply);
  });
}

before(async () => {
  peer = await start();
  const base = `http://127.0.0.1:${peer.port}`, open_url = 'https://zb.example.gov.cn/m';
  const a = ACCOUNT;
  wecom = new ProviderCall({ kind: 'wecom', base_url: `${base}/wecom`, corp_id: a.wecom.corp, agent_id: a.wecom.agent, secret_file: a.wecom.secret, open_url,
    confirm_card: 'true', callback_token_file: a.wecom.token, callback_key_file: a.wecom.key });
  textcard = new ProviderCall({ kind: 'wecom', base_url: `${base}/wecom`, corp_id: a.wecom.corp, agent_id: a.wecom.agent, secret_file: a.wecom.secret, open_url });
  dingtalk = new ProviderCall({ kind: 'dingtalk', base_url: `${base}/dingtalk`, api_url: `${base}/dingapi`, app_key: a.dingtalk.key, app_secret_file: a.dingtalk.secret,
    agent_id: a.dingtalk.agent, open_url, ding: 'phone', ding_robot: a.dingtalk.robot });
  feishu = new ProviderCall({ kind: 'feishu', base_url: `${base}/feishu`, app_id: a.feishu.app, app_secret_file: a.feishu.secret, open_url, buzz: 'phone',
    encrypt_key_file: a.feishu.encrypt, verification_token_file: a.feishu.token });
  webhook = new ProviderCall({ kind: 'webhook', secret_file: a.webhook.secret, url: `${base}/hook/city`, allow: '127.0.0.1', plain_http: 'true' });
  receiver = http.createServer(receive);
  await new Promise((d) => receiver.listen(0, '127.0.0.1', d));
});

after(async () => {
  for (const k of [wecom, textcard, dingtalk, feishu, webhook]) assert.equal(await k.stop(), 0);
  await peer.stop();
  receiver.closeAllConnections();
  await new Promise((d) => receiver.close(d));
});

beforeEach(() => control('reset', {}));

test('each says the message once, with a button that leads to the object, and breaks no rule of its provider', async () => {
  for (const kind of [wecom, textcard, dingtalk, feishu]) {
    const r = await kind.ask(MSG);
    assert.equal(r.verdict, 'sent', JSON.stringify(r));
    const m = (await messages()).at(-1);
    assert.equal(m.id, r.ref);
    assert.equal(m.to, 'zhangsan');
    assert.equal(m.title, MSG.title);
    assert.ok(m.text.includes(MSG.text));
    assert.ok(m.button.includes('打开掌办'));
    assert.equal(m.link, 'https://zb.example.gov.cn/m?object=task%3ANP-1&d=dl-1');
  }
  assert.equal((await webhook.ask(MSG)).verdict, 'delivered');
  const [m] = (await messages()).filter((x) => x.of === 'webhook');
  assert.deepEqual([m.id, m.to, m.link], ['dl-1', 'zhangsan', 'task:NP-1']);
  assert.deepEqual((await stats()).violations, []);
});

test('texts at every length stay within the limits of each', async () => {
  for (const n of [1, 25, 26, 27, 128, 170, 171, 500, 2000])
    for (const kind of [wecom, textcard, dingtalk, feishu]) {
      const r = await kind.ask({ ...MSG, id: `long-${n}`, title: '题'.repeat(Math.min(n, 200)), text: [...'文😀"<a>[b](c)\n'.repeat(n)].slice(0, n).join('') });
      assert.equal(r.verdict, 'sent', `${n}: ${JSON.stringify(r)}`);
    }
  assert.deepEqual((await stats()).violations, []);
});

test('a token that died is renewed and the message goes once', async () => {
  for (const kind of [wecom, dingtalk, feishu]) assert.equal((await kind.ask(MSG)).verdict, 'sent');
  await control('reset', {});
  await control('expire', {});
  for (const kind of [wecom, dingtalk, feishu]) assert.equal((await kind.ask({ ...MSG, id: 'dl-2' })).verdict, 'sent');
  const s = await stats();
  assert.deepEqual([s.tokens, s.sends, s.messages], [3, 3, 3]);
});

test('the same delivery again, after its answer was lost: nobody is told twice', async () => {
  for (const [kind, of] of [[wecom, 'wecom'], [dingtalk, 'dingtalk'], [feishu, 'feishu']]) {
    await kind.ask({ ...MSG, id: `warm-${of}`, text: '先取一次凭证' }); // the token is there
    await control('behave', { answer: { of, what: 'm', take: true, drop: true } });
    assert.equal((await kind.ask({ ...MSG, id: `lost-${of}` })).verdict, 'unknown');
    assert.equal((await kind.ask({ ...MSG, id: `lost-${of}`, attempt: 2 })).verdict, 'sent');
    assert.equal((await messages()).filter((m) => m.of === of && m.link.endsWith(`lost-${of}`)).length, 1);
  }
  await control('behave', { answer: { of: 'hook', take: true, drop: true } });
  assert.equal((await webhook.ask({ ...MSG, id: 'lost-hook' })).verdict, 'retry'); // its id makes that safe
  assert.equal((await webhook.ask({ ...MSG, id: 'lost-hook', attempt: 2 })).verdict, 'delivered');
  assert.equal((await messages()).filter((m) => m.of === 'webhook').length, 1);
  const s = await stats();
  assert.deepEqual([s.repeated, s.violations], [4, []]);
});

test('another delivery of the same words is not taken for a repetition', async () => {
  for (const kind of [wecom, dingtalk, feishu]) for (const id of ['a-1', 'a-2']) assert.equal((await kind.ask({ ...MSG, id })).verdict, 'sent');
  const s = await stats();
  assert.deepEqual([s.messages, s.repeated], [6, 0]);
});

test('people who cannot be reached: dead addresses are gone, scope is our configuration', async () => {
  await control('behave', { unknown: ['nobody'], out_of_scope: ['outside'], stopped: ['silent'], left_out: ['full'], protected: ['mayor'] });
  const verdict = async (kind, target) => (await kind.ask({ ...MSG, id: `x-${target}`, target })).verdict;
  assert.equal(await verdict(wecom, 'nobody'), 'gone');
  assert.equal(await verdict(wecom, 'outside'), 'config');
  assert.equal(await verdict(feishu, 'nobody'), 'gone');
  assert.equal(await verdict(feishu, 'outside'), 'config');
  assert.equal(await verdict(feishu, 'silent'), 'refused');
  for (const [target, failure] of [['nobody', 'gone'], ['full', 'rejected'], ['mayor', 'refused']]) { // DingTalk tells it afterwards
    const m = { ...MSG, id: `y-${target}`, target }, { verdict: v, ref } = await dingtalk.ask(m);
    assert.equal(v, 'sent');
    const r = await dingtalk.ask({ ...m, do: 'poll', ref });
    assert.deepEqual([r.final, r.delivered, r.failure], [true, false, failure]);
  }
  assert.equal((await stats()).messages, 0);
});

test('read state: asked for at DingTalk and Feishu', async () => {
  for (const [kind, of, delivered] of [[dingtalk, 'dingtalk', true], [feishu, 'feishu', false]]) {
    const { ref } = await kind.ask(MSG), q = { ...MSG, do: 'poll', ref };
    const before_ = await kind.ask(q);
    assert.deepEqual([before_.verdict, before_.read, before_.delivered, before_.final], ['sent', false, delivered, false]);
    await control('read', { of, to: MSG.target });
    const after_ = await kind.ask(q);
    assert.deepEqual([after_.read, after_.delivered, after_.final], [true, true, true]);
  }
  assert.deepEqual((await stats()).violations, []);
});

test('read state: told by call-back of WeCom (收到) and Feishu, whose address is saved first', async () => {
  const at = `http://127.0.0.1:${receiver.address().port}`;
  for (const of of ['wecom', 'feishu']) {
    const saved = await control('callback', { of, url: `${at}/${of}` });
    assert.ok(saved.ok, JSON.stringify(saved));
  }
  seen = [];
  const w = await wecom.ask({ ...MSG, id: 'card-1' }), f = await feishu.ask({ ...MSG, id: 'card-2' });
  assert.equal((await control('click', { id: w.ref })).status, 200);
  assert.equal((await control('read', { of: 'feishu', to: MSG.target })).status, 200);
  assert.deepEqual(seen, [{ ref: '', id: 'card-1', read: true }, { ref: f.ref, id: '', read: true }]);
  const forged = await fetch(`${at}/wecom?msg_signature=${'0'.repeat(40)}&timestamp=1&nonce=2`, { method: 'POST', body: '<xml><Encrypt>AAAA</Encrypt></xml>' });
  const plain = await fetch(`${at}/feishu`, { method: 'POST', body: '{"header":{"token":"xxxxxx","event_type":"im.message.message_read_v1"},"event":{"message_id_list":["om_1"]}}' });
  assert.deepEqual([forged.status, plain.status, seen.length], [401, 401, 2]);
});

test('louder: each level once, until the bought quantity is used up, and only for the most urgent', async () => {
  for (const [kind, of, quota] of [[dingtalk, 'dingtalk', 'ding_quota'], [feishu, 'feishu', 'buzz_quota']]) {
    const { ref } = await kind.ask(MSG), louder = (level, more) => kind.ask({ ...MSG, do: 'raise', ref, level, ...more });
    await control('behave', { [quota]: 1 });
    assert.deepEqual([(await louder(1)).verdict, (await louder(3)).verdict, (await louder(2)).verdict], ['sent', 'sent', 'quota']);
    assert.equal((await louder(1, { priority: 1 })).verdict, 'rejected');
    assert.deepEqual((await messages()).find((m) => m.of === of).raised, [1, 3]);
  }
  assert.deepEqual((await stats()).violations, []);
});

test('limits: too fast waits, the calls of the month are a quota', async () => {
  for (const kind of [wecom, dingtalk, feishu]) await kind.ask(MSG);
  await control('behave', { per_second: 0.5 }); // not even one
  const [w, d, f] = await Promise.all([wecom, dingtalk, feishu].map((k) => k.ask({ ...MSG, id: 'fast' })));
  assert.deepEqual([w.verdict, w.wait_ms, d.verdict, d.wait_ms, f.verdict, f.wait_ms], ['throttled', 60000, 'throttled', 1000, 'throttled', 1000]);
  await control('behave', { per_second: 0, month_calls: 0 });
  assert.equal((await dingtalk.ask({ ...MSG, id: 'month' })).verdict, 'quota');
});

test('answers nobody meant: with 200 it may have been taken', async () => {
  for (const [kind, of] of [[wecom, 'wecom'], [dingtalk, 'dingtalk'], [feishu, 'feishu']])
    for (const [status, body, verdict] of [[200, '<html>', 'unknown'], [200, '', 'unknown'], [200, '{}', 'unknown'], [500, 'x', 'unknown'], [503, '', 'retry'],
      [302, '', 'config'], [413, '', 'rejected']]) {
      await kind.ask({ ...MSG, id: 'warm' });
      await control('behave', { answer: { of, status, body } });
      assert.equal((await kind.ask({ ...MSG, id: `h-${status}` })).verdict, verdict, `${of} ${status} ${body}`);
    }
});

test('webhook: both signatures, a wrong secret, no redirects, no address that is not listed', async () => {
  const base = `http://127.0.0.1:${peer.port}/hook/x`;
  const one = async (options, more = {}) => {
    const k = new ProviderCall({ kind: 'webhook', plain_http: 'true', allow: '127.0.0.1', secret_file: ACCOUNT.webhook.secret, ...options });
    const r = await k.ask({ ...MSG, id: 'w-1', ...more });
    assert.equal(await k.stop(), 0);
    return r.verdict;
  };
  assert.equal(await one({ hmac: 'sm3', url: base }), 'delivered');
  assert.deepEqual((await stats()).violations, []);
  assert.equal(await one({ secret_file: 'another secret!!', url: base }), 'config');
  assert.deepEqual((await stats()).violations, ['hook_signature']);
  await control('behave', { answer: { of: 'hook', status: 302, headers: { location: base } } });
  assert.equal(await one({ url: base }), 'config');
  assert.equal(await one({}, { id: 'w-2', target: base }), 'delivered');
  const { hooks } = await stats();
  assert.equal(await one({ allow: '' }, { target: base }), 'rejected');
  assert.equal(await one({ allow: '10.0.0.0/8' }, { target: `http://localhost:${peer.port}/hook/x` }), 'rejected');
  assert.equal((await stats()).hooks, hooks);
});
