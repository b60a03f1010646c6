// SPDX-License-Identifier: Apache-2.0
//
// The push services of six makers of phones for tests, on one HTTPS port: Huawei v1 (OAuth) and v3 (JWT), Honor, Xiaomi, OPPO, vivo.
// Strict about what they receive, each with its own credentials, limits, answers and phones; steered by the control port (lib/peer.mjs).
//
//   node tests/peers/vendors.mjs [--port 0] [--plain]        (--plain: HTTP)
//   prints {"port","control","ca","accounts":{vendor: {...}}}: what the consoles of the vendors would show, secrets as paths of files.
//
// GET /requests has what was taken: {vendor, target, id, key, title, body, at, shown, replaced}; GET /stats has counters VENDOR_sent,
// VENDOR_shown, VENDOR_places (places on screens), VENDOR_tokens, VENDOR_throttled, ...
// Phones by the beginning of their token: `dead` refused as dead; `gone` (vivo: taken, but named in invalidUser); `badtype` (Huawei: a
// cause that is not the token's fault); `fail` (Honor: failTokens). Behaviour (POST /behave):
//   tokens {PREFIX: {code | status, body | act: "silent" | "cut" | "cut_after", slow_ms, times}}   the longest prefix counts
//   rate {VENDOR: n}      messages a second, then the vendor's flow control
//   quota {VENDOR: n}     messages in all, then the vendor's "daily volume" (xiaomi, oppo, vivo)
//   life_s {VENDOR: n}    of credentials issued from now on; revoke [VENDOR, ...] forgets those that are out
//   hour n                hour of China by vivo's clock (default: the real one)
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Peer, bodyOf, certificate, jwt } from './lib/peer.mjs';

const { values: opt } = parseArgs({ options: { port: { type: 'string', default: '0' }, plain: { type: 'boolean', default: false } } });
const peer = new Peer({ tokens: {}, rate: {}, quota: {}, life_s: {}, hour: null });
const tls = certificate();
const dir = path.dirname(tls.ca);

// ---- what the consoles show ----
const file = (name, text) => { fs.writeFileSync(path.join(dir, name), text); return path.join(dir, name); };
const v3key = crypto.generateKeyPairSync('rsa', { modulusLength: 2048, privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' } });
const V3 = { project_id: '388421841222111', key_id: 'kid-7', sub_account: '109876' };
const V3_AUD = 'https://oauth-login.cloud.huawei.com/oauth2/v3/token';
const secret = { huawei: 'hw+secret/=1', honor: 'honor-secret', xiaomi: 'mi/secret+', oppo: 'oppo-master', vivo: 'vivo-secret' };
const accounts = {
  huawei: { app_id: '100123', secret_file: file('huawei', secret.huawei) },
  huawei3: { key_file: file('huawei3', JSON.stringify({ ...V3, private_key: v3key.privateKey })) },
  honor: { app_id: '104412', client_id: 'honor-client', secret_file: file('honor', secret.honor) },
  xiaomi: { package: 'cn.example.zhangban', channel_id: '104551', secret_file: file('xiaomi', secret.xiaomi) },
  oppo: { app_key: 'oppokey', secret_file: file('oppo', secret.oppo) },
  vivo: { app_id: '10004', app_key: 'vivokey', secret_file: file('vivo', secret.vivo) },
};

// ---- credentials ----
const LIFE_S = { huawei: 3600, honor: 3600, oppo: 86400, vivo: 86400 };
const issued = new Map(); // credential -> {vendor, until}

function issue(vendor) {
  const token = `${vendor}/${crypto.randomBytes(18).toString('base64')}==`;
  issued.set(token, { vendor, until: Date.now() + (peer.behave.life_s[vendor] ?? LIFE_S[vendor]) * 1000 });
  peer.count(`${vendor}_tokens`);
  return token;
}
/** 'good', 'expired' or 'bad'. */
function standing(vendor, token) {
  for (const v of peer.behave.revoke ?? []) for (const [t, i] of issued) if (i.vendor === v) issued.delete(t);
  peer.behave.revoke = [];
  const i = issued.get(token);
  return i?.vendor !== vendor ? 'bad' : i.until <= Date.now() ? 'expired' : 'good';
}
const bearer = (q) => /^Bearer (\S+)$/.exec(q.headers.authorization ?? '')?.[1] ?? '';
const near = (ms) => Math.abs(Number(ms) - Date.now()) <= 600000;
const hash = (alg, text) => crypto.createHash(alg).update(text).digest('hex');

// ---- texts ----
class Refusal extends Error { constructor(answer) { super('refused'); this.answer = answer; } }
const chars = (s) => [...s].length;
const width = (s) => [...s].reduce((n, c) => n + (c < '\x80' ? 1 : 2), 0);
const isId = (n) => Number.isInteger(n) && n >= 0 && n <= 0x7fffffff;
function need(ok, answer, word) {
  if (ok) return;
  peer.violation(word);
  throw new Refusal(answer);
}

function oauth(vendor, q, client) {
  const f = q.form;
  const good = f.get('grant_type') === 'client_credentials' && f.get('client_id') === client && f.get('client_secret') === secret[vendor];
  peer.count(`${vendor}_${good ? 'logins' : 'login_refused'}`);
  if (!good) return [400, { error: 1101, sub_error: 20043, error_description: 'invalid client' }];
  const expires_in = peer.behave.life_s[vendor] ?? LIFE_S[vendor];
  const text = JSON.stringify({ access_token: issue(vendor), expires_in, token_type: 'Bearer' });
  return [200, text.replaceAll('/', '\\/')]; // as Huawei writes it
}

// ---- the vendors: check(q) gives the message or throws a Refusal; the rest are their ways to say things ----
const hw = (code, msg = 'x', status = 200) => [status,
  { code: String(code), msg: typeof msg === 'string' ? msg : JSON.stringify(msg), requestId: crypto.randomUUID() }];
const hwCommon = {
  ok: () => hw(80000000, 'Success'), code: (n) => hw(n), throttled: () => [503, 'flow control'],
};
const size = (q, tokens) => Buffer.byteLength(q.body) - tokens.reduce((n, t) => n + Buffer.byteLength(t), 0);

const vendors = {
  huawei: {
    ...hwCommon,
    check(q) {
      const s = standing('huawei', bearer(q));
      if (s !== 'good') throw new Refusal(s === 'expired' ? hw(80200003, 'token expired', 401) : hw(80200001, 'oauth', 401));
      need(q.at[1] === accounts.huawei.app_id, hw(80300002), 'huawei_app_id');
      const m = q.json?.message, n = m?.android?.notification;
      need(n && m.android, hw(80100003), 'huawei_structure');
      need(Array.isArray(m.token) && m.token.length === 1, hw(80300010), 'huawei_tokens');
      need(size(q, m.token) <= 4096, hw(80300008), 'huawei_size');
      need(/^[1-9]\d*s$/.test(m.android.ttl), hw(80100004), 'huawei_ttl');
      const group = m.android.collapse_key, tap = n.click_action;
      need(Number.isInteger(group) && group >= -1 && group <= 100, hw(80100013), 'huawei_collapse_key');
      need(n.title && n.body, hw(80100001), 'huawei_text');
      need([1, 2, 3].includes(tap?.type) && (tap.type !== 1 || tap.intent), hw(80100001), 'huawei_click_action');
      return { target: m.token[0], id: m.android.bi_tag, key: n.tag, title: n.title, body: n.body };
    },
    dead: () => hw(80300007, 'All tokens are invalid', 400),
    badtype: () => hw(80300002),
  },
  huawei3: {
    ...hwCommon,
    check(q) {
      const t = jwt(bearer(q), v3key.publicKey, 'PS256');
      if (!t || t.header.kid !== V3.key_id || t.header.typ !== 'JWT' || t.claims.iss !== V3.sub_account || t.claims.aud !== V3_AUD)
        throw new Refusal(hw(80200001, 'authentication', 401));
      if (t.claims.exp - t.claims.iat > 86400) throw new Refusal(hw(80300036, 'too long', 400));
      if (t.claims.exp * 1000 <= Date.now() || peer.behave.jwt_expired) throw new Refusal(hw(80200005, 'JWT expired', 401));
      need(q.at[1] === V3.project_id, hw(80300002), 'huawei3_project');
      need(q.headers['push-type'] === '0', hw(80100001), 'huawei3_push_type');
      const n = q.json?.payload?.notification, tokens = q.json?.target?.token, o = q.json?.pushOptions;
      need(n && n.title && n.body, hw(80100003), 'huawei3_structure');
      need(Array.isArray(tokens) && tokens.length === 1, hw(80300010), 'huawei3_tokens');
      need(size(q, tokens) <= 4096, hw(80300008), 'huawei3_size');
      const tap = n.clickAction;
      need([0, 1].includes(tap?.actionType) && (tap.actionType !== 1 || tap.action), hw(80100001), 'huawei3_click');
      need(Number.isInteger(o?.ttl) && o.ttl > 0, hw(80100004), 'huawei3_ttl');
      return { target: tokens[0], id: o.biTag, key: n.notifyId, title: n.title, body: n.body };
    },
    dead: (m) => hw(80300007, { success: 0, failure: 1, illegalTokens: { tokenFormatError: [m.target] } }, 400),
    badtype: (m) => hw(80100000, { success: 0, failure: 1, illegalTokens: { noPushTypeRight: [m.target] } }),
  },
  honor: {
    check(q) {
      if (standing('honor', bearer(q)) !== 'good') throw new Refusal([401, { code: 401, message: 'unauthorized' }]);
      need(q.at[1] === accounts.honor.app_id, [404, ''], 'honor_app_id');
      need(near(q.headers.timestamp), [400, { code: 400 }], 'honor_timestamp');
      const n = q.json?.android?.notification, t = q.json?.token;
      const bad = [400, { code: 400 }];
      need(n?.title && n.body && [1, 2, 3].includes(n.clickAction?.type), bad, 'honor_notification');
      need(['NORMAL', 'LOW'].includes(n.importance), bad, 'honor_importance');
      need(/^[1-9]\d*s$/.test(q.json.android.ttl) && (q.json.data === undefined || typeof q.json.data === 'string'), bad, 'honor_fields');
      need(Array.isArray(t) && t.length === 1, bad, 'honor_tokens');
      return { target: t[0], key: n.tag, title: n.title, body: n.body };
    },
    answer: (data) => [200, { code: 200, message: 'success',
      data: { sendResult: true, requestId: crypto.randomUUID(), failTokens: [], expireTokens: [], ...data } }],
    ok() { return this.answer({}); },
    dead(m) { return this.answer({ expireTokens: [m.target] }); },
    fail(m) { return this.answer({ sendResult: false, failTokens: [m.target] }); },
    code: (n) => [200, { code: n, message: 'x' }],
    throttled: () => [429, '', { 'retry-after': '1' }],
  },
  xiaomi: {
    check(q) {
      const f = q.form, bad = (n) => this.code(n);
      if (q.headers.authorization !== `key=${secret.xiaomi}`) throw new Refusal([401, bad(21301)[1]]);
      need(f.get('restricted_package_name') === accounts.xiaomi.package, bad(22022), 'xiaomi_package');
      need(f.get('extra.channel_id') === accounts.xiaomi.channel_id, bad(27001), 'xiaomi_channel');
      const ids = (f.get('registration_id') ?? '').split(',');
      need(ids.length === 1 && ids[0], bad(10016), 'xiaomi_registration_id');
      need(f.get('title')?.trim() && f.get('title').length < 50, bad(65010), 'xiaomi_title');
      need(f.get('description')?.trim() && f.get('description').length < 128, bad(65011), 'xiaomi_description');
      need(f.get('pass_through') === '0' && Buffer.byteLength(f.get('payload') ?? '') <= 4096, bad(10017), 'xiaomi_fields');
      need(/^[1-9]\d*$/.test(f.get('time_to_live')) && Number(f.get('time_to_live')) <= 1209600000, bad(10017), 'xiaomi_ttl');
      return { target: ids[0], id: f.get('extra.callback.param') ?? undefined, key: f.get('notify_id'), once: f.get('extra.jobkey'),
        title: f.get('title'), body: f.get('description') };
    },
    ok: (m) => [200, { result: 'ok', code: 0, trace_id: 'Xcm', info: 'x',
      data: { id: `scm${m.n}`, day_quota: '100000', day_acked: String(m.n) } }],
    code: (n) => [200, { result: 'error', code: n, reason: 'x', trace_id: 'Xcm', description: 'x' }],
    dead(m) { feedback.add(m.target); return this.code(20301); },
    throttled() { return this.code(10027); },
    quota() { return this.code(10034); },
  },
  oppo: {
    check(q) {
      const t = q.form.get('auth_token');
      if (!t) throw new Refusal(this.code(29));
      if (standing('oppo', t) !== 'good') throw new Refusal(this.code(11));
      let m;
      try { m = JSON.parse(q.form.get('message')); } catch { need(false, this.code(41), 'oppo_message'); }
      const n = m.notification;
      need(m.target_type === 2 && m.target_value && n, this.code(40), 'oppo_fields');
      need(!m.target_value.includes('_') || /^(OPPO_)?CN_/.test(m.target_value), this.code(40), 'oppo_region');
      need(n.title && chars(n.title) <= 50 && n.content && chars(n.content) <= (n.style === 2 ? 128 : 50), this.code(41), 'oppo_text');
      need(!n.off_line || (n.off_line_ttl > 0 && n.off_line_ttl <= 864000), this.code(41), 'oppo_ttl');
      return { target: m.target_value, id: n.app_message_id, key: n.notify_id, once: n.app_message_id, title: n.title, body: n.content };
    },
    ok: (m) => [200, { code: 0, message: 'Success', data: { messageId: hash('md5', String(m.n)) } }],
    code: (n) => [200, { code: n, message: 'x', data: {} }],
    dead() { return this.code(10000); },
    throttled() { return this.code(-2); },
    quota() { return this.code(33); },
  },
  vivo: {
    check(q) {
      const s = standing('vivo', q.headers.authtoken), j = q.json ?? {}, bad = (n) => this.code(n);
      if (s !== 'good') throw new Refusal(bad(10000));
      need(j.appId === accounts.vivo.app_id, bad(10094), 'vivo_app_id');
      const hour = peer.behave.hour ?? new Date(Date.now() + 8 * 3600000).getUTCHours();
      if (j.classification !== 1 && (hour < 7 || hour >= 23)) throw new Refusal(bad(10071));
      need(j.regId && [1, 2, 3, 4].includes(j.notifyType) && [1, 2, 3, 4].includes(j.skipType), bad(10012), 'vivo_fields');
      need([0, 1].includes(j.pushMode), bad(10012), 'vivo_push_mode');
      need(j.title && width(j.title) <= 40 && j.content && width(j.content) <= 100, bad(10012), 'vivo_text');
      if (/测试|[()[\]（）【】]/.test(j.content) || /^[\x20-\x7e]*$/.test(j.content)) throw new Refusal(bad(10104));
      need(j.requestId && j.requestId.length <= 64, bad(10012), 'vivo_request_id');
      need(j.timeToLive === undefined ? j.sendOnline === true : isId(j.timeToLive) && j.timeToLive >= 60, bad(10012), 'vivo_ttl');
      return { target: j.regId, id: j.requestId, key: j.notifyId, title: j.title, body: j.content };
    },
    ok: (m) => [200, { result: 0, desc: 'ok', taskId: String(m.n) }],
    code: (n) => [200, { result: n, desc: 'x' }],
    dead: (m) => [200, { result: 10302, desc: 'regId', invalidUser: { status: 1, userid: m.target } }],
    gone: (m) => [200, { result: 0, desc: 'ok', taskId: '1', invalidUser: { status: 2, userid: m.target } }],
    throttled: () => [429, '', { 'retry-after': '1' }],
    quota() { return this.code(10070); },
  },
};

// ---- phones ----
const feedback = new Set(); // Xiaomi's dead ones, until somebody fetches them
const screens = new Map(); // "vendor target key" -> message on the screen
const shownOnce = new Set();
let second = 0, inSecond = {}, serial = 0;

function show(vendor, m) {
  const once = m.once && `${vendor} ${m.target} ${m.once}`;
  const twice = once && shownOnce.has(once);
  if (once) shownOnce.add(once);
  const at = `${vendor} ${m.target} ${m.key}`, replaced = screens.has(at);
  if (!twice) screens.set(at, m);
  peer.count(`${vendor}_sent`);
  if (!twice) peer.count(`${vendor}_shown`);
  if (!replaced && !twice) peer.count(`${vendor}_places`);
  return { shown: !twice, replaced };
}

/** The behaviour for this phone, or null; one with `times` wears out. */
function script(target) {
  const prefix = Object.keys(peer.behave.tokens).filter((p) => target.startsWith(p)).sort((a, b) => b.length - a.length)[0];
  const b = peer.behave.tokens[prefix];
  if (!b || (b.times !== undefined && b.times-- <= 0)) return null;
  return b;
}

async function send(vendor, q, res) {
  const v = vendors[vendor];
  const m = v.check(q);
  const now = Math.floor(Date.now() / 1000);
  if (now !== second) [second, inSecond] = [now, {}];
  inSecond[vendor] = (inSecond[vendor] ?? 0) + 1;
  const { rate, quota } = peer.behave;
  if (rate[vendor] && inSecond[vendor] > rate[vendor]) {
    peer.count(`${vendor}_throttled`);
    return v.throttled();
  }
  if (quota[vendor] !== undefined && v.quota && (peer.stats[`${vendor}_sent`] ?? 0) >= quota[vendor]) {
    peer.count(`${vendor}_over_quota`);
    return v.quota();
  }
  const b = script(m.target) ?? {};
  if (b.slow_ms) await new Promise((done) => setTimeout(done, b.slow_ms));
  if (b.act === 'silent') return null;
  if (b.act === 'cut') { res.destroy(); return null; }
  if (b.code !== undefined) { peer.count(`${vendor}_refused`); return v.code(b.code); }
  if (b.status !== undefined && b.status !== 200) { peer.count(`${vendor}_refused`); return [b.status, b.body ?? '', b.headers ?? {}]; }
  for (const way of ['dead', 'gone', 'badtype', 'fail'])
    if (v[way] && m.target.replace(/^(OPPO_)?CN_/, '').startsWith(way)) { peer.count(`${vendor}_${way}`); return v[way](m); }
  m.n = ++serial;
  peer.note({ vendor, target: m.target, id: m.id, key: m.key, title: m.title, body: m.body, at: Date.now(), ...show(vendor, m) });
  if (b.act === 'cut_after') { res.destroy(); return null; }
  return b.body !== undefined ? [200, b.body] : v.ok(m);
}

// ---- addresses ----
const FORM = 'application/x-www-form-urlencoded';
const routes = [
  ['POST', /^\/oauth2\/v3\/token$/, FORM, (q) => oauth('huawei', q, accounts.huawei.app_id)],
  ['POST', /^\/auth\/token$/, FORM, (q) => oauth('honor', q, accounts.honor.client_id)],
  ['POST', /^\/v1\/([^/]+)\/messages:send$/, 'application/json', (q, res) => send('huawei', q, res)],
  ['POST', /^\/v3\/message\/regid$/, FORM, (q, res) => send('xiaomi', q, res)],
  ['POST', /^\/v3\/([^/]+)\/messages:send$/, 'application/json', (q, res) => send('huawei3', q, res)],
  ['POST', /^\/api\/v1\/([^/]+)\/sendMessage$/, 'application/json', (q, res) => send('honor', q, res)],
  ['GET', /^\/v1\/feedback\/fetch_invalid_regids$/, null, (q) => {
    if (q.headers.authorization !== `key=${secret.xiaomi}`) return [401, vendors.xiaomi.code(21301)[1]];
    const list = [...feedback];
    feedback.clear();
    return [200, { result: 'ok', code: 0, data: { list } }];
  }],
  ['POST', /^\/server\/v1\/auth$/, FORM, (q) => {
    const f = q.form, at = f.get('timestamp');
    const key = accounts.oppo.app_key, signed = f.get('sign') === hash('sha256', `${key}${at}${secret.oppo}`);
    const code = f.get('app_key') !== key ? 14 : !signed ? 15 : near(at) ? 0 : 19;
    peer.count(code ? 'oppo_login_refused' : 'oppo_logins');
    if (code) return vendors.oppo.code(code);
    return [200, { code: 0, message: 'Success', data: { auth_token: issue('oppo'), create_time: Date.now() } }];
  }],
  ['POST', /^\/server\/v1\/message\/notification\/unicast$/, FORM, (q, res) => send('oppo', q, res)],
  ['POST', /^\/message\/auth$/, 'application/json', (q) => {
    const j = q.json ?? {}, a = accounts.vivo;
    const signed = j.sign === hash('md5', `${a.app_id}${a.app_key}${j.timestamp}${secret.vivo}`);
    const good = j.appId === a.app_id && j.appKey === a.app_key && near(j.timestamp) && signed;
    peer.count(good ? 'vivo_logins' : 'vivo_login_refused');
    return good ? [200, { result: 0, desc: 'ok', authToken: issue('vivo') }] : vendors.vivo.code(10000);
  }],
  ['POST', /^\/message\/send$/, 'application/json', (q, res) => send('vivo', q, res)],
];

async function answer(req, res) {
  const q = { headers: req.headers, body: (await bodyOf(req)).toString() };
  const route = routes.find(([method, at, type]) => {
    q.at = at.exec(req.url);
    return q.at && method === req.method && (type === null || (req.headers['content-type'] ?? '').startsWith(type));
  });
  if (!route) { peer.violation(`address ${req.method} ${req.url}`); return [404, '']; }
  if (route[2] === FORM) q.form = new URLSearchParams(q.body);
  else if (route[2]) try { q.json = JSON.parse(q.body); } catch { q.json = null; }
  return route[3](q, res);
}

async function handle(req, res) {
  let out;
  try {
    out = await answer(req, res);
  } catch (e) {
    if (!(e instanceof Refusal)) { console.error(e); peer.violation(String(e)); }
    out = e instanceof Refusal ? e.answer : [500, ''];
    peer.count('refusals');
  }
  if (!out || res.destroyed) return;
  const [status, body, headers = {}] = out;
  res.writeHead(status, { 'content-type': 'application/json', ...headers });
  res.end(typeof body === 'string' ? body : JSON.stringify(body));
}

const server = opt.plain ? http.createServer(handle) : https.createServer(tls, handle);
server.on('connection', () => peer.count('connections'));
await peer.start(server, Number(opt.port), { ca: tls.ca, accounts });
