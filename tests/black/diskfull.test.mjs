// SPDX-License-Identifier: Apache-2.0
// A full disk: writes are refused with a clear, retryable error, nothing is half done, reads go on; with room again all is well.
// The file runs itself in a mount namespace of its own, so that the small tmpfs is nobody else's and goes with its last process.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Gateway } from './lib/gateway.mjs';
import { rows } from './lib/city.mjs';
import * as work from './lib/work.mjs';

const inside = process.env.ZB_OWN_MOUNTS === '1';
let dir, data, filler, gw, task;

before(async () => {
  if (!inside) return;
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'zb-full-'));
  data = path.join(dir, 'var');
  filler = path.join(data, 'filler');
  fs.mkdirSync(data, { mode: 0o700 });
  assert.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=40m,mode=700', 'tmpfs', data]).status, 0);
  gw = await new Gateway({ dir }).start();
  task = await work.given(gw, { title: '磁盘写满' });
  for (const u of ['NP-SZB', 'NP-GSJ']) await work.act(gw, `sim-${u}`, task, 'sign-for');
});
after(async () => {
  if (!inside) return;
  await gw.stop();
  assert.equal(spawnSync('umount', [data]).status, 0);
  fs.rmSync(dir, { recursive: true, force: true });
});

function fill() {
  const fd = fs.openSync(filler, 'a'), block = Buffer.alloc(65536, 1);
  try { for (;;) if (fs.writeSync(fd, block) < block.length) break; } catch (e) { assert.equal(e.code, 'ENOSPC'); }
  fs.closeSync(fd);
}
const report = (n) => gw.rest('POST', `/v1/tasks/${task}/report`, { as: 'sim-NP-SZB', body: { text: `进展 ${n}`, progress: 50 } });

const outside = ['unshare', ['--mount', '--propagation', 'private']], may = spawnSync(outside[0], [...outside[1], 'true']).status === 0;

test('the disk fills while people write: in a mount namespace of its own', { skip: inside || (may ? false : 'needs root to mount a small tmpfs') }, () => {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const r = spawnSync(outside[0], [...outside[1], process.execPath, fileURLToPath(import.meta.url)], { env: { ...env, ZB_OWN_MOUNTS: '1' }, encoding: 'utf8' });
  assert.equal(r.status, 0, r.stdout + r.stderr);
  assert.match(r.stdout, /^(# pass|ℹ pass) 1$/m);
});

test('the disk fills while people write', { skip: inside ? false : 'runs inside' }, async () => {
  assert.equal((await report(0)).status, 200);
  fill();
  let refused, n = 0;
  const acked = ['进展 0'];
  for (n = 1; n < 400 && !refused; n++) { // room inside the log file lasts for a while
    const r = await report(n);
    if (r.status === 200) acked.push(`进展 ${n}`);
    else refused = r;
    if (n % 10 === 0) fill();
  }
  assert.equal(refused.status, 503);
  assert.equal(refused.body.code, 'E_STORE');
  assert.equal(refused.body.temporary, true);
  assert.match(refused.body.detail, /稍后重试/);
  assert.ok(refused.headers.get('retry-after'));

  const t = await gw.ok('GET', `/v1/tasks/${task}`, { as: 'demo-dispatcher' });
  assert.equal(t.id, task, 'reads go on');
  assert.equal((await gw.rest('GET', '/healthz')).status, 200);

  fs.rmSync(filler);
  const later = await report('later');
  assert.equal(later.status, 200, JSON.stringify(later.body));
  acked.push('进展 later');
  const there = (await rows(gw, `SELECT text FROM task_report WHERE task = '${task}' ORDER BY seq`)).map((r) => r.text);
  assert.deepEqual(there, acked, 'what was acknowledged, and nothing else');
  const events = await rows(gw, `SELECT count(*) AS n FROM task_event WHERE task = '${task}' AND event = 'report'`);
  assert.equal(events[0].n, acked.length);
  const v = await gw.command('verify-ledger');
  assert.equal(v.code, 0, v.stdout);
});
