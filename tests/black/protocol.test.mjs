// SPDX-License-Identifier: Apache-2.0
// The Centrifugo client protocol (JSON), byte by byte with a bare WebSocket, then with the unmodified client.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import WebSocket from 'ws';
import { Gateway } from './lib/gateway.mjs';
import { until } from './lib/until.mjs';

const CHANNEL = 'ranking:2018:city';
let gw, token, board;

before(async () => {
  gw = await new Gateway({ conf: { 'gateway.stale_s': 1, 'gateway.ping_s': 2, 'gateway.pong_s': 1 } }).start();
  token = await gw.token('demo-dispatcher');
  board = await gw.token('demo-display');
});
after(() => gw.stop());

/** A bare WebSocket that answers pings unless told not to, and keeps what came. */
class Raw {
  constructor({ pong = true } = {}) {
    this.ws = new WebSocket(`ws://127.0.0.1:${gw.port}/connection/websocket`);
    this.got = [];
    this.frames = 0;
    this.pings = 0;
    this.ws.on('message', (d, binary) => {
      assert.equal(binary, false);
      this.frames++;
      for (const line of d.toString().split('\n').filter(Boolean)) {
        const o = JSON.parse(line);
        if (Object.keys(o).length === 0) { this.pings++; if (pong) this.ws.send('{}'); } else this.got.push(o);
      }
    });
    this.closed = new Promise((done) => this.ws.on('close', (code, reason) => done({ code, reason: reason.toString() })));
  }

  async open() { await new Promise((ok, bad) => { this.ws.on('open', ok); this.ws.on('error', bad); }); return this; }
  send(...cmds) { this.ws.send(cmds.map((c) => (typeof c === 'string' ? c : JSON.stringify(c))).join('\n')); }
  async reply(id) { return until(() => this.got.find((o) => o.id === id), { what: `reply ${id}` }); }
  async ask(cmd) { this.send(cmd); return this.reply(cmd.id); }
  async connect(t = token) { await this.open(); return this.ask({ id: 1, connect: { token: t } }); }
  close() { this.ws.close(); return this.closed; }
}

test('connect answers with client, ping, pong, expiry and the personal channel', async () => {
  const c = new Raw();
  const { connect } = await c.connect();
  assert.match(connect.client, /^\S{8,}$/);
  assert.equal(connect.ping, 2);
  assert.equal(connect.pong, true);
  assert.equal(connect.expires, true);
  assert.ok(connect.ttl > 0);
  const sub = connect.subs['user:demo-dispatcher'];
  assert.equal(sub.recoverable, true);
  assert.equal(typeof sub.epoch, 'string');
  await c.close();
});

test('commands of one frame are handled in order, also those behind connect', async () => {
  const c = await new Raw().open();
  c.send({ id: 1, connect: { token } }, { id: 2, subscribe: { channel: CHANNEL, flag: 1 } }, { id: 3, rpc: { method: 'me.get', data: {} } });
  const r3 = await c.reply(3);
  assert.deepEqual(c.got.slice(0, 1).map((o) => o.id), [1]);
  assert.ok(c.got.findIndex((o) => o.id === 1) < c.got.findIndex((o) => o.id === 2));
  assert.equal(r3.rpc.data.id, 'demo-dispatcher');
  const { subscribe } = await c.reply(2);
  assert.equal(subscribe.positioned, true);
  assert.equal(subscribe.data.period, '2018');
  await c.close();
});

for (const [what, send, code] of [
  ['an empty message', [''], 3501],
  ['not JSON', ['nonsense'], 3501],
  ['an array', ['[1]'], 3501],
  ['a command without id', [{ rpc: { method: 'me.get' } }], 3501],
  ['an id that is no whole number', ['{"id":1.5,"connect":{}}'], 3501],
  ['anything but connect first', [{ id: 1, rpc: { method: 'me.get' } }], 3501],
  ['two nested too deep', ['{"id":1,"connect":' + '{"a":'.repeat(40) + '1' + '}'.repeat(40) + '}'], 3501],
  ['unpaired surrogate', ['{"id":1,"connect":{"token":"\\ud800"}}'], 3501],
]) test(`${what} is closed with ${code}`, async () => {
  const c = await new Raw().open();
  c.send(...send);
  const end = await c.closed;
  assert.equal(end.code, code);
  assert.ok(end.reason.length > 0);
});

test('a second connect is closed with 3501', async () => {
  const c = new Raw();
  await c.connect();
  c.send({ id: 2, connect: { token } });
  assert.equal((await c.closed).code, 3501);
});

test('silence before connect is closed with 3502', async () => {
  const c = await new Raw().open();
  assert.equal((await c.closed).code, 3502);
});

test('an unknown token is error 109, and a good one may follow', async () => {
  const c = await new Raw().open();
  const r = await c.ask({ id: 1, connect: { token: 'x'.repeat(43) } });
  assert.equal(r.error.code, 109);
  const again = await c.ask({ id: 2, connect: { token } });
  assert.ok(again.connect);
  await c.close();
});

test('pings come, and a client that does not answer is closed with 3012', async () => {
  const c = new Raw({ pong: false });
  await c.connect();
  assert.equal((await c.closed).code, 3012);
  assert.equal(c.pings, 1);
  const good = new Raw();
  await good.connect();
  await until(() => good.pings >= 3, { what: 'three pings' });
  await good.close();
});

test('errors of commands: 102, 103, 104, 105, 107, 108', async () => {
  const c = new Raw();
  await c.connect();
  const code = async (cmd) => (await c.ask(cmd)).error?.code;
  assert.equal(await code({ id: 2, subscribe: { channel: 'nonsense' } }), 102);
  assert.equal(await code({ id: 3, subscribe: { channel: 'user:demo-leader' } }), 103);
  assert.equal(await code({ id: 4, subscribe: { channel: '' } }), 107);
  assert.equal(await code({ id: 5, subscribe: { channel: 'x'.repeat(300) } }), 107);
  assert.equal(await code({ id: 6, rpc: { method: 'no.such' } }), 104);
  assert.equal(await code({ id: 7, rpc: {} }), 107);
  assert.equal(await code({ id: 8, ping: {} }), 108);
  assert.equal(await code({ id: 9, publish: { channel: CHANNEL, data: {} } }), 103);
  assert.equal(await code({ id: 10, history: { channel: CHANNEL } }), 103);
  assert.equal(await code({ id: 11, sub_refresh: { channel: CHANNEL } }), 108);
  assert.ok((await c.ask({ id: 12, subscribe: { channel: CHANNEL } })).subscribe);
  assert.equal(await code({ id: 13, subscribe: { channel: CHANNEL } }), 105);
  assert.equal(await code({ id: 14, subscribe: { channel: 'ranking:2018:county', type: 1 } }), 108);
  assert.equal(await code({ id: 15, rpc: { method: 'auth.login', data: {} } }), 104, 'auth.* is REST only');
  assert.deepEqual((await c.ask({ id: 16, unsubscribe: { channel: CHANNEL } })).unsubscribe, {});
  assert.deepEqual((await c.ask({ id: 17, unsubscribe: { channel: 'never' } })).unsubscribe, {});
  c.send({ send: { data: { any: 1 } } });
  assert.ok((await c.ask({ id: 18, rpc: { method: 'me.get', data: {} } })).rpc, 'send is taken without an answer');
  await c.close();
});

test('rpc refusals carry number, word and Chinese text', async () => {
  const c = new Raw();
  await c.connect();
  const r = await c.ask({ id: 2, rpc: { method: 'task.get', data: { task_id: 'NP-NONE' } } });
  assert.equal(r.error.code, 1003);
  assert.match(r.error.message, /^E_NOTFOUND: .*[\u4e00-\u9fff]/);
  const bad = await c.ask({ id: 3, rpc: { method: 'task.get', data: { task_id: 5 } } });
  assert.equal(bad.error.code, 1004);
  await c.close();
});

test('history and presence of a channel one listens to', async () => {
  const c = new Raw();
  await c.connect();
  await c.ask({ id: 2, subscribe: { channel: CHANNEL } });
  const h = await c.ask({ id: 3, history: { channel: CHANNEL } });
  assert.equal(typeof h.history.epoch, 'string');
  assert.equal(h.history.publications, undefined);
  const all = await c.ask({ id: 4, history: { channel: CHANNEL, limit: -1 } });
  assert.ok(Array.isArray(all.history.publications));
  const other = await c.ask({ id: 5, history: { channel: CHANNEL, limit: 1, since: { offset: 0, epoch: 'foreign' } } });
  assert.equal(other.error.code, 112);
  const there = await until(async () => {
    const p = await c.ask({ id: 100 + c.got.length, presence: { channel: CHANNEL } });
    return Object.values(p.presence.presence).find((x) => x.user === 'demo-dispatcher');
  }, { what: 'presence' });
  assert.equal(typeof there.client, 'string');
  const stats = await c.ask({ id: 99, presence_stats: { channel: CHANNEL } });
  assert.ok(stats.presence_stats.num_clients >= 1);
  assert.equal((await c.ask({ id: 98, presence: { channel: 'user:demo-dispatcher' } })).error.code, 108);
  await c.close();
});

test('refresh: the same person goes on, another is closed with 3500, nonsense too', async () => {
  const c = new Raw();
  await c.connect();
  const r = await c.ask({ id: 2, refresh: { token } });
  assert.equal(r.refresh.expires, true);
  assert.ok(r.refresh.ttl > 0);
  c.send({ id: 3, refresh: { token: board } });
  assert.equal((await c.closed).code, 3500);
  const d = new Raw();
  await d.connect();
  d.send({ id: 3, refresh: { token: 'nonsense' } });
  assert.equal((await d.closed).code, 3500);
});

test('recovery with a foreign epoch, and with "_", is never recovered; flag 2 turns it into 112', async () => {
  const c = new Raw();
  await c.connect();
  const r = await c.ask({ id: 2, subscribe: { channel: CHANNEL, recover: true, epoch: '_', offset: 1 } });
  assert.equal(r.subscribe.was_recovering, true);
  assert.equal(r.subscribe.recovered ?? false, false);
  assert.equal(r.subscribe.publications, undefined);
  assert.ok(r.subscribe.data, 'the snapshot comes all the same (D13)');
  await c.ask({ id: 3, unsubscribe: { channel: CHANNEL } });
  const e = await c.ask({ id: 4, subscribe: { channel: CHANNEL, recover: true, epoch: 'foreign', offset: 1, flag: 2 } });
  assert.equal(e.error.code, 112);
  await c.close();
});

test('more than gateway.inflight_max calls under way are refused with 111, the others answered', async () => {
  const c = new Raw();
  await c.connect();
  const ids = Array.from({ length: 60 }, (_, i) => 1000 + i);
  c.send(...ids.map((id) => ({ id, rpc: { method: 'unit.list', data: {} } })));
  const replies = await Promise.all(ids.map((id) => c.reply(id)));
  const refused = replies.filter((r) => r.error);
  assert.ok(replies.some((r) => r.rpc));
  assert.ok(refused.every((r) => r.error.code === 111 && r.error.temporary));
  await c.close();
});

test('the unmodified client connects, calls, is told refusals, and comes back after a cut', async () => {
  const c = await gw.client('demo-dispatcher');
  const me = await c.rpc('me.get', {});
  assert.equal(me.data.id, 'demo-dispatcher');
  await assert.rejects(c.rpc('task.get', { task_id: 'none' }), (e) => e.code === 1003);
  let connects = 0;
  c.on('connected', () => connects++);
  c._transport.close();
  await until(() => connects === 1, { what: 'reconnect' });
  c.disconnect();
});
