// SPDX-License-Identifier: Apache-2.0
//
// A carrier's gateway (SMGW) for tests: SMGP 3.0 over TCP, strict about what it receives. Written from the protocol's layouts
// alone; its self-test holds it to published vectors.
//
//   node tests/peers/smgp.mjs [--port 0] [--control 0] [--user 20000123] [--secret zbsecret] [--window 16] [--src 10690000123] [--log FILE]
//   prints {"port":N,"control":M} once it listens; --self-test checks itself and exits.
//
// Control port: lib/carrier.mjs. Its own behaviours: report_form "text" (as the specification has it) or "field" (as some
// gateways write it: no blank before sub:, underscores, txt:).
import net from 'node:net';
import crypto from 'node:crypto';
import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { Bad, Carrier, content, digits, fixed, Framed, need, Reader, u32, u8, ucs2, yymmddhhmm } from './lib/carrier.mjs';

const LOGIN = 1, SUBMIT = 2, DELIVER = 3, ACTIVE_TEST = 4, EXIT = 6, RESP = 0x80000000;
const md5 = (...parts) => crypto.createHash('md5').update(Buffer.concat(parts)).digest();

// ---- wire ----

function pdu(cmd, seq, ...body) {
  const b = Buffer.concat([Buffer.alloc(12), ...body]);
  b.writeUInt32BE(b.length, 0);
  b.writeUInt32BE(cmd >>> 0, 4);
  b.writeUInt32BE(seq >>> 0, 8);
  return b;
}

const authClient = (id, secret, time) => md5(Buffer.from(id, 'latin1'), Buffer.alloc(7), Buffer.from(secret, 'latin1'), Buffer.from(String(time).padStart(10, '0')));
const authServer = (status, auth, secret) => md5(u32(status), auth, Buffer.from(secret, 'latin1'));
const loginResp = (seq, status, auth, secret) => pdu(RESP + LOGIN, seq, u32(status), status ? Buffer.alloc(16) : authServer(status, auth, secret), u8(0x30));
const submitResp = (seq, id, status) => pdu(RESP + SUBMIT, seq, id, u32(status));

function deliver(seq, d) {
  return pdu(DELIVER, seq, d.id, u8(d.report ? 1 : 0), u8(d.fmt), fixed(d.time, 14), fixed(d.phone, 21), fixed(d.dest, 21), u8(d.content.length), d.content,
    Buffer.alloc(8));
}

function reportText(r, form = 'text') {
  const s = (x) => Buffer.from(x, 'latin1');
  if (form === 'field')
    return Buffer.concat([s('id:'), r.id, s(`sub:001 dlvrd:001 submit_date:${r.submitted} done_date:${r.done} stat:${r.stat} err:${r.err} txt:stat:`)]);
  return Buffer.concat([s('id:'), r.id, s(` sub:001 dlvrd:001 submit date:${r.submitted} done date:${r.done} stat:${r.stat} err:${r.err} text:012`), Buffer.alloc(17)]);
}

function parseLogin(b) {
  const r = new Reader(b, 12), m = { user: r.str(8, 'client_id'), auth: r.take(16), mode: r.u8(), time: r.u32(), version: r.u8() };
  r.end('login_length');
  return m;
}

function parseSubmit(b) {
  const r = new Reader(b, 12), m = {};
  need(r.u8() === 6, 'msg_type');
  m.wantReport = r.u8();
  m.priority = r.u8();
  m.service = r.str(10, 'service_id');
  m.feeType = r.str(2, 'fee_type');
  m.feeCode = r.str(6, 'fee_code');
  m.fixedFee = r.str(6, 'fixed_fee');
  m.fmt = r.u8();
  need(r.str(17, 'valid_time') === '' && r.str(17, 'at_time') === '', 'times');
  m.src = r.str(21, 'src');
  m.charge = r.str(21, 'charge');
  need(r.u8() === 1, 'dest_count'); // this gateway is told one number at a time
  m.phone = r.str(21, 'dest');
  const bytes = r.take(r.u8());
  r.zero(8, 'reserve_not_zero');
  const options = {};
  while (r.o < b.length) {
    const tag = r.take(2).readUInt16BE(0), n = r.take(2).readUInt16BE(0);
    need(!(tag in options), 'option_twice');
    options[tag] = r.take(n);
  }
  need(m.wantReport <= 1 && m.priority <= 3, 'flag_range');
  need(/^0[0-3]$/.test(m.feeType) && /^\d{1,6}$/.test(m.feeCode) && /^\d{1,6}$/.test(m.fixedFee), 'fee');
  const udhi = options[2]?.[0] === 1;
  Object.assign(m, content(m.fmt, udhi, bytes));
  if (udhi) need(options[9]?.length === 1 && options[9][0] === m.total && options[10]?.[0] === m.number, 'udh_and_pk');
  else need(Object.keys(options).length === 0, 'options_unasked');
  return m;
}

// ---- self-test ----

function selfTest() {
  const hex = (s) => Buffer.from(s, 'hex'), same = (got, want) => assert.equal(got.toString('hex'), want);
  const auth = authClient('20000123', 'zbsecret', 102030405);
  same(auth, '98d994b66644cb0f7beca269e39f094b');
  same(authServer(0, auth, 'zbsecret'), '742db58f5a784aa57131f14c9f04dea1');
  const l = parseLogin(hex('0000002a0000000100000001323030303031323398d994b66644cb0f7beca269e39f094b020614dc4530'));
  assert.deepEqual([l.user, l.mode, l.time, l.version, l.auth.equals(auth)], ['20000123', 2, 102030405, 0x30, true]);
  same(loginResp(1, 0, auth, 'zbsecret'), '00000021800000010000000100000000742db58f5a784aa57131f14c9f04dea130');
  const one = '0000009f00000002000000020601025a57545a00000000000030303000000000003000000000000800000000000000000000000000000000000000000000000000000000000000000000313036353930303031323300000000000000000000000000000000000000000000000000000000000000013138393030303030303030000000000000000000000c301067d05e02301160a8597d0000000000000000';
  const part = '000000b400000002000000030601025a57545a0000000000003030300000000000300000000000080000000000000000000000000000000000000000000000000000000000000000000031303635393030303132330000000000000000000000000000000000000000000000000000000000000001313839303030303030303000000000000000000000120500032a0201301067d05e02301160a8597d000000000000000000020001010009000102000a000101';
  const m = parseSubmit(hex(one)), p = parseSubmit(hex(part));
  assert.deepEqual([m.service, m.src, m.phone, m.fmt, m.wantReport, m.total, m.text], ['ZWTZ', '10659000123', '18900000000', 8, 1, 1, '【某市】您好']);
  assert.deepEqual([p.total, p.number, p.ref, p.text], [2, 1, 0x2a, '【某市】您好']);
  assert.throws(() => parseSubmit(hex(one).subarray(0, -1)), Bad);
  assert.throws(() => parseSubmit(Buffer.concat([hex(one), Buffer.alloc(1)])), Bad);
  const id = hex('01006101020304000789');
  same(submitResp(2, id, 0), '0000001a80000002000000020100610102030400078900000000');
  const report = reportText({ id, submitted: '2601020304', done: '2601020305', stat: 'DELIVRD', err: '000' });
  same(deliver(7, { id: hex('01006101020304000790'), report: true, fmt: 0, time: '20260102030500', phone: '18900000000', dest: '10659000123', content: report }),
    '000000d3000000030000000701006101020304000790010032303236303130323033303530303138393030303030303030000000000000000000003130363539303030313233000000000000000000007a69643a01006101020304000789207375623a30303120646c7672643a303031207375626d697420646174653a3236303130323033303420646f6e6520646174653a3236303130323033303520737461743a44454c49565244206572723a30303020746578743a30313200000000000000000000000000000000000000000000000000');
  same(pdu(ACTIVE_TEST, 9), '0000000c0000000400000009');
  same(pdu(RESP + ACTIVE_TEST, 9), '0000000c8000000400000009');
  console.log('smgp self-test: ok');
}

// ---- gateway ----

const { values: opt } = parseArgs({ options: { port: { type: 'string', default: '0' }, control: { type: 'string', default: '0' },
  user: { type: 'string', default: '20000123' }, secret: { type: 'string', default: 'zbsecret' }, window: { type: 'string', default: '16' },
  src: { type: 'string', default: '' }, log: { type: 'string' }, 'self-test': { type: 'boolean', default: false } } });
if (opt['self-test']) {
  selfTest();
  process.exit(0);
}

let serial = 0;
// Gateway code, MMDDHHMM, serial: not as BCD but with bytes that look like blanks, colons and NUL, as real ones may.
function nextId() {
  const t = digits(Date.now()).slice(4, 12);
  serial = (serial + 1) & 0xffff;
  return Buffer.concat([Buffer.from([0x20, 0x3a, 0x00]), Buffer.from(t, 'hex'), Buffer.from([0x20, serial >> 8, serial & 0xff])]);
}

const proto = {
  throttle: 1,
  nextId,
  idOf: (text) => Buffer.from(text, 'hex'),
  test: (c) => c.send(pdu(ACTIVE_TEST, ++c.seq)),
  terminate: (c) => c.send(pdu(EXIT, ++c.seq)),
  raw: (c, b) => c.send(b),
};
const carrier = new Carrier(proto, opt);

class Conn extends Framed {
  constructor(sock) { super(carrier, sock, 12, 4096); }

  receive(b) {
    const { behave, stats } = carrier, cmd = b.readUInt32BE(4), seq = b.readUInt32BE(8);
    if (cmd === LOGIN) return this.login(b, seq);
    need(this.up, 'not_logged_in');
    switch (cmd) {
      case SUBMIT: {
        const id = nextId();
        return carrier.submit(this, seq, parseSubmit(b), id, (code) => this.send(submitResp(seq, code ? Buffer.alloc(10) : id, code)));
      }
      case ACTIVE_TEST:
        need(b.length === 12, 'active_test_length');
        stats.active_tests++;
        if (!behave.mute_active_test) this.send(pdu(RESP + ACTIVE_TEST, seq));
        return undefined;
      case RESP + ACTIVE_TEST:
        need(b.length === 12, 'active_test_resp_length');
        stats.active_test_resps++;
        return undefined;
      case EXIT:
        need(b.length === 12, 'exit_length');
        stats.terminates++;
        this.send(pdu(RESP + EXIT, seq));
        this.sock.end();
        return undefined;
      case RESP + EXIT:
        this.sock.end();
        return undefined;
      case RESP + DELIVER:
        need(b.length === 26, 'deliver_resp_length');
        return this.delivers.answered(`${seq}/${b.subarray(12, 22).toString('hex')}`, b.readUInt32BE(22));
      default: throw new Bad(`command_${cmd.toString(16)}`);
    }
  }

  login(b, seq) {
    need(!this.up, 'login_twice');
    const l = parseLogin(b), t = String(l.time).padStart(10, '0');
    need(/^(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([01]\d|2[0-3])[0-5]\d[0-5]\d$/.test(t), 'timestamp');
    need([0, 300e3].some((ago) => t.slice(0, 4) === yymmddhhmm(Date.now() - ago).slice(2, 6)), 'timestamp_day');
    need(l.mode === 2 && l.version === 0x30, 'login_mode_or_version');
    let status = 0;
    if (l.user !== opt.user || !l.auth.equals(authClient(opt.user, opt.secret, l.time))) status = 21;
    if (carrier.behave.login_status) status = carrier.behave.login_status;
    this.send(loginResp(seq, status, l.auth, opt.secret));
    if (status) {
      carrier.stats.login_refused++;
      this.sock.end();
      return;
    }
    carrier.stats.logins++;
    this.up = true;
  }

  deliver(d) {
    if (this.sock.destroyed) return;
    const seq = this.seq = (this.seq + 1) >>> 0, bytes = deliver(seq, { time: digits(Date.now()).slice(0, 14), ...d });
    this.delivers.add(`${seq}/${d.id.toString('hex')}`, () => this.send(bytes));
  }

  report(id, stat, m) {
    const now = yymmddhhmm(Date.now());
    const text = reportText({ id, submitted: now, done: now, stat, err: stat === 'DELIVRD' ? '000' : '001' }, carrier.behave.report_form);
    this.deliver({ id: nextId(), report: true, fmt: 0, phone: m.phone, dest: m.src, content: text });
  }

  mo(id, { phone, text, fmt, dest }) {
    this.deliver({ id, report: false, fmt, phone, dest, content: fmt === 8 ? ucs2(text) : Buffer.from(text, 'latin1') });
  }
}

carrier.listen(net.createServer((sock) => new Conn(sock)), opt.port, opt.control);
