// SPDX-License-Identifier: Apache-2.0
// A TCP proxy that can be cut: what a lost network looks like to a client.
import net from 'node:net';

export class Proxy {
  constructor(target) { this.target = target; this.pairs = new Set(); this.up = true; }

  async start() {
    this.server = net.createServer((a) => {
      if (!this.up) { a.destroy(); return; }
      const b = net.connect(this.target, '127.0.0.1');
      const pair = { a, b };
      this.pairs.add(pair);
      const end = () => { a.destroy(); b.destroy(); this.pairs.delete(pair); };
      for (const [x, y] of [[a, b], [b, a]]) { x.on('data', (d) => y.write(d)); x.on('error', end); x.on('close', end); }
    });
    await new Promise((ok) => this.server.listen(0, '127.0.0.1', ok));
    this.port = this.server.address().port;
    return this;
  }

  cut() { this.up = false; for (const p of this.pairs) { p.a.destroy(); p.b.destroy(); } this.pairs.clear(); }
  restore() { this.up = true; }
  async stop() { this.cut(); await new Promise((ok) => this.server.close(ok)); }
}
