// SPDX-License-Identifier: Apache-2.0
// A carrier's gateway of the tests as a process of its own (tests/peers: smsc.mjs, smpp.mjs, smgp.mjs, sgip.mjs), and its control port.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { ROOT } from './gateway.mjs';
import { until } from './until.mjs';

export class Smsc {
  constructor(script = 'smsc.mjs') { this.script = script; }

  async start(...args) {
    this.proc = spawn(process.execPath, [path.join(ROOT, 'tests/peers', this.script), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    let out = '';
    this.proc.stdout.on('data', (d) => { out += d; });
    process.on('exit', () => this.proc.kill('SIGKILL'));
    await until(() => out.includes('\n'), { what: 'smsc ready' });
    this.proc.unref(); // a test that failed before its end does not wait for it
    this.proc.stdout.unref();
    ({ port: this.port, control: this.control } = JSON.parse(out.split('\n')[0]));
    return this;
  }

  async get(what) { return (await fetch(`http://127.0.0.1:${this.control}/${what}`)).json(); }
  async messages() { return this.get('messages'); }
  async post(what, body = {}) {
    return fetch(`http://127.0.0.1:${this.control}/${what}`, { method: 'POST', body: JSON.stringify(body) });
  }

  async stop() {
    this.proc.ref();
    this.proc.kill('SIGTERM');
    await new Promise((d) => this.proc.on('exit', d));
  }
}
