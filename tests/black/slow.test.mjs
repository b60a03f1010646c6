// SPDX-License-Identifier: Apache-2.0
// Clients that do not read, and clients that all come at once (DESIGN 6): bounded memory, a clear end, and nobody else notices.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { BUILD, Gateway, ROOT } from './lib/gateway.mjs';
import { until } from './lib/until.mjs';
import { CLOSE, Raw, TEXT, Ws, handshake } from './lib/wire.mjs';
import * as work from './lib/work.mjs';

const SLOW_N = 12, ASKED_MAX = 4000, BOARDS_MAX = 3000, STORM_N = 2000, GROWTH_BYTES = 48 << 20, UNIT = 'NP-SZB', CONTACT = `sim-${UNIT}`;
const is_sanitized = /asan|tsan/.test(BUILD); // their quarantine is not the gateway's memory
let gw, task, channel;

before(async () => {
  gw = await new Gateway({ conf: { 'gateway.loops': 2 } }).start();
  task = await work.given(gw, { title: '缓慢的手机' });
  for (const u of [UNIT, 'NP-GSJ']) await work.act(gw, `sim-${u}`, task, 'sign-for');
  channel = `task:${task}`;
});
after(() => gw.stop());

const rss = () => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${gw.pid}/status`, 'utf8'))[1]) * 1024;

/** A connected, subscribed client that reads no more from now on. */
async function sleeper(token) {
  const raw = new Raw(gw.port);
  raw.write(handshake({}));
  assert.equal((await raw.answer()).status, 101);
  const ws = new Ws(raw);
  ws.text(`{"id":1,"connect":{"token":"${token}"}}\n{"id":2,"subscribe":{"channel":"${channel}"}}\n{"id":3,"subscribe":{"channel":"ranking:2018:city"}}`);
  for (let text = ''; !(text.includes('"id":2') && text.includes('"id":3'));) text += await ws.nextText();
  raw.s.pause();
  return ws;
}

/** Answers times while others suffer: the slowest rpc of a connection that was there before. */
function pulse(client) {
  const p = { going: true, slowest: 0, n: 0 };
  p.end = (async () => {
    while (p.going) {
      const began = performance.now();
      await client.rpc('me.get', {});
      p.slowest = Math.max(p.slowest, performance.now() - began);
      p.n++;
      await delay(20); // a person at work; what is measured is each call
    }
  })();
  p.stop = async () => { p.going = false; await p.end; return p; };
  return p;
}

test('phones that stop reading are closed at the bound of their queue; memory stays, others get everything in order', async () => {
  const token = await gw.tokenOf(CONTACT), client = await gw.client('sim-NP-GSJ');
  const sub = client.newSubscription(channel), offsets = [];
  sub.on('publication', (p) => offsets.push(p.offset));
  sub.subscribe();
  await sub.ready(10000);
  const slow = await Promise.all(Array.from({ length: SLOW_N }, () => sleeper(token)));
  const closed = () => gw.metric('zhangban_connections_closed_total{code="3008"}'), before = rss(), p = pulse(client);
  let asked = 0, reports = 0, peak = 0;
  while (await closed() < SLOW_N) {
    assert.ok(asked < ASKED_MAX, `${asked} answers to each, and still not closed`);
    for (let i = 0; i < 4; i++, asked++) for (const ws of slow) ws.text(`{"id":${10 + asked},"rpc":{"method":"task.list","data":{"limit":200}}}`);
    await work.act(gw, CONTACT, task, 'report', { text: `进展 ${reports++}`, progress: 50 });
    await gw.ok('PUT', `/v1/evaluations/2018/${UNIT}`, { as: 'demo-leader', body: { value: reports % 101 } });
    peak = Math.max(peak, rss());
  }
  await p.stop();
  await until(() => offsets.length >= reports, { what: 'all reports at the one who reads' });
  assert.deepEqual(offsets, Array.from({ length: reports }, (_, i) => offsets[0] + i), 'each once, in order');
  assert.ok(p.slowest < 1000, `rpc of another took ${p.slowest} ms`);
  console.log(`# ${asked} calls each, ${reports} publications, memory ${before >> 20} -> ${peak >> 20} MiB, slowest rpc of another ${Math.round(p.slowest)} ms`);
  if (!is_sanitized) assert.ok(peak - before < GROWTH_BYTES, `grew by ${(peak - before) >> 20} MiB`);
  for (const ws of slow) { // whoever wakes up reads what was on its way, and then the end: with the code where it still had room
    ws.raw.s.resume();
    let f = await ws.next();
    while (f.op === TEXT || f.op === 9) f = await ws.next();
    assert.ok(f.op === null || (f.op === CLOSE && f.code === 3008), JSON.stringify(f));
    ws.raw.s.destroy();
  }
  await until(async () => (await gw.metric('zhangban_connections')) <= 2, { what: 'their connections gone' });
  client.disconnect();
});

test('a board that nobody reads waits once: the newest replaces the one before it', async () => {
  const ws = await sleeper(await gw.tokenOf(CONTACT)), closed = () => gw.metric('zhangban_connections_closed_total{code="3008"}'), was = await closed();
  const replaced = () => gw.metric('zhangban_publications_replaced_total'), before = await replaced();
  let boards = 0;
  for (; await replaced() < before + 100; boards++) { // until the buffers of the kernel are full, and far beyond
    assert.ok(boards < BOARDS_MAX, `${boards} boards, and none was replaced`);
    await gw.ok('PUT', `/v1/evaluations/2018/${UNIT}`, { as: 'demo-leader', body: { value: boards % 100 } });
  }
  assert.equal(await closed(), was);
  ws.raw.s.resume();
  const want = (await gw.ok('GET', '/v1/rankings/2018/city', { as: 'demo-leader' })).version;
  let newest = 0, last = 0, got = 0;
  while (newest < want) {
    for (const line of (await ws.nextText()).split('\n')) {
      const pub = JSON.parse(line).push?.pub;
      if (!pub?.data.rows) continue;
      assert.ok(pub.offset > last, 'offsets ascend');
      last = pub.offset;
      got++;
      newest = pub.data.version;
    }
  }
  assert.ok(got <= boards - 100, `${got} of ${boards} boards came`);
  console.log(`# ${boards} boards, ${got} of them came`);
  ws.raw.s.destroy();
});

test('two thousand clients come at once, are cut and come back: all are answered, established ones do not wait', { timeout: 120000 }, async () => {
  const client = await gw.client('demo-dispatcher'), tokens = [];
  for (const u of work.UNITS.filter((x) => x.kind !== 'group').slice(0, 8)) tokens.push(await gw.tokenOf(`sim-${u.code}`));
  const p = pulse(client), rounds = [];
  const storm = spawn(process.execPath, [path.join(ROOT, 'tests/peers/storm.mjs'), `ws://127.0.0.1:${gw.port}/connection/websocket`, String(STORM_N), '2', tokens.join(',')],
    { stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  storm.stdout.on('data', (d) => { out += d; });
  assert.equal(await new Promise((d) => storm.on('exit', d)), 0);
  await p.stop();
  rounds.push(...out.trim().split('\n').map((l) => JSON.parse(l)));
  console.log(`# ${out.trim().replaceAll('\n', ' ')} slowest rpc of an established client ${Math.round(p.slowest)} ms of ${p.n}`);
  assert.equal(rounds.length, 2);
  for (const r of rounds) assert.equal(r.answered, STORM_N, JSON.stringify(r));
  assert.ok(p.n >= 10 && p.slowest < 1000, `rpc took ${p.slowest} ms`);
  await until(async () => (await gw.metric('zhangban_connections')) <= 2, { ms: 20000, what: 'all gone again' });
});
