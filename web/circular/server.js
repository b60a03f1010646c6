// SPDX-License-Identifier: Apache-2.0
//
// The server: REST for what is asked for, the unmodified centrifuge client for what changes by itself. One circular is subscribed at
// a time. Silence is probed, so that it means a fault.
import { takeToken } from '../board/session.js';

const PROBE_AFTER_MS = 8000;
const TIMEOUT_MS = 15000;
const AGAIN_MS = 4000;

export const token = takeToken();

// What a person reads about a failed request: {code, title, detail, field}.
export class Refused extends Error {
  constructor(problem) {
    super(problem.detail);
    Object.assign(this, problem);
  }
}

const UNREACHABLE = { code: '', title: '网络不通', detail: '没有连上服务器，内容已保留。请检查网络后重试。' };

async function once(method, path, body, headers) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      cache: 'no-store',
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }), ...headers },
      body: body && JSON.stringify(body),
    });
  } catch {
    throw new Refused({ ...UNREACHABLE, temporary: true });
  }
  const data = await answer.json().catch(() => ({}));
  if (answer.ok) return data;
  if (answer.status === 401) throw new Refused({ ...data, title: '请重新登录', detail: '登录已过期，登录后会回到当前页面。' });
  throw new Refused({ title: '没有成功', detail: '服务暂时不可用，请稍后再试。', ...data });
}

// What may be repeated without harm is, once, after a second.
async function call(method, path, body, headers = {}) {
  try {
    return await once(method, path, body, headers);
  } catch (e) {
    if (!e.temporary || e.status === 429) throw e;
    await new Promise((ok) => setTimeout(ok, 1000));
    return once(method, path, body, headers);
  }
}

export const get = (path) => call('GET', path);
export const post = (path, body = {}, key = crypto.randomUUID()) => call('POST', path, body, { 'idempotency-key': key });

export class Live {
  // hooks: heard() · up(isUp) · state(counts) · told() something came into the own inbox
  constructor(hooks) {
    this.hooks = hooks;
    this.heardAt = 0;
    this.sub = null;
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
    this.client = new globalThis.Centrifuge(url, { websocket: HeardSocket, name: 'circular', token, minReconnectDelay: 500, maxReconnectDelay: 10000 });
    this.client.on('connected', () => hooks.up(true));
    this.client.on('connecting', () => hooks.up(false));
    this.client.on('disconnected', () => {
      hooks.up(false);
      setTimeout(() => this.client.connect(), AGAIN_MS);
    });
    this.client.on('publication', () => hooks.told());
    this.client.on('error', () => {});
    this.client.connect();
  }

  watch(id) {
    if (this.sub) {
      this.sub.removeAllListeners();
      this.client.removeSubscription(this.sub);
      this.sub = null;
    }
    if (!id) return;
    const sub = this.client.newSubscription(`circular:${id}`);
    sub.on('subscribed', (ctx) => ctx.data && this.hooks.state(ctx.data));
    sub.on('publication', (ctx) => this.hooks.state(ctx.data));
    sub.on('error', () => {});
    sub.subscribe();
    this.sub = sub;
  }

  probe() {
    if (this.probing || this.client.state !== 'connected' || Date.now() - this.heardAt < PROBE_AFTER_MS) return;
    this.probing = true;
    this.client
      .rpc('me.get', {})
      .catch(() => {})
      .finally(() => {
        this.probing = false;
      });
  }
}
