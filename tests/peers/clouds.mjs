// SPDX-License-Identifier: Apache-2.0
//
// Alibaba Cloud (SMS, voice), Tencent Cloud (SMS, voice) and WeChat (mini-program, official account) for tests: one HTTP server
// that is told apart by the header Host, strict about signatures, templates and consents, steered by a control port. Written
// from the providers' rules alone; its self-test holds the signatures to published examples.
//
//   node tests/peers/clouds.mjs [--port 0] [--control 0] [--log FILE]
//   prints {"port":N,"control":M} once it listens; --self-test checks itself and exits.
//   In a test: const c = await start({ accounts, log }); ... await c.stop()
//
// Control port (HTTP, JSON):
//   GET  /messages  accepted [{n, provider, to, template, values, sign, id, ref, at, answered}]
//   GET  /stats     counters by word, violations, receipts posted [{url, status, body}]
//   POST /set       accounts (see `defaults`), merged one level deep
//   POST /behave    any of: throttle_every n (each n-th call), rate_per_s n, fail {number or openid: code} (of this one), status n
//                   (that HTTP status, not taken), silent n (the next n are taken, never answered), drop n (taken, connection
//                   closed), rubbish n (taken, answered with no JSON), slow_ms, report {number or openid: word}, report_delay_ms,
//                   report_before_answer, duplicate_reports, report_retry_ms
//   POST /consent   {openid, template, count, tell: bool} (count -1: any number; tell: the event is posted, too)
//   POST /event     {provider: "wechat_mini"|"wechat_mp", event: {...}, xml: bool}: posted to the address of its receipts, signed
//   POST /expire    the tokens handed out so far are no longer good
//   POST /reset     messages, counters and behaviour as at the start
import http from 'node:http';
import fs from 'node:fs';
import crypto from 'node:crypto';
import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';

const sha256 = (s) => crypto.createHash('sha256').update(s).digest('hex');
const sha1 = (s) => crypto.createHash('sha1').update(s).digest('hex');
const hmac = (key, s) => crypto.createHmac('sha256', key).update(s).digest();
const rfc3986 = (s) => encodeURIComponent(s).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

// ---- accounts ----

const defaults = () => ({
  aliyun: {
    keys: { testid: 'testsecret' },
    signs: ['某市政务'],
    per_minute: 0,
    per_hour: 0,
    per_day: 50,
    sms: { SMS_100000001: '任务${task}，${words}，请登录掌办办理。' },
    voice: { TTS_100000001: '请到${place}，时间${time}，谢谢。' },
  },
  tencent: {
    keys: { testid: 'testsecret' },
    signs: ['某市政务'],
    apps: ['1400000001', '1400006666'],
    per_30s: 0,
    per_hour: 0,
    per_day: 50,
    sms: { 100001: '您有新任务：{1}。' },
    voice: { 4356: '您有新任务，{1}。' },
  },
  wechat: {
    apps: { wx1234567890: 'wxsecret' },
    token_life_s: 7200,
    followers: [],
    templates: { 'TPL-1': ['thing1', 'time2', 'thing3'], 'TPL-2': ['phrase1', 'character_string2'] },
  },
  // where receipts go: {aliyun_sms, tencent_sms, aliyun_voice, tencent_voice, wechat_mini, wechat_mp}: address
  receipts: {},
  wechat_token: 'tok3n',
});

// ---- signatures ----

function acs3(method, path, query, headers, body, secret, signedHeaders) {
  const canonical = [
    method,
    path,
    query,
    signedHeaders.map((h) => `${h}:${String(headers[h]).trim()}\n`).join(''),
    signedHeaders.join(';'),
    sha256(body),
  ].join('\n');
  return { canonical: sha256(canonical), signature: hmac(secret, `ACS3-HMAC-SHA256\n${sha256(canonical)}`).toString('hex') };
}

function tc3(headers, body, secret, service, timestamp, signedHeaders) {
  const lines = signedHeaders.map((h) => `${h}:${String(headers[h]).trim().toLowerCase()}\n`).join('');
  const canonical = `POST\n/\n\n${lines}\n${signedHeaders.join(';')}\n${sha256(body)}`;
  const date = new Date(timestamp * 1000).toISOString().slice(0, 10),
    scope = `${date}/${service}/tc3_request`;
  const key = hmac(hmac(hmac(`TC3${secret}`, date), service), 'tc3_request');
  return {
    canonical: sha256(canonical),
    scope,
    signature: hmac(key, `TC3-HMAC-SHA256\n${timestamp}\n${scope}\n${sha256(canonical)}`).toString('hex'),
  };
}

function selfTest() {
  const nonce = '3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf';
  const ali = (host, action) => ({
    host,
    'x-acs-action': action,
    'x-acs-version': '2017-05-25',
    'x-acs-date': '2026-01-02T03:04:05Z',
    'x-acs-signature-nonce': nonce,
    'x-acs-content-sha256': sha256(''),
  });
  const signed = ['host', 'x-acs-action', 'x-acs-content-sha256', 'x-acs-date', 'x-acs-signature-nonce', 'x-acs-version'];
  for (const [host, action, query, canonical, signature] of [
    [
      'dysmsapi.aliyuncs.com',
      'SendSms',
      `PhoneNumbers=13800138000&SignName=${rfc3986('某市政务')}&TemplateCode=SMS_100000001&TemplateParam=${rfc3986('{"code":"1234"}')}`,
      'e98ed09359e08ca65e9ac0b189626768cffd7fbb6ef9986fe6e60be12eafcef6',
      '04ba9533c18090dcfffa6f99c4b96d7f87bd72097daee181f1c269b317bf28ae',
    ],
    [
      'dyvmsapi.aliyuncs.com',
      'SingleCallByTts',
      `CalledNumber=13800138000&OutId=m-1&PlayTimes=2&TtsCode=TTS_100000001&TtsParam=${rfc3986('{"place":"三楼","time":"九点"}')}`,
      'e50237c9c54c708eec39e909a52da65ba390db398d64e25839aabddb57ae9ffb',
      'e314e0e65b3820e179817f03b4dd60ba8420c8b323e9212aa5ac42827f3e62f2',
    ],
  ])
    assert.deepEqual(acs3('POST', '/', query, ali(host, action), '', 'testsecret', signed), { canonical, signature });
  const sms =
    '{"PhoneNumberSet":["+8613800138000"],"SmsSdkAppId":"1400000001","SignName":"某市政务","TemplateId":"100001",' +
    '"TemplateParamSet":["1234"],"SessionContext":"m-1"}';
  const vms =
    '{"TemplateId":"4356","CalledNumber":"+8613800138000","VoiceSdkAppid":"1400006666","TemplateParamSet":["7652"],' +
    '"PlayTimes":2,"SessionContext":"m-1"}';
  for (const [service, action, body, a, b] of [
    [
      'sms',
      'SendSms',
      sms,
      '277d50bdc0a91d7d0ddb4353c0fe24e394fb0e4e9e797c3f9e827ae46b981621',
      '3e25c1e44c0d7f57507a28d9dc7dd4880c41285291711704bd76a62d59a32f05',
    ],
    [
      'vms',
      'SendTtsVoice',
      vms,
      '5886eef0c6046019a405e4d0937908a721382f781613a79b0a27bfc26ab9ddc9',
      '083b2d6fa8a7439a3d396f595b89173df450d82ec43aa8ffeafea60697c3f366',
    ],
  ]) {
    const h = { host: `${service}.tencentcloudapi.com`, 'content-type': 'application/json', 'x-tc-action': action };
    assert.equal(tc3(h, body, 'testsecret', service, 1767323045, ['content-type', 'host']).signature, a);
    h['content-type'] = 'application/json; charset=utf-8';
    assert.equal(tc3(h, body, 'testsecret', service, 1767323045, ['content-type', 'host', 'x-tc-action']).signature, b);
  }
  for (const [key, good, bad] of [
    ['thing1', '二十字以内', '一二三四五六七八九十一二三四五六七八九十一'],
    ['phrase1', '临近到期', '逾期1天'],
    ['character_string1', 'A-1', '编号'],
    ['time1', '2019年10月1日 15:01', '2019-10-01'],
    ['number1', '1.5', 'x'],
  ])
    assert.ok(valueOk(key, good) && !valueOk(key, bad), key);
  console.log('clouds self-test: ok');
}

// ---- WeChat values ----

const CLOCK = '([01]?\\d|2[0-3]):[0-5]\\d(:[0-5]\\d)?',
  DATE = '\\d{4}年\\d{1,2}月\\d{1,2}日';
const VALUE = {
  thing: /^.{1,20}$/su,
  number: /^-?[\d.]{1,33}$/,
  letter: /^[a-z]{1,32}$/i,
  symbol: /^[^\p{L}\p{N}\s]{1,5}$/u,
  character_string: /^[\x21-\x7e]{1,32}$/,
  time: new RegExp(`^(${DATE} ?)?${CLOCK}(~(${DATE} ?)?${CLOCK})?$`),
  date: new RegExp(`^${DATE}( ?${CLOCK})?(~${DATE}( ?${CLOCK})?)?$`),
  amount: /^[¥￥$€£]?\d{1,10}(\.\d+)?元?$/,
  phone_number: /^[\x21-\x40\x5b-\x60\x7b-\x7e]{1,17}$/,
  car_number: /^.{1,8}$/su,
  name: /^([\x21-\x7e]{1,20}|.{1,10})$/su,
  phrase: /^\p{Script=Han}{1,5}$/u,
  enum: /^.+$/su,
};
const valueOk = (key, value) => VALUE[key.replace(/\d+$/, '')]?.test(value) ?? false;

// ---- the server ----

export async function start(options = {}) {
  const log = options.log ? fs.openSync(options.log, 'a') : null;
  let accounts,
    messages,
    behave,
    stats,
    nonces,
    consents,
    tokens,
    calls,
    clientIds,
    recent,
    serial = 0;
  const timers = new Set();

  function reset() {
    for (const t of timers) clearTimeout(t);
    timers.clear();
    accounts = defaults();
    messages = [];
    behave = {};
    nonces = new Set();
    consents = new Map();
    tokens = [];
    clientIds = new Map();
    calls = 0;
    recent = [];
    stats = { calls: 0, accepted: 0, refused: {}, violations: [], tokens: 0, throttled: 0, posts: [] };
    set(options.accounts ?? {});
  }
  function set(what) {
    for (const [k, v] of Object.entries(what)) {
      if (!(k in accounts)) throw new Error(`no such account: ${k}`);
      accounts[k] = typeof v === 'object' ? { ...accounts[k], ...v } : v;
    }
  }
  const later = (ms, f) => {
    const t = setTimeout(() => {
      timers.delete(t);
      f();
    }, ms);
    timers.add(t);
  };
  const violation = (word) => {
    if (stats.violations.length < 100) stats.violations.push(word);
  };
  const since = (provider, to, ms) =>
    messages.filter((m) => m.provider === provider && m.to === to && m.at > Date.now() - ms).length;
  const nextRef = (form) => form.replace('#', String(++serial));
  const consentKey = (openid, template) => `${openid} ${template}`;
  // Over the allowed rate of the last second, or each n-th call.
  function tooFast() {
    const now = Date.now();
    recent = recent.filter((at) => at > now - 1000);
    if (behave.throttle_every && calls % behave.throttle_every === 0) return true;
    if (behave.rate_per_s && recent.length >= behave.rate_per_s) return true;
    recent.push(now);
    return false;
  }
  const less = (name) => behave[name] > 0 && behave[name]-- > 0;

  function accept(provider, to, rest) {
    const row = { n: messages.length + 1, provider, to, at: Date.now(), answered: true, ...rest };
    messages.push(row);
    stats.accepted++;
    if (log !== null) fs.writeSync(log, `${JSON.stringify(row)}\n`);
    return row;
  }

  // A post to us: 1, 5 and 10 units later again until it is heard (unit: a minute, or report_retry_ms).
  async function post(url, body, want, at = 0) {
    const unit = behave.report_retry_ms ?? 60000;
    const type = body.startsWith('<') ? 'text/xml' : 'application/json';
    let status = 0,
      text = '';
    try {
      const r = await fetch(url, { method: 'POST', body, headers: { 'content-type': type } });
      [status, text] = [r.status, await r.text()];
    } catch {
      /* nobody there */
    }
    stats.posts.push({ url, status, body, reply: text });
    if ((status !== 200 || !want(text)) && at < 3) later(unit * [1, 5, 10][at], () => post(url, body, want, at + 1));
  }

  function report(provider, to, body, want, sign) {
    const base = accounts.receipts[provider];
    if (!base) return;
    const url = sign ? `${base}${base.includes('?') ? '&' : '?'}${sign()}` : base;
    const go = () => {
      for (let i = 0; i < (behave.duplicate_reports ? 2 : 1); i++) void post(url, body, want);
    };
    if (behave.report_before_answer) go();
    else later(behave.report_delay_ms ?? 1, go);
  }
  const wechatSign = () => {
    const timestamp = String(Math.floor(Date.now() / 1000)),
      nonce = String(crypto.randomInt(1e9));
    return `signature=${sha1([accounts.wechat_token, timestamp, nonce].sort().join(''))}&timestamp=${timestamp}&nonce=${nonce}`;
  };

  // ---- Alibaba Cloud ----
  function aliyun(req, url, body) {
    const a = accounts.aliyun,
      h = req.headers,
      refuse = (status, Code, Message = Code) => ({ status, json: { Code, Message, RequestId: 'r' } });
    const auth = /^ACS3-HMAC-SHA256 Credential=([^,]+),SignedHeaders=([^,]+),Signature=([0-9a-f]{64})$/.exec(
      h.authorization ?? '',
    );
    if (!auth) return refuse(400, 'IncompleteSignature');
    const signed = auth[2].split(';'),
      secret = a.keys[auth[1]];
    for (const must of ['host', 'x-acs-action', 'x-acs-version', 'x-acs-date', 'x-acs-signature-nonce', 'x-acs-content-sha256'])
      if (!signed.includes(must) || h[must] === undefined) return refuse(400, 'IncompleteSignature');
    if ([...signed].sort().join() !== signed.join()) return refuse(400, 'IncompleteSignature');
    if (!secret) return refuse(404, 'InvalidAccessKeyId.NotFound');
    const query = url.search.slice(1);
    if (query !== query.split('&').sort().join('&')) violation('query_not_sorted');
    if (
      h['x-acs-content-sha256'] !== sha256(body) ||
      acs3(req.method, url.pathname, query, h, body, secret, signed).signature !== auth[3]
    )
      return refuse(400, 'SignatureDoesNotMatch');
    if (Math.abs(Date.parse(h['x-acs-date']) - Date.now()) > 15 * 60e3) return refuse(400, 'InvalidTimeStamp.Expired');
    if (nonces.has(h['x-acs-signature-nonce'])) return refuse(400, 'SignatureNonceUsed');
    nonces.add(h['x-acs-signature-nonce']);
    if (h['x-acs-version'] !== '2017-05-25') return refuse(400, 'InvalidVersion');
    const voice = h.host === 'dyvmsapi.aliyuncs.com',
      q = url.searchParams;
    if (h['x-acs-action'] !== (voice ? 'SingleCallByTts' : 'SendSms')) return refuse(404, 'InvalidAction.NotFound');
    const to = q.get(voice ? 'CalledNumber' : 'PhoneNumbers') ?? '',
      code = q.get(voice ? 'TtsCode' : 'TemplateCode'),
      provider = voice ? 'aliyun_voice' : 'aliyun_sms';
    if (tooFast()) return refuse(400, 'Throttling.User');
    if (behave.fail?.[to]) return refuse(200, behave.fail[to]);
    if (!/^1[3-9]\d{9}$/.test(to)) return refuse(200, 'isv.MOBILE_NUMBER_ILLEGAL');
    if (!voice && !a.signs.includes(q.get('SignName'))) return refuse(200, 'isv.SMS_SIGNATURE_ILLEGAL');
    const text = (voice ? a.voice : a.sms)[code];
    if (text === undefined) return refuse(200, voice ? 'isv.TTS_TEMPLATE_ILLEGAL' : 'isv.SMS_TEMPLATE_ILLEGAL');
    let values;
    try {
      values = JSON.parse(q.get(voice ? 'TtsParam' : 'TemplateParam') ?? '{}');
    } catch {
      return refuse(200, 'isv.INVALID_JSON_PARAM');
    }
    for (const [, name] of text.matchAll(/\$\{(\w+)\}/g))
      if (typeof values[name] !== 'string') return refuse(200, 'isv.TEMPLATE_MISSING_PARAMETERS');
    if (Object.values(values).some((v) => /https?:/i.test(v))) return refuse(200, 'isv.PARAM_NOT_SUPPORT_URL');
    if (voice && (q.get('OutId') ?? '').length > 15) return refuse(200, 'isv.INVALID_PARAMETERS');
    if (voice && [...Object.values(values).join('')].length >= 250) return refuse(200, 'isv.PARAM_LENGTH_LIMIT');
    for (const [limit, ms, words] of [
      [a.per_minute, 60e3, '分钟级'],
      [a.per_hour, 3600e3, '小时级'],
      [a.per_day, 86400e3, '天级'],
    ])
      if (limit && since(provider, to, ms) >= limit)
        return refuse(200, 'isv.BUSINESS_LIMIT_CONTROL', `触发${words}流控Permits:${limit}`);
    const ref = nextRef(voice ? '116000000000^1#' : '9006197469364984#^0'),
      id = q.get('OutId') ?? '';
    const row = accept(provider, to, {
      template: code,
      values,
      sign: q.get('SignName') ?? '',
      id,
      ref,
      text: text.replace(/\$\{(\w+)\}/g, (_, n) => values[n]),
    });
    const word = behave.report?.[to];
    const body1 = voice
      ? [{ call_id: ref, out_id: id, callee: to, status_code: word ?? '200000', status_msg: '' }]
      : [
          {
            phone_number: to,
            send_time: '',
            report_time: '',
            success: !word,
            err_code: word ?? 'DELIVERED',
            err_msg: '',
            sms_size: '1',
            biz_id: ref,
            out_id: id,
          },
        ];
    if (word !== 'none') report(provider, to, JSON.stringify(body1), (t) => JSON.parse(t).code === 0);
    return { row, json: { Code: 'OK', Message: 'OK', RequestId: 'r', [voice ? 'CallId' : 'BizId']: ref } };
  }

  // ---- Tencent Cloud ----
  function tencent(req, url, body) {
    const t = accounts.tencent,
      h = req.headers,
      service = h.host.split('.')[0],
      voice = service === 'vms',
      provider = voice ? 'tencent_voice' : 'tencent_sms';
    const refuse = (Code) => ({ json: { Response: { Error: { Code, Message: Code }, RequestId: 'r' } }, code: Code });
    const auth = /^TC3-HMAC-SHA256 Credential=([^/]+)\/([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      h.authorization ?? '',
    );
    const timestamp = Number(h['x-tc-timestamp']);
    if (!auth || !Number.isInteger(timestamp)) return refuse('AuthFailure.InvalidAuthorization');
    if (Math.abs(timestamp * 1000 - Date.now()) > 300e3) return refuse('AuthFailure.SignatureExpire');
    const secret = t.keys[auth[1]],
      signed = auth[3].split(';');
    if (!secret) return refuse('AuthFailure.SecretIdNotFound');
    const want = tc3(h, body, secret, service, timestamp, signed);
    if (!signed.includes('content-type') || !signed.includes('host') || auth[2] !== want.scope || auth[4] !== want.signature)
      return refuse('AuthFailure.SignatureFailure');
    if (h['x-tc-version'] !== (voice ? '2020-09-02' : '2021-01-11')) return refuse('NoSuchVersion');
    if (h['x-tc-action'] !== (voice ? 'SendTtsVoice' : 'SendSms')) return refuse('InvalidAction');
    if (!h['x-tc-region']) return refuse('MissingParameter');
    if (tooFast()) return refuse('RequestLimitExceeded');
    let b;
    try {
      b = JSON.parse(body);
    } catch {
      return refuse('InvalidParameter');
    }
    if (!t.apps.includes(b[voice ? 'VoiceSdkAppid' : 'SmsSdkAppId']))
      return refuse(voice ? 'InvalidParameterValue.SdkAppidNotExist' : 'InvalidParameterValue.SdkAppIdNotExist');
    const number = voice ? b.CalledNumber : b.PhoneNumberSet?.[0],
      to = String(number).replace(/^\+86/, ''),
      text = (voice ? t.voice : t.sms)[b.TemplateId];
    const one = (Code, SerialNo = '') =>
      voice && Code !== 'Ok'
        ? refuse(Code)
        : {
            code: Code,
            json: {
              Response: {
                RequestId: 'r',
                ...(voice
                  ? { SendStatus: { CallId: SerialNo, SessionContext: b.SessionContext } }
                  : {
                      SendStatusSet: [
                        {
                          SerialNo,
                          PhoneNumber: number,
                          Fee: Code === 'Ok' ? 1 : 0,
                          SessionContext: b.SessionContext,
                          Code,
                          Message: Code,
                          IsoCode: 'CN',
                        },
                      ],
                    }),
              },
            },
          };
    if (behave.fail?.[to]) return one(behave.fail[to]);
    if (!/^\+861[3-9]\d{9}$/.test(number))
      return one(voice ? 'InvalidParameterValue.CalledNumberVerifyFail' : 'InvalidParameterValue.IncorrectPhoneNumber');
    if (!voice && !t.signs.includes(b.SignName)) return one('FailedOperation.SignatureIncorrectOrUnapproved');
    if (text === undefined) return one('FailedOperation.TemplateIncorrectOrUnapproved');
    const values = b.TemplateParamSet ?? [],
      wanted = new Set([...text.matchAll(/\{(\d+)\}/g)].map((m) => m[1])).size;
    if (!Array.isArray(values) || values.length !== wanted || values.some((v) => typeof v !== 'string'))
      return one('FailedOperation.TemplateIncorrectOrUnapproved');
    const full = text.replace(/\{(\d+)\}/g, (_, n) => values[n - 1]);
    if ([...full].length + (voice ? 0 : [...b.SignName].length + 2) > (voice ? 350 : 500))
      return one('InvalidParameterValue.ContentLengthLimit');
    for (const [limit, ms, name] of [
      [t.per_30s, 30e3, 'PhoneNumberThirtySecondLimit'],
      [t.per_hour, 3600e3, 'PhoneNumberOneHourLimit'],
      [t.per_day, 86400e3, 'PhoneNumberDailyLimit'],
    ])
      if (limit && since(provider, to, ms) >= limit) return one(`LimitExceeded.${voice ? 'DeliveryFrequencyLimit' : name}`);
    const ref = nextRef('2640:179#'),
      word = behave.report?.[to];
    const row = accept(provider, to, {
      template: b.TemplateId,
      values,
      sign: b.SignName ?? '',
      id: b.SessionContext ?? '',
      ref,
      text: full,
    });
    const call = { callid: ref, mobile: to, nationcode: '86' };
    const said = voice
      ? word?.startsWith('key')
        ? { voicekey_callback: { keypress: word.slice(3), ...call } }
        : word
          ? { voice_failure_callback: { failure_code: Number(word), failure_reason: '', ...call } }
          : { voiceprompt_callback: { result: '0', ...call } }
      : [
          {
            user_receive_time: '',
            nationcode: '86',
            mobile: to,
            report_status: word ? 'FAIL' : 'SUCCESS',
            errmsg: word ?? 'DELIVRD',
            description: '',
            sid: ref,
          },
        ];
    if (word !== 'none') report(provider, to, JSON.stringify(said), (x) => JSON.parse(x).result === 0);
    return { row, ...one('Ok', ref) };
  }

  // ---- WeChat ----
  function stableToken(b) {
    const w = accounts.wechat,
      bad = (errcode, errmsg) => ({ json: { errcode, errmsg: `${errmsg} rid: 1-2-3` }, code: errcode });
    if (b.grant_type !== 'client_credential') return bad(40002, 'invalid grant_type');
    if (!(b.appid in w.apps)) return bad(40013, 'invalid appid');
    if (w.apps[b.appid] !== b.secret) return bad(40125, 'invalid appsecret');
    const now = Date.now(),
      last = tokens.filter((t) => t.appid === b.appid).at(-1);
    if (b.force_refresh)
      tokens
        .filter((t) => t.appid === b.appid)
        .forEach((t) => {
          t.until = now;
        });
    else if (last && !last.expired && last.until - now > 300e3)
      return { json: { access_token: last.token, expires_in: Math.floor((last.until - now) / 1000) } };
    const token = `T${crypto.randomBytes(24).toString('base64')}`; // with + and /, which a careless client does not encode
    tokens.push({ appid: b.appid, token, until: now + Math.max(300, w.token_life_s) * 1000 });
    stats.tokens++;
    return { json: { access_token: token, expires_in: Math.max(300, w.token_life_s) } };
  }

  function wechat(req, url, body) {
    const w = accounts.wechat,
      bad = (errcode, errmsg) => ({ json: { errcode, errmsg: `${errmsg} rid: 1-2-3` }, code: errcode });
    let b;
    try {
      b = JSON.parse(body);
    } catch {
      return bad(47001, 'data format error');
    }
    if (req.method !== 'POST') return bad(43002, 'require POST method');
    if (url.pathname === '/cgi-bin/stable_token') return stableToken(b);
    const mini = url.pathname === '/cgi-bin/message/subscribe/send',
      provider = mini ? 'wechat_mini' : 'wechat_mp';
    if (!mini && url.pathname !== '/cgi-bin/message/template/send') return { status: 404, text: 'not found' };
    const token = tokens.find((t) => t.token === url.searchParams.get('access_token'));
    if (!token) return bad(40001, 'invalid credential, access_token is invalid or not latest');
    if (token.expired || token.until <= Date.now()) return bad(42001, 'access_token expired');
    if (tooFast()) return bad(45011, 'api freq out of limit');
    const { touser, template_id: template, data } = b;
    if (behave.fail?.[touser]) return bad(Number(behave.fail[touser]), 'as told');
    if (!/^o[\w-]{9,63}$/.test(touser ?? '')) return bad(40003, 'invalid openid');
    const keys = w.templates[template];
    if (!keys) return bad(40037, 'invalid template_id');
    for (const key of keys)
      if (!valueOk(key, data?.[key]?.value ?? '')) return bad(47003, `argument invalid! data.${key}.value invalid`);
    if (mini) {
      const key = consentKey(touser, template),
        left = consents.get(key) ?? 0;
      if (left === 0) return bad(43101, 'user refuse to accept the msg');
      if (left > 0) consents.set(key, left - 1);
    } else {
      if (!w.followers.includes(touser)) return bad(43004, 'require subscribe');
      if (b.client_msg_id && clientIds.has(b.client_msg_id))
        return { code: 'duplicate', json: { errcode: 0, errmsg: 'ok', msgid: BigInt(clientIds.get(b.client_msg_id)) } };
    }
    const ref = String(1864323726461255680n + BigInt(++serial)),
      word = behave.report?.[touser];
    if (!mini && b.client_msg_id) clientIds.set(b.client_msg_id, ref);
    const row = accept(provider, touser, {
      template,
      values: Object.fromEntries(keys.map((k) => [k, data[k].value])),
      id: b.client_msg_id ?? '',
      ref,
      page: b.page ?? b.url ?? '',
      sign: '',
    });
    const event = mini
      ? {
          Event: 'subscribe_msg_sent_event',
          List: [{ TemplateId: template, MsgID: ref, ErrorCode: word ?? '0', ErrorStatus: word ? 'failed' : 'success' }],
        }
      : { Event: 'TEMPLATESENDJOBFINISH', MsgID: ref, Status: word ?? 'success' };
    if (word !== 'none') report(provider, touser, eventBody({ FromUserName: touser, ...event }, !mini), () => true, wechatSign);
    return { row, json: { errcode: 0, errmsg: 'ok', msgid: BigInt(ref) } };
  }

  const xml = (o) =>
    Object.entries(o)
      .map(([k, v]) =>
        Array.isArray(v)
          ? v.map((e) => `<${k}>${xml(e)}</${k}>`).join('')
          : typeof v === 'object'
            ? `<${k}>${xml(v)}</${k}>`
            : /^\d+$/.test(v)
              ? `<${k}>${v}</${k}>`
              : `<${k}><![CDATA[${v}]]></${k}>`,
      )
      .join('');
  function eventBody(event, asXml) {
    const whole = { ToUserName: 'gh_1', CreateTime: Math.floor(Date.now() / 1000), MsgType: 'event', ...event };
    return asXml ? `<xml>${xml(whole)}</xml>` : JSON.stringify(whole);
  }

  // ---- both ports ----
  const json = (o) => JSON.stringify(o, (_, v) => (typeof v === 'bigint' ? `@big${v}@` : v)).replace(/"@big(\d+)@"/g, '$1');
  const read = (req) =>
    new Promise((done, failed) => {
      const parts = [];
      req
        .on('data', (c) => parts.push(c))
        .on('end', () => done(Buffer.concat(parts).toString()))
        .on('error', failed);
    });

  const server = http.createServer(async (req, res) => {
    const body = await read(req),
      url = new URL(req.url, 'http://x');
    stats.calls++;
    calls++;
    const one = {
      'dysmsapi.aliyuncs.com': aliyun,
      'dyvmsapi.aliyuncs.com': aliyun,
      'sms.tencentcloudapi.com': tencent,
      'vms.tencentcloudapi.com': tencent,
      'api.weixin.qq.com': wechat,
    }[req.headers.host];
    const isToken = url.pathname === '/cgi-bin/stable_token';
    if (behave.status && !isToken) {
      res.writeHead(behave.status).end();
      return;
    }
    const out = one ? one(req, url, body) : { status: 421, text: 'which provider?' };
    if (!one) violation(`host ${req.headers.host}`);
    if (!out.row && !isToken) {
      const word = String(out.code ?? out.json?.Code ?? out.status ?? 'none');
      stats.refused[word] = (stats.refused[word] ?? 0) + 1;
      if (/^Throttling|^RequestLimit|^45011/.test(word)) stats.throttled++;
    }
    const lost = out.row && (less('silent') ? 'silent' : less('drop') ? 'drop' : less('rubbish') ? 'rubbish' : '');
    if (lost) out.row.answered = false;
    if (lost === 'silent') return;
    if (lost === 'drop') {
      req.socket.destroy();
      return;
    }
    const answer = () => {
      if (lost === 'rubbish') res.writeHead(200).end('<html>gateway</html>');
      else if (out.json) res.writeHead(out.status ?? 200, { 'content-type': 'application/json' }).end(json(out.json));
      else res.writeHead(out.status).end(out.text);
    };
    if (behave.slow_ms) later(behave.slow_ms, answer);
    else answer();
  });

  async function event(provider, what, asXml) {
    const base = accounts.receipts[provider];
    await post(`${base}${base.includes('?') ? '&' : '?'}${wechatSign()}`, eventBody(what, asXml), () => true);
  }

  async function command(path, b) {
    if (path === '/behave') Object.assign(behave, b);
    else if (path === '/set') set(b);
    else if (path === '/reset') reset();
    else if (path === '/expire')
      tokens.forEach((t) => {
        t.expired = true;
      });
    else if (path === '/consent') {
      const key = consentKey(b.openid, b.template),
        left = consents.get(key) ?? 0;
      consents.set(key, b.count < 0 || left < 0 ? -1 : left + b.count);
      const one = { TemplateId: b.template, SubscribeStatusString: 'accept', PopupScene: '0' };
      if (b.tell) await event('wechat_mini', { FromUserName: b.openid, Event: 'subscribe_msg_popup_event', List: [one] }, false);
    } else if (path === '/event') await event(b.provider, b.event, b.xml);
    else return { status: 404, json: { error: 'not found' } };
    return { json: { ok: true } };
  }
  const control = http.createServer(async (req, res) => {
    let out;
    try {
      const body = await read(req);
      if (req.method === 'GET')
        out =
          req.url === '/messages'
            ? { json: messages }
            : req.url === '/stats'
              ? { json: { ...stats, consents: Object.fromEntries(consents) } }
              : { status: 404, json: {} };
      else out = await command(req.url, body ? JSON.parse(body) : {});
    } catch (e) {
      out = { status: 400, json: { error: String(e.message) } };
    }
    res.writeHead(out.status ?? 200, { 'content-type': 'application/json', connection: 'close' }).end(json(out.json));
  });

  reset();
  const listen = (s, port) =>
    new Promise((done) => {
      s.listen(port, '127.0.0.1', () => done(s.address().port));
    });
  const port = await listen(server, Number(options.port ?? 0)),
    controlPort = await listen(control, Number(options.control ?? 0));
  return {
    port,
    control: controlPort,
    base_url: `http://127.0.0.1:${port}`,
    set,
    reset,
    behave: (b) => command('/behave', b),
    consent: (b) => command('/consent', b),
    event: (b) => command('/event', b),
    expire: () => command('/expire', {}),
    messages: () => messages,
    stats: () => stats,
    left: (openid, template) => consents.get(consentKey(openid, template)) ?? 0,
    async stop() {
      for (const t of timers) clearTimeout(t);
      for (const s of [server, control]) {
        s.close();
        s.closeAllConnections();
      }
      if (log !== null) fs.closeSync(log);
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values: opt } = parseArgs({
    options: {
      port: { type: 'string', default: '0' },
      control: { type: 'string', default: '0' },
      log: { type: 'string' },
      'self-test': { type: 'boolean', default: false },
    },
  });
  if (opt['self-test']) {
    selfTest();
  } else {
    const c = await start(opt);
    console.log(JSON.stringify({ port: c.port, control: c.control }));
    for (const s of ['SIGTERM', 'SIGINT']) process.on(s, () => process.exit(0));
  }
}
