// SPDX-License-Identifier: Apache-2.0
// `zhangban demo`: a stretch of 2018 played by simulated people; the same seed gives the same bytes, another one does not.
import test, { after } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { BIN, ROOT } from './lib/gateway.mjs';

const run = promisify(execFile), dirs = [];
const UNTIL = '2018-04-13';

async function play(seed, ...more) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'zb-demo-'));
  dirs.push(dir);
  const env = { PATH: process.env.PATH, ZHANGBAN_DATA: path.join(dir, 'run'), ZHANGBAN_LISTEN: '127.0.0.1:0' };
  const { stdout, stderr } = await run(BIN, ['demo', '--seed', String(seed), '--exit', '--until', UNTIL, ...more], { cwd: ROOT, env, maxBuffer: 64 << 20 });
  assert.doesNotMatch(stderr, /Sanitizer|runtime error|PANIC/);
  const file = (f) => fs.readFileSync(path.join(env.ZHANGBAN_DATA, f), 'utf8');
  return { env, stdout, stderr, result: file('demo-result.json'), outbox: file('outbox.log') };
}
after(() => dirs.forEach((d) => fs.rmSync(d, { recursive: true, force: true })));

test('one seed, one story: result and outbox are the same to the byte, at another pace too; another seed tells another', { timeout: 300000 }, async () => {
  const [a, b] = await Promise.all([play(2018, '--seconds', '0'), play(2018, '--seconds', '12')]);
  assert.equal(a.result, b.result);
  assert.equal(a.outbox, b.outbox);
  const c = await play(7, '--seconds', '0');
  assert.notEqual(c.result, a.result);

  const lines = a.outbox.trim().split('\n').map((l) => JSON.parse(l));
  for (const kind of ['task.assigned', 'task.due_soon', 'task.overdue', 'task.unsigned']) assert.ok(lines.some((l) => l.kind === kind), kind);
  const board = JSON.parse(a.result)['2018:department'];
  assert.ok(board.rows.length > 10);
  assert.ok(new Set(board.rows.map((r) => r.score)).size > 5, 'a spread of scores');
  assert.match(a.result, /（模拟）/, 'what simulated people write says so');
  assert.match(a.stdout, /refused 0,/, 'the people of the demo do nothing that is refused');
  const { stdout } = await run(BIN, ['verify-ledger'], { cwd: ROOT, env: a.env });
  assert.match(stdout, /^ledger ok: 0 findings/);
});

test('a directory that holds something else is not touched', async () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'zb-demo-'));
  dirs.push(dir);
  fs.writeFileSync(path.join(dir, 'mine.txt'), 'keep');
  await assert.rejects(run(BIN, ['demo', '--exit'], { cwd: ROOT, env: { PATH: process.env.PATH, ZHANGBAN_DATA: dir, ZHANGBAN_LISTEN: '127.0.0.1:0' } }),
    (e) => e.code === 1 && /holds something that is no earlier demo/.test(e.stderr));
  assert.equal(fs.readFileSync(path.join(dir, 'mine.txt'), 'utf8'), 'keep');
});
