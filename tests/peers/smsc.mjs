// SPDX-License-Identifier: Apache-2.0
//
// A carrier's gateway (ISMG) for tests: CMPP 2.0 and 3.0 over TCP, strict about what it receives, steered by a small HTTP
// control port. Written from the protocol's layouts alone; its self-test holds it to published vectors.
//
//   node tests/peers/smsc.mjs [--port 0] [--control 0] [--sp 901234] [--secret 1234] [--version 3] [--window 16]
//                             [--src 10690000123] [--log FILE]
//   prints {"port":N,"control":M} once it listens; --self-test checks itself and exits.
//
// Control port (HTTP, JSON):
//   GET  /messages  complete texts [{n,phone,src,text,parts,ref,at,seq,result}]; result null: received but never answered
//   GET  /stats     counters, violations [words], open connections
//   POST /behave    any of: throttle_every n, throttle_part k (that part of long texts), reject_phone {phone: code},
//                   silent true|"submit", slow_ms, shuffle true (answers of one turn in reverse), drop_after n (SUBMITs of a
//                   connection; the n-th stays unanswered), report "DELIVRD"|"UNDELIV"|...|"none", report_part {k: stat},
//                   report_before_resp, report_delay_ms, duplicate_reports, deliver_resend_ms, login_status n,
//                   answer_version 2|3, mute_active_test, disconnect_now, terminate_now, active_test_now, send_hex
//   POST /mo        {phone, text, fmt: 8|0, dest}
//   POST /report    {msg_id (16 hex digits), stat, phone}: a report out of the blue
//   POST /reset     messages, counters and behaviour as at the start (connections stay)
import net from 'node:net';
import http from 'node:http';
import fs from 'node:fs';
import crypto from 'node:crypto';
import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';

const CONNECT = 1, TERMINATE = 2, SUBMIT = 4, DELIVER = 5, ACTIVE_TEST = 8, RESP = 0x80000000;
const MAX_PDU = 4096;
const md5 = (...parts) => crypto.createHash('md5').update(Buffer.concat(parts)).digest();

// ---- wire ----

function pdu(cmd, seq, body = Buffer.alloc(0)) {
  const b = Buffer.alloc(12 + body.length);
  b.writeUInt32BE(b.length, 0);
  b.writeUInt32BE(cmd >>> 0, 4);
  b.writeUInt32BE(seq >>> 0, 8);
  body.copy(b, 12);
  return b;
}

const fixed = (s, width) => {
  const b = Buffer.alloc(width);
  if (b.write(s, 'latin1') !== Buffer.byteLength(s, 'latin1')) throw new Error(`does not fit in ${width}: ${s}`);
  return b;
};
const u64 = (v) => { const b = Buffer.alloc(8); b.writeBigUInt64BE(v); return b; };
const u32 = (v) => { const b = Buffer.alloc(4); b.writeUInt32BE(v >>> 0); return b; };
const status = (v, version) => (version >= 3 ? u32(v) : Buffer.from([v]));

function authSource(sp, secret, timestamp) {
  return md5(Buffer.from(sp, 'latin1'), Buffer.alloc(9), Buffer.from(secret, 'latin1'),
    Buffer.from(String(timestamp).padStart(10, '0')));
}

function connectResp(seq, code, auth, secret, version) {
  const st = status(code, version);
  const ismg = code === 0 ? md5(st, auth, Buffer.from(secret, 'latin1')) : Buffer.alloc(16);
  return pdu(RESP + CONNECT, seq, Buffer.concat([st, ismg, Buffer.from([version << 4])]));
}

const submitResp = (seq, id, code, version) => pdu(RESP + SUBMIT, seq, Buffer.concat([u64(id), status(code, version)]));

function deliver(seq, version, d) {
  const v3 = version >= 3;
  return pdu(DELIVER, seq, Buffer.concat([u64(d.id), fixed(d.dest, 21), fixed(d.service ?? '', 10),
    Buffer.from([0, d.udhi ?? 0, d.fmt ?? 0]), fixed(d.phone, v3 ? 32 : 21), v3 ? Buffer.alloc(1) : Buffer.alloc(0),
    Buffer.from([d.report ? 1 : 0, d.content.length]), d.content, Buffer.alloc(v3 ? 20 : 8)]));
}

function reportBody(version, r) {
  return Buffer.concat([u64(r.id), fixed(r.stat, 7), fixed(r.submitted, 10), fixed(r.done, 10),
    fixed(r.phone, version >= 3 ? 32 : 21), u32(r.serial)]);
}

// month 4, day 5, hour 5, minute 6, second 6, gateway 22, serial 16 bits
const msgId = (mo, d, h, mi, s, gateway, serial) => BigInt(mo) << 60n | BigInt(d) << 55n | BigInt(h) << 50n | BigInt(mi) << 44n |
  BigInt(s) << 38n | BigInt(gateway) << 16n | BigInt(serial);

const china = (ms) => new Date(ms + 8 * 3600e3);
const yymmddhhmm = (ms) => china(ms).toISOString().replace(/\D/g, '').slice(2, 12);

class Bad extends Error {}
const need = (cond, word) => { if (!cond) throw new Bad(word); };

// A fixed-width string: nothing but NUL after the first NUL.
function text(b, off, width, word) {
  const raw = b.subarray(off, off + width);
  const end = raw.indexOf(0);
  if (end >= 0) need(raw.subarray(end).every((c) => c === 0), `${word}_padding`);
  return raw.subarray(0, end < 0 ? width : end).toString('latin1');
}

function parseConnect(b) {
  need(b.length === 39, 'connect_length');
  return { sp: text(b, 12, 6, 'source_addr'), auth: b.subarray(18, 34), version: b[34] >> 4, timestamp: b.readUInt32BE(35) };
}

function utf16(b) {
  need(b.length % 2 === 0, 'ucs2_odd');
  const s = Buffer.from(b).swap16().toString('utf16le');
  need(!/[\ud800-\udfff]/.test(s.replace(/[\ud800-\udbff][\udc00-\udfff]/g, '')), 'ucs2_cut_pair'); // a half of a pair
  return s;
}

function parseSubmit(b, version) {
  const v3 = version >= 3, pw = v3 ? 32 : 21;
  let o = 12;
  const take = (n) => { need(o + n <= b.length, 'submit_short'); o += n; return o - n; };
  const byte = () => b[take(1)];
  const zero = (n, word) => { const at = take(n); need(b.subarray(at, at + n).every((c) => c === 0), word); };
  const str = (n, word) => text(b, take(n), n, word);
  const m = {};
  zero(8, 'msg_id_not_zero');
  m.total = byte();
  m.number = byte();
  m.wantReport = byte();
  m.level = byte();
  m.service = str(10, 'service_id');
  m.feeUser = byte();
  m.feePhone = str(pw, 'fee_terminal');
  if (v3) zero(1, 'fee_terminal_type');
  m.pid = byte();
  m.udhi = byte();
  m.fmt = byte();
  m.sp = str(6, 'msg_src');
  m.feeType = str(2, 'fee_type');
  m.feeCode = str(6, 'fee_code');
  m.valid = str(17, 'valid_time');
  m.at = str(17, 'at_time');
  m.src = str(21, 'src_id');
  m.destN = byte();
  need(m.destN === 1, 'dest_count'); // this gateway is told one number at a time
  m.phone = str(pw, 'dest_terminal');
  if (v3) zero(1, 'dest_terminal_type');
  const n = byte();
  need(n > 0 && (m.fmt === 0 ? n < 160 : n <= 140), 'msg_length');
  const at = take(n);
  m.content = b.subarray(at, at + n);
  zero(v3 ? 20 : 8, 'reserve_not_zero');
  need(o === b.length, 'submit_long');
  need(m.total >= 1 && m.number >= 1 && m.number <= m.total, 'pk_number');
  need(m.wantReport <= 1 && m.udhi <= 1 && m.feeUser <= 3, 'flag_range');
  need([0, 8, 15].includes(m.fmt), 'msg_fmt');
  need(/^0[1-3]$/.test(m.feeType) && /^\d{1,6}$/.test(m.feeCode), 'fee');
  need(m.feeUser === 3 || m.feePhone === '', 'fee_terminal_unasked');
  need(/^(\+?86)?1[3-9]\d{9}$/.test(m.phone), 'phone');
  need((m.udhi === 1) === (m.total > 1), 'udhi_and_pk_total');
  m.body = m.content;
  if (m.udhi) {
    const c = m.content;
    need(c[0] === 5 && c[1] === 0 && c[2] === 3 && c.length > 6, 'udh');
    need(c[4] === m.total && c[5] === m.number, 'udh_and_pk');
    m.ref = c[3];
    m.body = c.subarray(6);
  }
  need(m.fmt !== 15, 'gbk_not_served');
  m.text = m.fmt === 8 ? utf16(m.body) : m.body.toString('latin1');
  return m;
}

// ---- self-test ----

function selfTest() {
  const hex = (s) => Buffer.from(s.replace(/\s/g, ''), 'hex');
  const same = (got, want) => assert.equal(got.toString('hex'), want.replace(/\s/g, ''));
  const auth = authSource('901234', '1234', 102030405);
  same(auth, 'e45edee925b9c275458dfcc54b2bebd8');
  for (const [ver, byte] of [[2, '20'], [3, '30']]) {
    const c = parseConnect(hex(`000000270000000100000001393031323334e45edee925b9c275458dfcc54b2bebd8${byte}0614dc45`));
    assert.deepEqual([c.sp, c.version, c.timestamp], ['901234', ver, 102030405]);
    assert.ok(c.auth.equals(auth));
  }
  same(connectResp(1, 0, auth, '1234', 2), '0000001e80000001000000010030379ada95177b628ad0bc5ddeac0ddd20');
  same(connectResp(1, 0, auth, '1234', 3), '00000021800000010000000100000000af8b00451a390b4990321de5bfca09c230');
  const s2 = `000000ab00000004000000020000000000000000010101005a57545a00000000000002000000000000000000000000000000
    0000000000000000083930313233343031303030303030000000000000000000000000000000000000000000000000000000
    0000000000000031303639303030303132330000000000000000000001313338303031333830303000000000000000000000
    0c301067d05e02301160a8597d0000000000000000`;
  const s3 = `000000cf00000004000000020000000000000000010101005a57545a00000000000002000000000000000000000000000000
    0000000000000000000000000000000000000000083930313233343031303030303030000000000000000000000000000000
    0000000000000000000000000000000000000031303639303030303132330000000000000000000001313338303031333830
    3030000000000000000000000000000000000000000000000c301067d05e02301160a8597d00000000000000000000000000
    00000000000000`;
  for (const [ver, s] of [[2, s2], [3, s3]]) {
    const m = parseSubmit(hex(s), ver);
    assert.deepEqual([m.sp, m.service, m.src, m.phone, m.fmt, m.feeUser, m.wantReport, m.text],
      ['901234', 'ZWTZ', '10690000123', '13800138000', 8, 2, 1, '【某市】您好']);
    assert.throws(() => parseSubmit(hex(s).subarray(0, -1), ver), Bad);
    assert.throws(() => parseSubmit(Buffer.concat([hex(s), Buffer.alloc(1)]), ver), Bad);
    assert.throws(() => parseSubmit(hex(s), 5 - ver), Bad);
  }
  const id = msgId(1, 2, 3, 4, 5, 123456, 789);
  assert.equal(id, 0x110C4141E2400315n);
  same(submitResp(2, id, 0, 2), '000000158000000400000002110c4141e240031500');
  same(submitResp(2, id, 0, 3), '000000188000000400000002110c4141e240031500000000');
  const d = (ver) => deliver(7, ver, { id: 0x110c4143e2400001n, dest: '10690000123', service: 'ZWTZ', phone: '13800138000', report: true,
    content: reportBody(ver, { id, stat: 'DELIVRD', submitted: '2601020304', done: '2601020305', phone: '13800138000', serial: 0x01020304 }) });
  same(d(2), `000000910000000500000007110c4143e24000013130363930303030313233000000000000000000005a57545a0000000000
    00000000313338303031333830303000000000000000000000013c110c4141e240031544454c495652443236303130323033
    303432363031303230333035313338303031333830303000000000000000000000010203040000000000000000`);
  same(d(3), `000000b40000000500000007110c4143e24000013130363930303030313233000000000000000000005a57545a0000000000
    000000003133383030313338303030000000000000000000000000000000000000000000000147110c4141e240031544454c
    4956524432363031303230333034323630313032303330353133383030313338303030000000000000000000000000000000
    000000000000010203040000000000000000000000000000000000000000`);
  same(pdu(ACTIVE_TEST, 9), '0000000c0000000800000009');
  same(pdu(RESP + ACTIVE_TEST, 9, Buffer.alloc(1)), '0000000d800000080000000900');
  const part = Buffer.concat([hex('0500032a0202'), hex('6d4b').fill(hex('6d4b'))]);
  assert.equal(utf16(part.subarray(6)), '测');
  assert.equal(yymmddhhmm(Date.UTC(2026, 0, 1, 19, 4, 5)), '2601020304');
  console.log('smsc self-test: ok');
}

// ---- gateway ----

const { values: opt } = parseArgs({ options: {
  port: { type: 'string', default: '0' }, control: { type: 'string', default: '0' }, sp: { type: 'string', default: '901234' },
  secret: { type: 'string', default: '1234' }, version: { type: 'string', default: '3' }, window: { type: 'string', default: '16' },
  src: { type: 'string', default: '' }, log: { type: 'string' }, 'self-test': { type: 'boolean', default: false } } });

if (opt['self-test']) {
  selfTest();
  process.exit(0);
}

const WINDOW = Number(opt.window), VERSION = Number(opt.version), SEEN_MAX = 10000;
const log = opt.log ? fs.openSync(opt.log, 'a') : null; // written at once: a killed gateway has lost nothing
const conns = new Set();
let messages, stats, behave, partial, serial = 0;

function reset() {
  messages = [];
  partial = new Map();
  behave = {};
  stats = { connections: 0, logins: 0, login_refused: 0, submits: 0, accepted: 0, throttled: 0, rejected: 0, unanswered: 0, window_peak: 0,
    active_tests: 0, active_test_resps: 0, terminates: 0, reports: 0, report_resends: 0, deliver_acked: 0, deliver_refused: 0,
    mos: 0, violations: [], violations_n: 0 };
}
reset();

function violation(word) {
  stats.violations_n++;
  if (stats.violations.length < 100) stats.violations.push(word);
}

function nextId() {
  const t = china(Date.now());
  serial = (serial + 1) & 0xffff;
  return msgId(t.getUTCMonth() + 1, t.getUTCDate(), t.getUTCHours(), t.getUTCMinutes(), t.getUTCSeconds(), 123456, serial);
}

class Conn {
  constructor(sock) {
    this.sock = sock;
    this.buf = Buffer.alloc(0);
    this.version = 0; // 0: not logged in
    this.seen = new Set();
    this.open = 0;
    this.submits = 0;
    this.seq = 0;
    this.answers = []; // of this turn, for shuffle
    this.delivers = new Map(); // seq -> {bytes, id, timer, sends}
    conns.add(this);
    stats.connections++;
    sock.setNoDelay(true);
    sock.on('data', (b) => this.data(b));
    sock.on('error', () => {});
    sock.on('close', () => {
      conns.delete(this);
      for (const d of this.delivers.values()) clearTimeout(d.timer);
    });
  }

  send(b) {
    if (!this.sock.destroyed && behave.silent !== true) this.sock.write(b);
  }

  data(b) {
    this.buf = this.buf.length ? Buffer.concat([this.buf, b]) : b;
    while (this.buf.length >= 4 && !this.sock.destroyed) {
      const len = this.buf.readUInt32BE(0);
      if (len < 12 || len > MAX_PDU) {
        violation('frame_length');
        this.sock.destroy();
        return;
      }
      if (this.buf.length < len) break;
      const one = this.buf.subarray(0, len);
      this.buf = this.buf.subarray(len);
      try {
        this.receive(one, one.readUInt32BE(4), one.readUInt32BE(8));
      } catch (e) {
        if (!(e instanceof Bad)) throw e;
        violation(e.message);
        this.sock.destroy();
      }
    }
    const turn = this.answers;
    this.answers = [];
    for (const f of turn.reverse()) f();
  }

  receive(b, cmd, seq) {
    if (cmd === CONNECT) return this.connect(b, seq);
    need(this.version > 0, 'not_logged_in');
    if (cmd === SUBMIT) return this.submit(b, seq);
    if (cmd === ACTIVE_TEST) {
      need(b.length === 12, 'active_test_length');
      stats.active_tests++;
      if (!behave.mute_active_test) this.send(pdu(RESP + ACTIVE_TEST, seq, Buffer.alloc(1)));
      return undefined;
    }
    if (cmd === RESP + ACTIVE_TEST) {
      need(b.length === 13, 'active_test_resp_length');
      stats.active_test_resps++;
      return undefined;
    }
    if (cmd === TERMINATE) {
      need(b.length === 12, 'terminate_length');
      stats.terminates++;
      this.send(pdu(RESP + TERMINATE, seq));
      this.sock.end();
      return undefined;
    }
    if (cmd === RESP + TERMINATE) {
      this.sock.end();
      return undefined;
    }
    if (cmd === RESP + DELIVER) return this.deliverResp(b, seq);
    throw new Bad(`command_${cmd.toString(16)}`);
  }

  connect(b, seq) {
    need(this.version === 0, 'connect_twice');
    const c = parseConnect(b);
    const t = String(c.timestamp).padStart(10, '0');
    need(/^(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([01]\d|2[0-3])[0-5]\d[0-5]\d$/.test(t), 'timestamp');
    const now = yymmddhhmm(Date.now()).slice(2, 6), before = yymmddhhmm(Date.now() - 300e3).slice(2, 6);
    need(t.slice(0, 4) === now || t.slice(0, 4) === before, 'timestamp_day');
    let code = 0;
    if (c.sp !== opt.sp) code = 2;
    else if (!c.auth.equals(authSource(opt.sp, opt.secret, c.timestamp))) code = 3;
    if (behave.login_status) code = behave.login_status;
    const version = behave.answer_version ?? Math.min(VERSION, c.version);
    this.send(connectResp(seq, code, c.auth, opt.secret, version));
    if (code !== 0) {
      stats.login_refused++;
      this.sock.end();
      return;
    }
    stats.logins++;
    this.version = version;
  }

  submit(b, seq) {
    stats.submits++;
    this.submits++;
    if (this.seen.has(seq)) violation('sequence_reused');
    this.seen.add(seq);
    if (this.seen.size > SEEN_MAX) this.seen.delete(this.seen.values().next().value);
    this.open++;
    stats.window_peak = Math.max(stats.window_peak, this.open);
    if (this.open > WINDOW) violation('window_overrun');
    const m = parseSubmit(b, this.version);
    if (m.sp !== opt.sp) violation('msg_src_is_not_sp');
    if (opt.src && !m.src.startsWith(opt.src)) violation('src_id');
    const phone = m.phone.replace(/^\+?86/, '');

    let code = 0;
    if (behave.reject_phone?.[phone]) code = behave.reject_phone[phone];
    else if (behave.throttle_every && stats.submits % behave.throttle_every === 0) code = 8;
    else if (behave.throttle_part && m.total > 1 && m.number === behave.throttle_part) code = 8;
    const dropped = behave.drop_after && this.submits >= behave.drop_after;
    const mute = behave.silent || dropped;
    const id = code === 0 ? nextId() : 0n;
    if (code === 0) this.collect(m, phone, seq, mute ? null : 0);
    if (mute) stats.unanswered++;
    if (dropped) {
      this.sock.destroy();
      return;
    }
    if (mute) return;
    const answer = () => {
      this.open--;
      if (code === 0) stats.accepted++;
      else if (code === 8) stats.throttled++;
      else stats.rejected++;
      const stat = behave.report_part?.[m.number] ?? behave.report ?? 'DELIVRD';
      const wanted = code === 0 && m.wantReport && stat !== 'none';
      const reporter = (behave.report_elsewhere && [...conns].find((c) => c.version > 0 && c !== this)) || this;
      const report = () => reporter.report(id, stat, phone, m.src, m.service);
      if (wanted && behave.report_before_resp) report();
      this.send(submitResp(seq, id, code, this.version));
      if (wanted && !behave.report_before_resp) {
        if (behave.report_delay_ms) setTimeout(report, behave.report_delay_ms);
        else report();
      }
    };
    if (behave.slow_ms) setTimeout(answer, behave.slow_ms);
    else if (behave.shuffle) this.answers.push(answer);
    else answer();
  }

  collect(m, phone, seq, result) {
    let whole = m.text, first = seq;
    if (m.total > 1) {
      const key = [phone, m.src, m.ref, m.total].join('/');
      const p = partial.get(key) ?? { parts: [], n: 0, seq };
      partial.set(key, p);
      if (p.parts[m.number] !== undefined) {
        violation('part_twice');
        return;
      }
      if (m.number < m.total && m.body.length !== 134 && m.body.length !== 132) violation('part_not_full');
      p.parts[m.number] = m.text;
      if (result === null) p.unanswered = true;
      if (++p.n < m.total) return;
      partial.delete(key);
      whole = p.parts.slice(1).join('');
      first = p.seq;
      if (p.unanswered) result = null;
    }
    const row = { n: messages.length + 1, phone, src: m.src, text: whole, parts: m.total, ref: m.ref, at: Date.now(), seq: first, result };
    messages.push(row);
    if (log !== null) fs.writeSync(log, `${JSON.stringify(row)}\n`);
  }

  report(id, stat, phone, src, service = '') {
    const now = yymmddhhmm(Date.now());
    const content = reportBody(this.version, { id, stat, submitted: now, done: now, phone, serial });
    for (let i = 0; i < (behave.duplicate_reports ? 2 : 1); i++) {
      stats.reports++;
      this.deliver({ id: nextId(), dest: src, service, phone, report: true, content });
    }
  }

  deliver(d) {
    if (this.sock.destroyed) return;
    this.seq = (this.seq + 1) >>> 0;
    const seq = this.seq, one = { bytes: deliver(seq, this.version, d), id: d.id, sends: 1, timer: null };
    this.delivers.set(seq, one);
    const again = () => {
      if (one.sends >= 3) {
        this.delivers.delete(seq);
        return;
      }
      one.sends++;
      stats.report_resends++;
      this.send(one.bytes);
      one.timer = setTimeout(again, behave.deliver_resend_ms ?? 60000);
    };
    one.timer = setTimeout(again, behave.deliver_resend_ms ?? 60000);
    this.send(one.bytes);
  }

  deliverResp(b, seq) {
    need(b.length === (this.version >= 3 ? 24 : 21), 'deliver_resp_length');
    const d = this.delivers.get(seq);
    if (!d) {
      violation('deliver_resp_unasked');
      return;
    }
    if (b.readBigUInt64BE(12) !== d.id) violation('deliver_resp_msg_id');
    clearTimeout(d.timer);
    this.delivers.delete(seq);
    if ((this.version >= 3 ? b.readUInt32BE(20) : b[20]) === 0) stats.deliver_acked++;
    else stats.deliver_refused++;
  }
}

function command(path, body) {
  const live = [...conns].filter((c) => c.version > 0);
  if (path === '/reset') return reset();
  if (path === '/mo') {
    const fmt = body.fmt ?? 8;
    const content = fmt === 8 ? Buffer.from(body.text, 'utf16le').swap16() : Buffer.from(body.text, 'latin1');
    if (!live.length) return 'no connection';
    stats.mos++;
    return live.at(-1).deliver({ id: nextId(), dest: body.dest ?? '10690000123', phone: body.phone, fmt, report: false, content });
  }
  if (path === '/report') {
    if (!live.length) return 'no connection';
    return live.at(-1).report(BigInt(`0x${body.msg_id}`), body.stat ?? 'DELIVRD', body.phone, body.dest ?? '10690000123');
  }
  if (path !== '/behave') return 'no such command';
  const { disconnect_now, terminate_now, active_test_now, send_hex, ...keep } = body;
  Object.assign(behave, keep);
  for (const c of live) {
    if (active_test_now) c.send(pdu(ACTIVE_TEST, ++c.seq));
    if (terminate_now) c.send(pdu(TERMINATE, ++c.seq));
    if (send_hex) c.send(Buffer.from(send_hex, 'hex'));
  }
  if (disconnect_now) for (const c of conns) c.sock.destroy();
  return undefined;
}

const control = http.createServer((req, res) => {
  const chunks = [];
  req.on('data', (c) => chunks.push(c));
  req.on('end', () => {
    let code = 200, out = { ok: true };
    try {
      if (req.method === 'GET' && req.url === '/messages') out = messages;
      else if (req.method === 'GET' && req.url === '/stats')
        out = { ...stats, messages: messages.length, partial: partial.size, open_connections: conns.size,
          unacked_delivers: [...conns].reduce((n, c) => n + c.delivers.size, 0) };
      else if (req.method === 'POST') {
        const problem = command(req.url, chunks.length ? JSON.parse(Buffer.concat(chunks).toString()) : {});
        if (problem) [code, out] = [409, { error: problem }];
      } else [code, out] = [404, { error: 'not found' }];
    } catch (e) {
      [code, out] = [400, { error: String(e.message) }];
    }
    const b = JSON.stringify(out);
    res.writeHead(code, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(b), connection: 'close' });
    res.end(b);
  });
});

const server = net.createServer((sock) => new Conn(sock));
server.listen(Number(opt.port), '127.0.0.1', () => {
  control.listen(Number(opt.control), '127.0.0.1', () => {
    console.log(JSON.stringify({ port: server.address().port, control: control.address().port }));
  });
});
for (const s of ['SIGTERM', 'SIGINT']) process.on(s, () => process.exit(0));
