// SPDX-License-Identifier: Apache-2.0
// One kind of provider by itself (tests/peers/provider_call.c): a line of JSON in, a line out, in order.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { built } from './built.mjs';

const PROGRAM = built('provider_call');

export class ProviderCall {
  /** options: of the section; a name that ends in _file is given by its content. */
  constructor(options) {
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'zb-provider-'));
    const lines = ['[provider p1]'];
    for (const [name, value] of Object.entries(options)) {
      const file = path.join(this.dir, name);
      if (name.endsWith('_file')) fs.writeFileSync(file, value, { mode: 0o600 });
      lines.push(`${name} = ${name.endsWith('_file') ? file : value}`);
    }
    fs.writeFileSync(path.join(this.dir, 'conf'), `${lines.join('\n')}\n`);
    this.proc = spawn(PROGRAM, [path.join(this.dir, 'conf'), 'p1'], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = readline.createInterface({ input: this.proc.stdout })[Symbol.asyncIterator]();
    this.turn = Promise.resolve();
    this.ended = new Promise((done) => this.proc.on('exit', (code) => done(code)));
  }

  ask(what) {
    const mine = this.turn.then(async () => {
      this.proc.stdin.write(`${JSON.stringify(what)}\n`);
      const { value, done } = await this.lines.next();
      if (done) throw new Error('provider_call ended');
      return JSON.parse(value);
    });
    this.turn = mine.catch(() => {});
    return mine;
  }

  async stop() {
    this.proc.stdin.end();
    const code = await this.ended;
    fs.rmSync(this.dir, { recursive: true });
    return code;
  }
}
