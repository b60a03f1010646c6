// SPDX-License-Identifier: Apache-2.0
// The generated description: it validates offline, and the gateway does what it says.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import fs from 'node:fs';
import path from 'node:path';
import { Gateway, ROOT } from './lib/gateway.mjs';

const require = createRequire(import.meta.url), run = promisify(execFile);
const { default: Ajv2020 } = require('ajv/dist/2020');
let gw, doc;

before(async () => {
  gw = await new Gateway().start();
  doc = await gw.ok('GET', '/openapi.json');
});
after(() => gw.stop());

const operations = () => Object.entries(doc.paths).flatMap(([p, ops]) => Object.entries(ops).map(([verb, op]) => ({ path: p, verb, op })));

test('openapi.json passes the linter, offline, and the command prints the same', async () => {
  const file = path.join(gw.dir, 'openapi.json');
  fs.writeFileSync(file, JSON.stringify(doc));
  const { stdout, stderr } = await run(process.execPath, [path.join(ROOT, 'tests/node_modules/@redocly/cli/bin/cli.js'), 'lint', file, '--extends=spec', '--format=json'],
    { cwd: gw.dir, env: { PATH: process.env.PATH, HOME: gw.dir, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' }, maxBuffer: 64 << 20 }).catch((e) => e);
  const result = JSON.parse(stdout || `{"broken":${JSON.stringify(stderr)}}`);
  assert.deepEqual(result.problems, [], JSON.stringify(result).slice(0, 3000));
  assert.deepEqual(JSON.parse((await gw.command('openapi')).stdout), doc);
});

test('every schema compiles; every operation has its own name, Chinese words, roles and refusals', () => {
  const ajv = new Ajv2020({ strict: true, strictSchema: true, validateFormats: false, keywords: ['x-object'] });
  const ids = new Set();
  for (const { path: p, verb, op } of operations()) {
    assert.ok(!ids.has(op.operationId), op.operationId);
    ids.add(op.operationId);
    assert.match(op.summary, /[\u4e00-\u9fff]/, op.operationId);
    assert.ok(Array.isArray(op['x-roles']), op.operationId);
    assert.ok(op.responses.default, op.operationId);
    const named = [...p.matchAll(/\{(\w+)\}/g)].map((m) => m[1]), declared = op.parameters.filter((x) => x.in === 'path').map((x) => x.name);
    assert.deepEqual(declared.sort(), named.sort(), `${verb} ${p}`);
    for (const x of op.parameters) if (x.schema) ajv.compile(x.schema);
    if (op.requestBody) ajv.compile(op.requestBody.content['application/json'].schema);
    if (verb === 'get') assert.equal(op.requestBody, undefined, p);
  }
  assert.ok(ids.size > 40, `${ids.size}`);
  ajv.compile(doc.components.schemas.Problem);
});

test('D22 every refusal of every operation is a Problem as described', async () => {
  const ajv = new Ajv2020({ strict: true, keywords: ['x-object'] }), check = ajv.compile(doc.components.schemas.Problem);
  let seen = 0;
  for (const { path: p, verb, op } of operations()) {
    const r = await gw.rest(verb.toUpperCase(), p.replace(/\{\w+\}/g, 'none'), verb === 'get' ? {} : { body: { nonsense: 1 } });
    if (r.status < 400) continue;
    seen++;
    assert.ok(check(r.body), `${op.operationId}: ${JSON.stringify(check.errors)} ${JSON.stringify(r.body)}`);
    assert.match(r.headers.get('content-type'), /^application\/problem\+json/);
    if (!(op.security && op.security.length === 0)) assert.equal(r.body.code, 'E_AUTH', op.operationId);
    const row = doc['x-errors'] ?? doc.components['x-errors'];
    assert.equal(row.find((e) => e.code === r.body.code).status, r.status, op.operationId);
  }
  assert.ok(seen > 40, `${seen}`);
});

test('D22 role by role: who is not named in x-roles is refused, and a foreign parameter is refused by its name', async () => {
  const people = { leader: 'demo-leader', dispatcher: 'demo-dispatcher', approver: 'demo-approver', responsible: 'demo-responsible', monitor: 'demo-monitor',
    admin: 'demo-admin', auditor: 'demo-auditor', display: 'demo-display' };
  let refused = 0, named = 0;
  for (const { path: p, verb, op } of operations()) {
    if (op.security?.length === 0 || op.operationId === 'auth.logout') continue;
    const known = new Set(op['x-roles']);
    for (const [role, person] of Object.entries(people)) {
      const r = await gw.rest(verb.toUpperCase(), `${p.replace(/\{\w+\}/g, 'none')}${verb === 'get' || verb === 'delete' ? '?no_such=1' : ''}`,
        { as: person, body: verb === 'get' || verb === 'delete' ? undefined : { no_such: 1 } });
      if (known.has(role)) {
        assert.equal(r.body.code, 'E_INPUT', `${op.operationId} as ${role}: ${JSON.stringify(r.body)}`);
        named++;
      } else {
        assert.equal(r.body.code, 'E_PERM', `${op.operationId} as ${role}: ${JSON.stringify(r.body)}`);
        refused++;
      }
    }
  }
  assert.ok(refused > 50 && named > 50, `${refused} ${named}`);
});

test('channels and error numbers are in the description', () => {
  assert.ok(doc['x-channels'].some((c) => c.prefix.startsWith('ranking') && c.latest_wins && c.snapshot));
  const errors = doc['x-errors'] ?? doc.components['x-errors'];
  assert.equal(new Set(errors.map((e) => e.number)).size, errors.length);
  for (const e of errors) assert.ok(e.number >= 400 && e.number <= 1999 && /[\u4e00-\u9fff]/.test(e.text), e.code);
});
