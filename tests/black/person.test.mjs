// SPDX-License-Identifier: Apache-2.0
// A city that never was a demo: units imported, people put in by the operator, the first log-in.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { Gateway, BIN, ROOT } from './lib/gateway.mjs';

let gw;
const person = (phone, ...args) => spawnSync(BIN, ['--config', gw.file, 'person', ...args], { cwd: ROOT, input: `${phone}\n`, encoding: 'utf8' });

before(async () => {
  gw = new Gateway({ demo: false });
  const r = await gw.command('import', '--confirm-past', '测试导入', 'samples/nanping-2018');
  assert.equal(r.code, 0, r.stdout + r.stderr);
});
after(() => gw.stop());

test('people are put in by the operator before the first start; bad forms are refused with what is wrong', () => {
  assert.equal(person('13800000001', '--add', 'zhang', '--name', '张三', '--unit', 'NP-GSJ', '--roles', 'responsible').status, 0);
  for (const [phone, args, words] of [
    ['13800000002', ['--add', 'bad id', '--name', '李四', '--roles', 'admin'], /id:/],
    ['13800000002', ['--add', 'li', '--name', '李四', '--roles', 'king'], /roles:/],
    ['13800000002', ['--add', 'li', '--name', '李四', '--roles', 'responsible'], /unit:/],
    ['13800000002', ['--add', 'li', '--name', '李四', '--unit', 'NP-SZBM', '--roles', 'responsible'], /unit:/],
    ['12345', ['--add', 'li', '--name', '李四', '--roles', 'admin'], /phone:/],
    ['13800000001', ['--add', 'li', '--name', '李四', '--roles', 'admin'], /known already/],
    ['', ['--deactivate', 'nobody'], /nobody/],
  ]) {
    const r = person(phone, ...args);
    assert.equal(r.status, 1, args.join(' '));
    assert.match(r.stderr, words);
  }
});

test('the operator gives a session; the person is who the operator said; taken out, refused at once', async () => {
  await gw.start();
  const me = await gw.ok('GET', '/v1/me', { as: 'zhang' });
  assert.equal(me.name, '张三');
  assert.equal(me.phone, '138****0001');
  assert.deepEqual(me.roles, ['responsible']);
  assert.equal(me.demo, false);
  const other = await gw.rpc('zhang', 'me.get');
  assert.equal(other.unit.code, 'NP-GSJ');
  assert.equal(person('', '--deactivate', 'zhang').status, 0);
  const end = Date.now() + 3000; // the verdict on a token is kept for one second
  let status;
  do status = (await gw.rest('GET', '/v1/me', { as: 'zhang' })).status;
  while (status !== 401 && Date.now() < end);
  assert.equal(status, 401);
  assert.equal((await gw.command('session', '--person', 'zhang')).code, 1);
  assert.equal((await gw.command('verify-ledger')).code, 0);
});
