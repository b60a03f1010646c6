// SPDX-License-Identifier: Apache-2.0
// One provider's pure functions (tests/peers/kindcall.c) with the HTTP of Node: what the delivery worker does with them,
// without the worker.
import { spawn } from 'node:child_process';
import http from 'node:http';
import readline from 'node:readline';
import { built } from './built.mjs';

const PROGRAM = built('kindcall');

export class Kind {
  constructor() {
    this.proc = spawn(PROGRAM, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.waiting = [];
    readline.createInterface({ input: this.proc.stdout }).on('line', (l) => this.waiting.shift()(JSON.parse(l)));
    this.now = () => Date.now();
    this.cred = '';
    this.n = 0;
  }

  ask(op, more = {}) {
    this.proc.stdin.write(`${JSON.stringify({ op, wall_ms: this.now(), ...more })}\n`);
    return new Promise((done) => {
      this.waiting.push(done);
    });
  }

  async open(section) {
    const r = await this.ask('open', { section });
    if (!r.ok) throw new Error(r.why);
  }

  /** Node's fetch does not let a caller choose Host, which is what was signed. */
  static http(call) {
    return new Promise((done) => {
      let started = false;
      const req = http.request(
        call.url,
        {
          method: call.method,
          headers: { ...call.headers, 'content-length': Buffer.byteLength(call.body) },
          timeout: 1500,
          agent: false,
        },
        (res) => {
          const parts = [];
          res
            .on('data', (c) => parts.push(c))
            .on('end', () => done({ status: res.statusCode, body: Buffer.concat(parts).toString() }))
            .on('error', () => done({ status: 0, lost: true }));
        },
      );
      req.on('socket', (s) =>
        s.on('connect', () => {
          started = true;
        }),
      );
      req.on('timeout', () => req.destroy());
      req.on('error', () => done({ status: 0, lost: started }));
      req.end(call.body);
    });
  }

  async fetchCred() {
    const r = await Kind.http(await this.ask('cred'));
    const got = await this.ask('cred_answer', r);
    this.cred = got.cred ?? '';
    return got;
  }

  /** One message by one attempt: what push_answer says. */
  async send(target, { vars = {}, ...msg } = {}) {
    const m = {
      id: `d_${++this.n}`,
      attempt: 1,
      target,
      kind: 'task.due_soon',
      title: '任务临近到期',
      text: '「拆除违建」还剩2天。',
      object: 'task:T1',
      signature: '某市政务',
      ...msg,
    };
    const call = await this.ask('call', { msg: m, vars: { t: '拆除三楼违建', x: '还剩2天', ...vars }, cred: this.cred });
    if (!call.url) return call;
    return { id: m.id, ...(await this.ask('answer', { target, ...(await Kind.http(call)) })) };
  }

  close() {
    this.proc.stdin.end();
    return new Promise((done) => {
      this.proc.on('exit', (code) => done(code));
    });
  }
}
