// SPDX-License-Identifier: Apache-2.0
//
// The connection: the unmodified centrifuge client, every scope of the period subscribed, one small call when the line is silent
// so that silence means a fault. The client reconnects with backoff by itself; where it gives up (a token that died), we begin again.

const PROBE_AFTER_MS = 8000;
const AGAIN_MS = [4000, 9000];

const between = ([a, b]) => a + Math.random() * (b - a);

export class Live {
  // hooks: heard() any frame · up(isUp) · board(scope, board, {live, offset}) · me(info) · token() -> Promise<string>
  constructor({ period, scopes, hooks }) {
    this.hooks = hooks;
    this.heardAt = 0;
    this.probing = false;
    const heard = () => {
      this.heardAt = Date.now();
      hooks.heard();
    };
    class HeardSocket extends WebSocket {
      constructor(...args) {
        super(...args);
        this.addEventListener('message', heard);
      }
    }
    const url = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/connection/websocket`;
    this.client = new globalThis.Centrifuge(url, {
      websocket: HeardSocket,
      name: 'board',
      getToken: hooks.token,
      minReconnectDelay: 500,
      maxReconnectDelay: 10000,
    });
    this.client.on('connected', () => {
      hooks.up(true);
      this.probe(true);
    });
    this.client.on('connecting', () => hooks.up(false));
    this.client.on('disconnected', () => this.again());
    this.client.on('error', () => {}); // each failed attempt; the pill tells
    for (const scope of scopes) this.subscribe(`ranking:${period}:${scope}`, scope);
  }

  subscribe(channel, scope) {
    const sub = this.client.newSubscription(channel);
    let offset = 0;
    sub.on('subscribed', (ctx) => {
      offset = ctx.streamPosition?.offset ?? 0;
      if (ctx.data) this.hooks.board(scope, ctx.data, { live: false });
    });
    sub.on('publication', (ctx) => {
      if (ctx.offset && ctx.offset <= offset) return; // latest wins: an older board is of no use
      offset = ctx.offset ?? offset;
      this.hooks.board(scope, ctx.data, { live: true });
    });
    sub.on('error', () => {});
    sub.on('unsubscribed', (ctx) => this.hooks.refused?.(scope, ctx));
    sub.subscribe();
  }

  start() {
    this.client.connect();
  }

  again() {
    this.hooks.up(false);
    setTimeout(() => {
      this.client.setToken('');
      this.client.connect();
    }, between(AGAIN_MS));
  }

  // Called every tick. The answer also tells the server's business time.
  probe(now = false) {
    if (this.probing || this.client.state !== 'connected' || (!now && Date.now() - this.heardAt < PROBE_AFTER_MS)) return;
    this.probing = true;
    this.client
      .rpc('me.get', {})
      .then(
        (r) => this.hooks.me(r.data),
        () => {},
      )
      .finally(() => {
        this.probing = false;
      });
  }
}
