// SPDX-License-Identifier: Apache-2.0
// The makers of phones of the tests as a process of its own (tests/peers/vendors.mjs), its control port, and the sections of a
// configuration whose providers have their accounts there.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { ROOT } from './gateway.mjs';
import { until } from './until.mjs';

export const VENDORS = ['huawei', 'huawei3', 'honor', 'xiaomi', 'oppo', 'vivo'];

export class Vendors {
  async start(...args) {
    this.proc = spawn(process.execPath, [path.join(ROOT, 'tests/peers/vendors.mjs'), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    let out = '';
    this.proc.stdout.on('data', (d) => { out += d; });
    process.on('exit', () => this.proc.kill('SIGTERM')); // it removes its directory
    await until(() => out.includes('\n'), { what: 'vendors ready' });
    this.proc.unref(); // a test that failed before its end does not wait for it
    this.proc.stdout.unref();
    Object.assign(this, JSON.parse(out.split('\n')[0])); // port, control, ca, accounts
    this.base = `${args.includes('--plain') ? 'http' : 'https'}://127.0.0.1:${this.port}`;
    return this;
  }

  /** The text of a section; more: options besides. */
  section(vendor, more = {}, name = `${vendor}-1`) {
    const token = { huawei: '/oauth2/v3/token', honor: '/auth/token' }[vendor];
    const options = { kind: vendor, base_url: this.base, ca_file: this.ca, ...(token && { token_url: this.base + token }),
      ...this.accounts[vendor], ...more };
    return `[provider ${name}]\n${Object.entries(options).map(([k, v]) => `${k} = ${v}\n`).join('')}`;
  }

  /** All of them. */
  sections(more = {}) { return VENDORS.map((v) => this.section(v, more[v])).join('\n'); }

  async get(what) { return (await fetch(`http://127.0.0.1:${this.control}/${what}`)).json(); }
  /** What was taken, oldest first: {vendor, target, id, key, title, body, at, shown, replaced}. */
  async messages(vendor) { return (await this.get('requests')).filter((m) => !vendor || m.vendor === vendor); }
  async stats() { return this.get('stats'); }
  async behave(how) { return this.post('behave', how); }
  async post(what, body = {}) {
    return fetch(`http://127.0.0.1:${this.control}/${what}`, { method: 'POST', body: JSON.stringify(body) });
  }

  async stop() {
    this.proc.ref();
    this.proc.kill('SIGTERM');
    await new Promise((d) => this.proc.on('exit', d));
  }
}
