// SPDX-License-Identifier: Apache-2.0
// The commands of the README's tour work as printed, in order, and answer what is printed behind them.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Gateway, ROOT, BIN } from './lib/gateway.mjs';

const run = promisify(execFile);
let gw;
before(async () => { gw = await new Gateway().start(); });
after(() => gw.stop());

/** Every member printed is there with that value; more may be. */
function within(want, got, where = '') {
  if (Array.isArray(want)) {
    assert.ok(Array.isArray(got) && got.length >= want.length, `${where}: a list of at least ${want.length}`);
    want.forEach((w, i) => within(w, got[i], `${where}[${i}]`));
  } else if (want && typeof want === 'object') {
    for (const [k, v] of Object.entries(want)) within(v, got?.[k], `${where}.${k}`);
  } else {
    assert.deepEqual(got, want, where);
  }
}

test('the tour of README.md', async () => {
  const text = fs.readFileSync(path.join(ROOT, 'README.md'), 'utf8');
  const tour = text.slice(text.indexOf('<!-- tour -->'), text.indexOf('<!-- /tour -->'));
  const blocks = [...tour.matchAll(/```(\w*)\n([\s\S]*?)```/g)].map(([, kind, body]) => ({ kind, body }));
  assert.ok(blocks.length >= 12);
  let script = '', steps = 0;
  for (let i = 0; i < blocks.length; i += 2) {
    assert.equal(blocks[i].kind, 'sh');
    // what differs here: the port, and the name of the binary and its configuration
    const body = blocks[i].body.replaceAll('http://127.0.0.1:7080', gw.url).replaceAll('bin/zhangban', `${BIN} --config ${gw.file}`);
    const { stdout } = await run('bash', ['-euc', `${script}\necho ======\n${body}`], { cwd: ROOT });
    const out = stdout.split('======\n').at(-1);
    if (blocks[i + 1].kind === 'json') within(JSON.parse(blocks[i + 1].body), JSON.parse(out), `step ${steps}`);
    else assert.ok(out.startsWith(blocks[i + 1].body.trim()), out);
    script += body.split('\n').filter((l) => /^\w+=/.test(l)).join('\n') + '\n'; // variables go on
    steps++;
  }
});
