// SPDX-License-Identifier: Apache-2.0
//
// The connection: the unmodified centrifuge client; every question and every act is an rpc on it. It reconnects by itself; where it
// gives up (a token that died), we begin again with a fresh one.
import { NoSession, forgetToken, openSession } from './session.js';

const AGAIN_MS = 4000;
const ANSWER_MS = 10000;
const TOKEN_DIED = 3500; // close codes from here on: not to be tried again with this token
const TOKEN_UNKNOWN = 109;

// What the server refused, in its own words: {code: "E_STATE", message: "…"}.
export class Refused extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

function refusal(e) {
  const m = /^(E_[A-Z]+): ([^]*)$/.exec(e?.message ?? '');
  return m ? new Refused(m[1], m[2]) : e;
}

export class Live {
  // hooks: up(isUp) · noSession()
  constructor(token, hooks) {
    this.given = token;
    this.hooks = hooks;
    const url = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/connection/websocket`;
    this.client = new globalThis.Centrifuge(url, {
      name: 'ops',
      getToken: () => this.token(),
      minReconnectDelay: 500,
      maxReconnectDelay: 8000,
      timeout: ANSWER_MS,
    });
    this.client.on('connected', () => hooks.up(true));
    this.client.on('connecting', () => hooks.up(false));
    this.client.on('disconnected', (ctx) => {
      hooks.up(false);
      if (ctx.code >= TOKEN_DIED) this.forget();
      if (!this.ended) setTimeout(() => this.start(), AGAIN_MS);
    });
    this.client.on('error', (ctx) => {
      if (ctx.error?.code === TOKEN_UNKNOWN) this.forget(); // else each failed attempt: the pill tells
    });
  }

  forget() {
    if (!this.given) return;
    this.given = '';
    forgetToken();
  }

  async token() {
    if (this.given) return this.given;
    try {
      return await openSession();
    } catch (e) {
      if (e instanceof NoSession) {
        this.ended = true;
        this.hooks.noSession();
        setTimeout(() => this.client.disconnect());
      }
      throw e;
    }
  }

  start() {
    this.client.setToken('');
    this.client.connect();
  }

  // Now, not after the pause between attempts.
  retry() {
    this.client.disconnect();
    this.start();
  }

  get isUp() {
    return this.client.state === 'connected';
  }

  async ask(method, data = {}) {
    try {
      return (await this.client.rpc(method, data)).data;
    } catch (e) {
      throw refusal(e);
    }
  }

  // A write: the key makes a repeated press harmless.
  act(method, data) {
    return this.ask(method, { ...data, idempotency_key: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}` });
  }
}
