// SPDX-License-Identifier: Apache-2.0
// A gateway that ends together with its private redis-server, orderly or killed, and comes back: whoever returns starts from a snapshot
// under a new epoch, and nothing that was said before is said again (D11, D13).
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { Gateway } from './lib/gateway.mjs';
import { until } from './lib/until.mjs';
import * as work from './lib/work.mjs';

const BOARD = 'ranking:2018:city', WHO = 'sim-NP-SZB';
let gw, task;

before(async () => {
  gw = await new Gateway().start();
  task = await work.given(gw, { title: '重启前后' });
  for (const u of ['NP-SZB', 'NP-GSJ']) await work.act(gw, `sim-${u}`, task, 'sign-for');
});
after(() => gw.stop());

/** A connected person with the board and the personal channel; everything said, in order, over all connections. */
async function watch() {
  const client = await gw.client(WHO, { connect: false }), w = { client, said: [], starts: [], board: [] };
  client.on('publication', (p) => w.said.push(p.data.id));
  client.on('subscribed', (c) => w.starts.push(c));
  const sub = client.newSubscription(BOARD);
  sub.on('publication', (p) => w.board.push(p.data));
  sub.on('subscribed', (c) => { w.board.push(c.data); w.top = c.streamPosition; w.recovered = c.recovered; });
  sub.subscribe();
  await client.ready(10000);
  await sub.ready(10000);
  w.sub = sub;
  return w;
}

for (const signal of ['SIGTERM', 'SIGKILL']) {
  test(`D11 D13 restart after ${signal}: a new epoch that begins empty, no notice twice, no board older than the snapshot`, async () => {
    const w = await watch();
    for (let i = 0; i < 40; i++) await gw.ok('PUT', '/v1/evaluations/2018/NP-GSJ', { as: 'demo-leader', body: { value: i + (signal === 'SIGKILL' ? 50 : 0) } });
    for (let i = 0; i < 5; i++) await work.given(gw, { title: `新任务${i}` });
    await until(() => new Set(w.said).size >= 5, { what: 'notices' });
    const before = (await gw.ok('GET', '/v1/rankings/2018/city', { as: 'demo-leader' })).rows;
    await until(() => w.board.length > 40 && JSON.stringify(w.board.at(-1).rows) === JSON.stringify(before), { what: 'the newest board' });
    const said = w.said.length, epoch = w.top.epoch, boards = w.board.length;
    const again = new Promise((ok) => w.sub.once('subscribed', ok)), personal = new Promise((ok) => w.client.once('subscribed', ok));
    await gw.kill(signal);
    gw.sanitizer();
    gw.rpcs = undefined;
    await gw.start();
    const c = await again, p = await personal;
    assert.notEqual(c.streamPosition.epoch, epoch);
    assert.equal(c.recovered, false);
    assert.deepEqual([c.streamPosition.offset, p.streamPosition.offset], [0, 0], 'nothing old is in the new streams');
    assert.deepEqual(c.data.rows, before, 'the snapshot is the newest board');
    const id = await work.given(gw, { title: '重启之后' });
    await until(() => w.said.length > said, { what: 'the notice after the restart' });
    const list = (await gw.ok('GET', '/v1/notices?limit=200', { as: WHO })).items;
    const told = list.find((n) => n.object === `task:${id}`).id;
    assert.deepEqual(w.said.slice(said), [told]);
    assert.equal(new Set(w.said).size, w.said.length, 'no notice twice');
    const h = await w.sub.history({ limit: 300 });
    assert.equal(h.publications.length, w.board.length - boards - 1, 'the stream holds what was seen since, and no more');
    w.client.disconnect();
  });
}
