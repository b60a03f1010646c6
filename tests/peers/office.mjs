// SPDX-License-Identifier: Apache-2.0
//
// Office messengers for tests: WeCom, DingTalk (both families of interfaces) and Feishu as one HTTP server, and the receiver of a
// webhook. Strict about what it receives, with the limits of each; written from the fact sheets alone. Steered by a control port.
//
//   node tests/peers/office.mjs [--port 0] [--control 0]      prints {"port":N,"control":M} once it listens
//   node tests/peers/office.mjs --self-test                   holds its own cryptography to the published vectors
//   import { start } from '.../office.mjs'; const o = await start(); ... await o.stop()
//
// base_url of a provider: http://127.0.0.1:PORT/wecom, /dingtalk (api_url: /dingapi), /feishu; webhook: option url = .../hook/NAME
// Accounts: corp_id ww0123456789abcdef, secret wecom-secret, agent 1000002 · app_key dingkey, secret ding-secret, agent 123, robot
// dingrobot · app_id cli_1, secret feishu-secret · webhook secret 0123456789abcdef. Users exist unless told otherwise.
//
// Control port (HTTP, JSON):
//   GET  /messages   [{of, id, to, title, text, button, link, uuid, read, raised: [levels], times}]: what people see; times: how often it was sent
//   GET  /stats      counters, violations [words]
//   POST /behave     any of: token_life_s; unknown, out_of_scope, left_out, stopped, protected: [users]; per_second n (calls of each
//                    provider); month_calls n; ding_quota, buzz_quota n; slow_ms; silent true; and
//                    answer: {of, what, status, body, headers, times, take, drop}: the next `times` calls (1) get exactly this;
//                    take: it is taken all the same; drop: the connection ends without an answer
//   POST /expire     all tokens die at once
//   POST /read       {of, to}: this person reads all messages; Feishu tells the call-back, if there is one
//   POST /click      {id}: 收到 on a confirm card of WeCom; tells the call-back
//   POST /callback   {of: wecom|feishu, url}: asked first as the platform does, answers {ok, status, reply}
//   POST /reset      everything but the tokens and call-backs
import http from 'node:http';
import crypto from 'node:crypto';
import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';

export const ACCOUNT = {
  wecom: { corp: 'ww0123456789abcdef', secret: 'wecom-secret', agent: 1000002, token: 'zbToken2026', key: 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG' },
  dingtalk: { key: 'dingkey', secret: 'ding-secret', agent: 123, robot: 'dingrobot' },
  feishu: { app: 'cli_1', secret: 'feishu-secret', encrypt: 'test key', token: 'xxxxxx' },
  webhook: { secret: '0123456789abcdef' },
};

class Bad extends Error {} // not what the sheet says: a violation
const need = (cond, word) => { if (!cond) throw new Bad(word); };
const bytes = (s) => Buffer.byteLength(s);
const isText = (s) => typeof s === 'string' && s.length > 0;

// ---- cryptography of the call-backs ----

export function wecomSignature(token, timestamp, nonce, encrypt) {
  return crypto.createHash('sha1').update([token, timestamp, nonce, encrypt].sort().join('')).digest('hex');
}

export function wecomSeal(key43, receiver, message, random = crypto.randomBytes(16)) {
  const key = Buffer.from(`${key43}=`, 'base64');
  const msg = Buffer.from(message), len = Buffer.alloc(4);
  len.writeUInt32BE(msg.length);
  const plain = Buffer.concat([random, len, msg, Buffer.from(receiver)]);
  const pad = 32 - (plain.length % 32);
  const c = crypto.createCipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false);
  return Buffer.concat([c.update(Buffer.concat([plain, Buffer.alloc(pad, pad)])), c.final()]).toString('base64');
}

export function feishuSeal(encryptKey, text, iv = crypto.randomBytes(16)) {
  const c = crypto.createCipheriv('aes-256-cbc', crypto.createHash('sha256').update(encryptKey).digest(), iv);
  return Buffer.concat([iv, c.update(text), c.final()]).toString('base64');
}

export function feishuSignature(timestamp, nonce, encryptKey, body) {
  return crypto.createHash('sha256').update(timestamp + nonce + encryptKey).update(body).digest('hex');
}

function selfTest() {
  assert.equal(wecomSeal('abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG', 'ww0123456789abcdef', '7300154328914391059', Buffer.from('0123456789abcdef')),
    'Q3stYC6hdFzMh9T8HCvyDJ55e7ykIPUkKCIB3fA0LejBw3KcOLL+OTbrdblRIZ3jBGTg2KNi/4NqdCcgjzZl3Q==');
  assert.equal(wecomSignature('zbToken2026', '1767323045', '1372623149',
    'Q3stYC6hdFzMh9T8HCvyDJ55e7ykIPUkKCIB3fA0LejBw3KcOLL+OTbrdblRIZ3jBGTg2KNi/4NqdCcgjzZl3Q=='), 'dd78abafb7bc5213c5fddcf2491420a5f67480c9');
  const plain = '{"challenge":"ajls384kdjx98XX","token":"xxxxxx","type":"url_verification"}';
  const sealed = feishuSeal('test key', plain, Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex'));
  assert.equal(sealed, 'AAECAwQFBgcICQoLDA0ODw9mLTIAZS9jAmGTQ1wAhHpnBHVL2wRjH9rPunQdQC1vLjsckayA10kZ8cPwtb62F8rC7JprUPR/4S2aZihfR+p8npX7UzWPithZmfKIPZgE');
  assert.equal(feishuSignature('1767323045', 'abc123', 'test key', `{"encrypt":"${sealed}"}`), '084b564bfe75e073b11047ebefe2b3043f3c42a82c4b0749f65baaf31b624abd');
  console.log('self-test ok');
}

// ---- the house ----

class House {
  constructor() {
    this.tokens = new Map(); // "of value" -> until
    this.current = new Map(); // of -> value
    this.callbacks = {};
    this.serial = 0;
    this.reset();
  }

  reset() {
    this.behave = { token_life_s: 7200 };
    this.messages = [];
    this.seen = new Map(); // what a provider recognises as a repetition -> message or task
    this.tasks = new Map(); // DingTalk: task -> {who, message, code}
    this.calls = new Map(); // "of second" -> n
    this.month = 0;
    this.planned = [];
    this.stats = { violations: [], tokens: 0, sends: 0, repeated: 0, throttled: 0, polls: 0, raises: 0, refused: 0, hooks: 0 };
  }

  token(of) {
    this.stats.tokens++;
    const old = this.current.get(of), left = (this.tokens.get(`${of} ${old}`) ?? 0) - Date.now();
    const keep = of === 'wecom' ? left > 0 : of === 'dingtalk' ? left > 0 : left > 1800e3;
    if (keep) return [old, Math.floor(left / 1000)];
    const value = `${of}-${++this.serial}-${crypto.randomBytes(30).toString('base64url')}`;
    this.tokens.set(`${of} ${value}`, Date.now() + this.behave.token_life_s * 1000);
    this.current.set(of, value);
    return [value, this.behave.token_life_s];
  }

  tokenState(of, value) {
    if (!value) return 'missing';
    const until = this.tokens.get(`${of} ${value}`);
    return until === undefined ? 'unknown' : until > Date.now() ? 'good' : 'expired';
  }

  is(list, user) { return (this.behave[list] ?? []).some((u) => u.toLowerCase() === user.toLowerCase()); }

  isTooFast(of) {
    if (!this.behave.per_second) return false;
    const key = `${of} ${Math.floor(Date.now() / 1000)}`, n = (this.calls.get(key) ?? 0) + 1;
    this.calls.set(key, n);
    if (n > this.behave.per_second) this.stats.throttled++;
    return n > this.behave.per_second;
  }

  add(m) {
    m.read = false;
    m.raised = [];
    m.times = 1;
    m.at = Date.now();
    this.messages.push(m);
    return m;
  }
}

// ---- WeCom ----

const wecom = {
  error(code, more = {}) { return [200, { errcode: code, errmsg: code === 0 ? 'ok' : `error ${code}, hint: [1767323045]`, ...more }]; },

  call(h, r) {
    if (h.isTooFast('wecom')) return this.error(45009);
    if (r.path === '/cgi-bin/gettoken') {
      need(r.method === 'GET', 'wecom_token_method');
      if (r.query.get('corpid') !== ACCOUNT.wecom.corp) return this.error(40013);
      if (r.query.get('corpsecret') !== ACCOUNT.wecom.secret) return this.error(40001);
      const [access_token, expires_in] = h.token('wecom');
      return this.error(0, { access_token, expires_in });
    }
    const state = h.tokenState('wecom', r.query.get('access_token'));
    if (state !== 'good') return this.error({ missing: 41001, unknown: 40014, expired: 42001 }[state]);
    need(r.path === '/cgi-bin/message/send' && r.method === 'POST', 'wecom_path');
    return this.send(h, r.json());
  },

  send(h, b) {
    h.stats.sends++;
    if (b.agentid !== ACCOUNT.wecom.agent) return this.error(40056);
    need(isText(b.touser) && b.touser !== '@all' && b.touser.split('|').length <= 1000, 'wecom_touser');
    need(b.enable_duplicate_check === undefined || [0, 1].includes(b.enable_duplicate_check), 'wecom_duplicate_check');
    need((b.duplicate_check_interval ?? 1800) <= 4 * 3600, 'wecom_duplicate_interval');
    const m = b.msgtype === 'textcard' ? this.textcard(b.textcard) : b.msgtype === 'template_card' ? this.card(b.template_card) : need(false, 'wecom_msgtype');
    const users = b.touser.split('|'), bad = users.filter((u) => h.is('unknown', u) || h.is('out_of_scope', u));
    if (bad.length === users.length) {
      h.stats.refused++;
      return this.error(h.is('unknown', users[0]) && users.length === 1 ? 60111 : 81013, { invaliduser: bad.join('|').toLowerCase() });
    }
    const key = `wecom ${JSON.stringify(b)}`, old = h.seen.get(key);
    if (b.enable_duplicate_check && old && Date.now() - old.at < (b.duplicate_check_interval ?? 1800) * 1000) {
      h.stats.repeated++;
      return this.error(0, { msgid: old.id });
    }
    for (const to of users.filter((u) => !bad.includes(u)))
      h.seen.set(key, h.add({ ...m, of: 'wecom', id: `msg-${++h.serial}`, to }));
    return this.error(0, { invaliduser: bad.join('|').toLowerCase(), invalidparty: '', invalidtag: '', unlicenseduser: '', msgid: h.messages.at(-1).id });
  },

  textcard(c) {
    need(isText(c?.title) && bytes(c.title) <= 128, 'wecom_title');
    need(isText(c.description) && bytes(c.description) <= 512 && !c.description.includes('\ufffd'), 'wecom_description');
    need(/^https?:\/\//.test(c.url) && bytes(c.url) <= 2048, 'wecom_url');
    need([...(c.btntxt ?? '详情')].length <= 4, 'wecom_btntxt');
    const m = /^<div class="gray">(.*)<\/div><div class="normal">([^]*)<\/div>$/.exec(c.description);
    need(m && !/[<>]/.test(m[1] + m[2]), 'wecom_markup');
    return { title: c.title, text: m[2], button: c.btntxt, link: c.url };
  },

  card(c) {
    need(c?.card_type === 'button_interaction', 'wecom_card_type');
    need(/^[\w@-]{1,128}$/.test(c.task_id), 'wecom_task_id');
    need(isText(c.main_title?.title) && [...c.main_title.title].length <= 36 && [...(c.main_title.desc ?? '')].length <= 44, 'wecom_main_title');
    need([...(c.sub_title_text ?? '')].length <= 160, 'wecom_sub_title');
    need(Array.isArray(c.button_list) && c.button_list.length >= 1 && c.button_list.length <= 6, 'wecom_buttons');
    for (const b of c.button_list) need(isText(b.text) && [...b.text].length <= 10 && (b.type === 1 ? /^https?:/.test(b.url) : isText(b.key) && bytes(b.key) <= 1024), 'wecom_button');
    return { title: c.main_title.title, text: c.sub_title_text, button: c.button_list.map((b) => b.text).join(' '), link: c.card_action?.url, task: c.task_id };
  },
};

// ---- DingTalk ----

const dingtalk = {
  error(code, more = {}) { return [200, { errcode: code, errmsg: code === 0 ? 'ok' : `错误 ${code}`, request_id: 'r', ...more }]; },

  call(h, r) {
    if (h.isTooFast('dingtalk')) return this.error(90018);
    if (h.behave.month_calls !== undefined && ++h.month > h.behave.month_calls) return this.error(90020);
    if (r.path === '/gettoken') {
      if (r.query.get('appkey') !== ACCOUNT.dingtalk.key || r.query.get('appsecret') !== ACCOUNT.dingtalk.secret) return this.error(40089);
      const [access_token, expires_in] = h.token('dingtalk');
      return this.error(0, { access_token, expires_in });
    }
    const state = h.tokenState('dingtalk', r.query.get('access_token'));
    if (state !== 'good') return state === 'expired' ? this.error(42001) : this.error(88, { sub_code: '40014', sub_msg: '不合法的access_token' });
    need(r.method === 'POST', 'dingtalk_method');
    const b = r.json();
    need(b.agent_id === ACCOUNT.dingtalk.agent, 'dingtalk_agent');
    if (r.path === '/topapi/message/corpconversation/asyncsend_v2') return this.send(h, b);
    if (r.path === '/topapi/message/corpconversation/getsendresult') return this.result(h, b);
    return need(false, 'dingtalk_path');
  },

  send(h, b) {
    h.stats.sends++;
    need(isText(b.userid_list) && b.userid_list.split(',').length <= 100 && b.to_all_user !== true, 'dingtalk_users');
    need(bytes(JSON.stringify(b.msg)) <= 2048, 'dingtalk_msg_bytes');
    const c = b.msg?.action_card;
    need(b.msg?.msgtype === 'action_card' && isText(c?.title) && [...c.title].length <= 64 && isText(c.markdown), 'dingtalk_card');
    need([...(c.single_title ?? '')].length <= 20 && /^https?:/.test(c.single_url) && c.single_url.length <= 500, 'dingtalk_single');
    need(!/!?\[[^\]]*\]\(/.test(c.markdown) && !/[<>]/.test(c.markdown), 'dingtalk_markup');
    const task = 256271660000 + ++h.serial, who = [];
    for (const to of b.userid_list.split(',')) {
      const key = `dingtalk ${to} ${JSON.stringify(b.msg)} ${new Date().toISOString().slice(0, 10)}`, one = { to };
      if (h.is('unknown', to)) one.invalid = true;
      else if (h.is('protected', to)) one.code = '1430004';
      else if (h.is('left_out', to)) one.code = '143105';
      else if (h.seen.has(key)) { one.code = '143106'; h.stats.repeated++; } else {
        one.message = h.add({ of: 'dingtalk', id: String(task), to, title: c.title, text: c.markdown.split('\n\n').slice(1, -1).join('\n\n'), button: c.single_title, link: c.single_url });
        h.seen.set(key, one.message);
      }
      if (!one.message) h.stats.refused++;
      who.push(one);
    }
    h.tasks.set(task, who);
    return this.error(0, { task_id: task }); // success, whatever becomes of it
  },

  result(h, b) {
    h.stats.polls++;
    const who = h.tasks.get(b.task_id);
    if (!who) return this.error(400002);
    const list = (f) => who.filter(f).map((w) => w.to);
    return this.error(0, { send_result: {
      read_user_id_list: list((w) => w.message?.read), unread_user_id_list: list((w) => w.message && !w.message.read),
      failed_user_id_list: [], invalid_user_id_list: list((w) => w.invalid), forbidden_user_id_list: list((w) => w.code), invalid_dept_id_list: [],
      forbidden_list: who.filter((w) => w.code).map((w) => ({ code: w.code, count: 1, userid: w.to })) } });
  },
};

const dingapi = {
  error(status, code) { return [status, { code, message: '错误', requestid: 'r' }]; },

  call(h, r) {
    if (h.isTooFast('dingapi')) return this.error(403, 'Forbidden.AccessDenied.QpsLimitForAppkeyAndApi');
    if (h.tokenState('dingtalk', r.headers['x-acs-dingtalk-access-token']) !== 'good') return this.error(401, 'InvalidAuthentication');
    need(r.path === '/v1.0/robot/ding/send' && r.method === 'POST', 'dingapi_path');
    const b = r.json();
    h.stats.raises++;
    if (b.robotCode !== ACCOUNT.dingtalk.robot) return this.error(400, 'invalid.chatbotId');
    if (!Array.isArray(b.receiverUserIdList) || !b.receiverUserIdList.length) return this.error(400, 'miss.staffId');
    need([1, 2, 3].includes(b.remindType) && isText(b.content), 'ding_body');
    if (b.receiverUserIdList.length > (b.remindType === 1 ? 200 : 20)) return this.error(400, 'ding.receivercount.limit');
    if (b.remindType > 1 && h.behave.ding_quota !== undefined && h.behave.ding_quota-- <= 0) return this.error(400, 'ding.serverquota.insufficient');
    const bad = b.receiverUserIdList.filter((u) => h.is('unknown', u));
    for (const u of b.receiverUserIdList) h.messages.findLast((m) => m.of === 'dingtalk' && m.to === u)?.raised.push(b.remindType);
    return [200, { openDingId: `ding-${++h.serial}`, failedList: bad.length ? { '用户不存在': bad } : {} }];
  },
};

// ---- Feishu ----

const feishu = {
  error(code, data = {}, headers) {
    return [code === 0 ? 200 : code === 99991400 ? 429 : 400, code === 0 ? { code, msg: 'success', data } : { code, msg: `error ${code}` }, headers];
  },

  call(h, r) {
    if (h.isTooFast('feishu')) return this.error(99991400, {}, { 'x-ogw-ratelimit-reset': '1' });
    if (r.path === '/auth/v3/tenant_access_token/internal') {
      const b = r.json();
      if (b.app_id !== ACCOUNT.feishu.app || b.app_secret !== ACCOUNT.feishu.secret) return [200, { code: 10014, msg: 'app secret invalid' }];
      const [tenant_access_token, expire] = h.token('feishu');
      return [200, { code: 0, msg: 'ok', tenant_access_token, expire }];
    }
    const auth = r.headers.authorization ?? '';
    if (!auth) return this.error(99991661);
    if (!auth.startsWith('Bearer ')) return this.error(99991671);
    if (h.tokenState('feishu', auth.slice(7)) !== 'good') return this.error(99991663);
    const m = /^\/im\/v1\/messages(?:\/([^/]+)\/(\w+))?$/.exec(r.path);
    need(m, 'feishu_path');
    if (!m[1]) return this.send(h, r);
    const message = h.messages.find((x) => x.of === 'feishu' && x.id === decodeURIComponent(m[1]));
    need(['open_id', 'user_id', 'union_id'].includes(r.query.get('user_id_type') ?? 'open_id'), 'feishu_user_id_type');
    if (m[2] === 'read_users') return this.readers(h, r, message);
    return this.urgent(h, r, message, { urgent_app: 1, urgent_sms: 2, urgent_phone: 3 }[m[2]]);
  },

  send(h, r) {
    h.stats.sends++;
    const b = r.json();
    need(r.method === 'POST' && ['open_id', 'union_id', 'user_id', 'email', 'chat_id'].includes(r.query.get('receive_id_type')), 'feishu_receive_id_type');
    need(isText(b.receive_id) && isText(b.uuid) && b.uuid.length <= 50, 'feishu_ids');
    need(b.msg_type === 'interactive' && typeof b.content === 'string' && bytes(b.content) <= 30 * 1024, 'feishu_content');
    const c = JSON.parse(b.content), text = c.elements?.find((e) => e.tag === 'div')?.text, button = c.elements?.find((e) => e.tag === 'action')?.actions?.[0];
    need(isText(c.header?.title?.content) && isText(text?.content) && /^https?:/.test(button?.url), 'feishu_card');
    const user = b.receive_id;
    const refusal = h.is('unknown', user) ? 230034 : h.is('left_out', user) ? 230029 : h.is('out_of_scope', user) ? 230013 : h.is('stopped', user) ? 230053 : 0;
    if (refusal) {
      h.stats.refused++;
      return this.error(refusal);
    }
    const key = `feishu ${b.uuid}`, old = h.seen.get(key);
    if (old && Date.now() - old.at < 3600e3) h.stats.repeated++;
    else h.seen.set(key, h.add({ of: 'feishu', id: `om_${++h.serial}`, to: user, title: c.header.title.content, text: text.content, button: button.text?.content, link: button.url, uuid: b.uuid }));
    return this.error(0, { message_id: h.seen.get(key).id, chat_id: `oc_${user}` });
  },

  readers(h, r, message) {
    h.stats.polls++;
    need(r.method === 'GET' && Number(r.query.get('page_size') ?? 20) <= 100, 'feishu_read_users');
    if (!message) return this.error(230110);
    return this.error(0, { items: message.read ? [{ user_id: message.to, timestamp: String(Date.now()), tenant_key: 'tk' }] : [], has_more: false });
  },

  urgent(h, r, message, level) {
    need(level && r.method === 'PATCH', 'feishu_urgent');
    const b = r.json();
    h.stats.raises++;
    need(Array.isArray(b.user_id_list) && b.user_id_list.length >= 1 && b.user_id_list.length <= 200, 'feishu_user_id_list');
    if (!message) return this.error(230110);
    const bad = b.user_id_list.filter((u) => u !== message.to);
    if (bad.length === b.user_id_list.length) return this.error(230001);
    if (level > 1 && h.behave.buzz_quota !== undefined && h.behave.buzz_quota-- <= 0) return this.error(230024);
    message.raised.push(level);
    return this.error(0, { invalid_user_id_list: bad });
  },
};

// ---- webhook ----

const hook = {
  call(h, r) {
    h.stats.hooks++;
    const id = r.headers['webhook-id'], at = r.headers['webhook-timestamp'], sent = r.headers['webhook-signature'] ?? '';
    need(r.method === 'POST' && isText(id) && /^\d{10}$/.test(at) && Math.abs(Date.now() / 1000 - Number(at)) < 300, 'hook_headers');
    const text = `${id}.${at}.${r.body}`, mac = (md) => crypto.createHmac(md, ACCOUNT.webhook.secret).update(text).digest('base64');
    if (sent !== `v1,${mac('sha256')}` && sent !== `v1sm3,${mac('sm3')}`) {
      h.stats.violations.push('hook_signature');
      return [401, { error: 'signature' }];
    }
    const b = r.json();
    need(b.id === id && isText(b.title) && isText(b.text) && isText(b.kind), 'hook_body');
    const old = h.seen.get(`hook ${id}`);
    if (old) {
      need(old.body === r.body.toString(), 'hook_other_body'); // the same id says the same
      old.times++;
      h.stats.repeated++;
    } else {
      const m = h.add({ of: 'webhook', id, to: b.to ?? r.path, title: b.title, text: b.text, link: b.object });
      m.body = r.body.toString();
      h.seen.set(`hook ${id}`, m);
    }
    return [200, { ok: true }];
  },
};

// ---- what the platforms tell ----

async function tell(h, of, plain) {
  const cb = h.callbacks[of];
  if (!cb) return { ok: false, status: 0, reply: '' };
  const timestamp = String(Math.floor(Date.now() / 1000)), nonce = crypto.randomBytes(6).toString('hex');
  let url = cb, body, headers;
  if (of === 'wecom') {
    const encrypt = wecomSeal(ACCOUNT.wecom.key, ACCOUNT.wecom.corp, plain);
    const q = new URLSearchParams({ msg_signature: wecomSignature(ACCOUNT.wecom.token, timestamp, nonce, encrypt), timestamp, nonce });
    url = `${cb}?${q}`;
    body = `<xml><ToUserName><![CDATA[${ACCOUNT.wecom.corp}]]></ToUserName><AgentID><![CDATA[${ACCOUNT.wecom.agent}]]></AgentID><Encrypt><![CDATA[${encrypt}]]></Encrypt></xml>`;
    headers = { 'content-type': 'text/xml' };
  } else {
    body = JSON.stringify({ encrypt: feishuSeal(ACCOUNT.feishu.encrypt, plain) });
    headers = { 'content-type': 'application/json', 'X-Lark-Request-Timestamp': timestamp, 'X-Lark-Request-Nonce': nonce,
      'X-Lark-Signature': feishuSignature(timestamp, nonce, ACCOUNT.feishu.encrypt, body) };
  }
  const r = await fetch(url, { method: 'POST', headers, body });
  return { ok: r.ok, status: r.status, reply: await r.text() };
}

// The address is saved at the platform: it asks whether it is ours.
async function saveCallback(h, of, url) {
  h.callbacks[of] = url;
  const secret = crypto.randomBytes(8).toString('hex');
  if (of === 'feishu') {
    const r = await tell(h, of, JSON.stringify({ challenge: secret, token: ACCOUNT.feishu.token, type: 'url_verification' }));
    return { ...r, ok: r.ok && JSON.parse(r.reply).challenge === secret };
  }
  const echostr = wecomSeal(ACCOUNT.wecom.key, ACCOUNT.wecom.corp, secret), timestamp = String(Math.floor(Date.now() / 1000)), nonce = '7';
  const q = new URLSearchParams({ msg_signature: wecomSignature(ACCOUNT.wecom.token, timestamp, nonce, echostr), timestamp, nonce, echostr });
  const r = await fetch(`${url}?${q}`), reply = await r.text();
  return { ok: r.ok && reply === secret, status: r.status, reply };
}

const cdata = (o) => `<xml>${Object.entries(o).map(([k, v]) => `<${k}>${typeof v === 'number' ? v : `<![CDATA[${v}]]>`}</${k}>`).join('')}</xml>`;

async function control(h, method, path, b) {
  if (path === '/messages') return h.messages.map(({ at, body, ...m }) => m);
  if (path === '/stats') return { ...h.stats, messages: h.messages.length };
  if (path === '/reset') h.reset();
  else if (path === '/expire') for (const k of h.tokens.keys()) h.tokens.set(k, 0);
  else if (path === '/behave') {
    const { answer, ...keep } = b;
    Object.assign(h.behave, keep);
    if (answer) h.planned.push({ times: 1, ...answer });
  } else if (path === '/read') {
    const read = h.messages.filter((m) => m.of === b.of && m.to === b.to && !m.read);
    for (const m of read) m.read = true;
    if (b.of === 'feishu' && h.callbacks.feishu && read.length)
      return tell(h, 'feishu', JSON.stringify({ schema: '2.0', header: { event_id: crypto.randomUUID(), token: ACCOUNT.feishu.token, app_id: ACCOUNT.feishu.app,
        event_type: 'im.message.message_read_v1', create_time: String(Date.now()) },
      event: { reader: { reader_id: { open_id: b.to }, read_time: String(Date.now()) }, message_id_list: read.map((m) => m.id) } }));
    return { ok: true, n: read.length };
  } else if (path === '/click') {
    const m = h.messages.find((x) => x.of === 'wecom' && (x.id === b.id || x.task === b.id));
    if (!m?.task) throw new Error('no such card');
    m.read = true;
    return tell(h, 'wecom', cdata({ ToUserName: ACCOUNT.wecom.corp, FromUserName: m.to, CreateTime: Math.floor(Date.now() / 1000), MsgType: 'event',
      Event: 'template_card_event', EventKey: b.key ?? 'ack', TaskId: m.task, CardType: 'button_interaction', ResponseCode: 'rc', AgentID: ACCOUNT.wecom.agent }));
  } else if (path === '/callback') return saveCallback(h, b.of, b.url);
  else throw new Error(`no such command: ${method} ${path}`);
  return { ok: true };
}

// ---- servers ----

const ROOMS = { wecom, dingtalk, dingapi, feishu, hook };
const whole = (req) => new Promise((done) => { const c = []; req.on('data', (d) => c.push(d)); req.on('end', () => done(Buffer.concat(c))); });

function reply(res, [status, body, headers = {}]) {
  const b = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  res.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'content-length': b.length, ...headers });
  res.end(b);
}

async function serve(h, req, res) {
  const url = new URL(req.url, 'http://x'), [, of, rest] = /^\/(\w+)(.*)$/.exec(url.pathname) ?? [], body = await whole(req);
  const r = { method: req.method, path: rest, query: url.searchParams, headers: req.headers, body,
    json() { need(/^application\/json/.test(req.headers['content-type'] ?? ''), `${of}_content_type`); return JSON.parse(body.toString()); } };
  const plan = h.planned.find((p) => p.of === of && p.times > 0 && (!p.what || rest.includes(p.what)));
  let out;
  try {
    need(ROOMS[of], 'no_such_room');
    if (plan) {
      plan.times--;
      if (plan.take) ROOMS[of].call(h, r); // it is taken, and the answer is this all the same
      out = [plan.status ?? 200, plan.body ?? '', plan.headers];
    } else out = ROOMS[of].call(h, r);
  } catch (e) {
    h.stats.violations.push(e instanceof Bad ? e.message : `${of}: ${e.message}`);
    out = [400, { errcode: 40058, code: 230001, errmsg: e.message }];
  }
  if (h.behave.silent || plan?.drop) return void req.socket.destroy();
  if (h.behave.slow_ms) await new Promise((d) => setTimeout(d, h.behave.slow_ms));
  reply(res, out);
}

const listen = (server, port) => new Promise((done) => server.listen(port, '127.0.0.1', () => done(server.address().port)));

export async function start({ port = 0, control: controlPort = 0 } = {}) {
  const h = new House();
  const server = http.createServer((req, res) => { void serve(h, req, res); });
  const steer = http.createServer(async (req, res) => {
    try {
      const body = await whole(req);
      reply(res, [200, await control(h, req.method, req.url, body.length ? JSON.parse(body.toString()) : {})]);
    } catch (e) {
      reply(res, [400, { error: String(e.message) }]);
    }
  });
  return { port: await listen(server, port), control: await listen(steer, controlPort), house: h,
    async stop() {
      for (const s of [server, steer]) {
        s.closeAllConnections();
        await new Promise((d) => s.close(d));
      }
    } };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { port: { type: 'string', default: '0' }, control: { type: 'string', default: '0' }, 'self-test': { type: 'boolean' } } });
  if (values['self-test']) selfTest();
  else {
    const o = await start({ port: Number(values.port), control: Number(values.control) });
    console.log(JSON.stringify({ port: o.port, control: o.control }));
    for (const s of ['SIGTERM', 'SIGINT']) process.on(s, () => process.exit(0));
  }
}
