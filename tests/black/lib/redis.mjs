// SPDX-License-Identifier: Apache-2.0
// A redis-server of the test's own, so that it can be stopped, emptied and given an older file.
import fs from 'node:fs';
import path from 'node:path';
import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { until } from './until.mjs';

const run = promisify(execFile);

export class Redis {
  /** aof: with an append-only file, as the private one has. */
  constructor(dir, { aof = false } = {}) { this.dir = dir; this.sock = path.join(dir, 'r.sock'); this.aof = aof ? 'yes' : 'no'; }

  async start() {
    this.proc = spawn('redis-server', ['--port', '0', '--unixsocket', this.sock, '--dir', this.dir, '--save', '', '--appendonly', this.aof,
      '--dbfilename', 'dump.rdb'], { stdio: 'ignore' });
    process.on('exit', () => this.proc.kill('SIGKILL'));
    await until(() => this.cli('PING').then((o) => o === 'PONG'), { what: 'redis' });
    this.proc.unref();
  }

  async cli(...words) { return (await run('redis-cli', ['-s', this.sock, ...words])).stdout.trim(); }

  async kill() {
    this.proc.ref();
    const gone = new Promise((d) => this.proc.on('exit', d));
    this.proc.kill('SIGKILL');
    await gone;
    fs.rmSync(this.sock, { force: true });
  }
}
