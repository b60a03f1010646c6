// SPDX-License-Identifier: Apache-2.0
//
// A carrier's gateway (SMG) for tests: SGIP 1.2 over TCP, strict about what it receives. It takes submits on connections to it,
// and brings reports and texts on connections that it opens itself. Written from the protocol's layouts alone; its self-test
// holds it to published vectors.
//
//   node tests/peers/sgip.mjs [--port 0] [--control 0] [--user zbuser] [--secret zbpass] [--node 3010099999] [--window 16]
//                             [--src 10690000123] [--log FILE]
//   prints {"port":N,"control":M} once it listens; --self-test checks itself and exits.
//
// Control port: lib/carrier.mjs. Its own behaviours: peer_port n (where the provider listens), peer_secret, peer_type n (log-in
// to us), one_each true (a connection for each delivery, closed after it), idle_close_now (connections to it are closed), userrpt_now.
import net from 'node:net';
import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { Bad, Carrier, content, digits, Deliveries, fixed, Framed, need, Reader, u32, u8, ucs2 } from './lib/carrier.mjs';

const BIND = 1, UNBIND = 2, SUBMIT = 3, DELIVER = 4, REPORT = 5, USERRPT = 0x11, RESP = 0x80000000, SMG_NODE = 101001;

// ---- wire ----

const seqOf = (node, time, serial) => Buffer.concat([u32(node), u32(time), u32(serial)]);
function pdu(cmd, seq, ...body) {
  const b = Buffer.concat([Buffer.alloc(8), seq, ...body]);
  b.writeUInt32BE(b.length, 0);
  b.writeUInt32BE(cmd >>> 0, 4);
  return b;
}
const resp = (cmd, seq, result) => pdu(RESP + cmd, seq, u8(result), Buffer.alloc(8));
const bindBody = (type, name, password) => [u8(type), fixed(name, 16), fixed(password, 16), Buffer.alloc(8)];
const STATES = { DELIVRD: 0, ENROUTE: 1, ACCEPTD: 1 };
const reportBody = (submit, phone, stat, error) => [submit, u8(0), fixed(phone, 21), u8(STATES[stat] ?? 2), u8(error),
  fixed(stat in STATES ? '' : stat, 8)];
const deliverBody = (phone, sp, fmt, bytes) => [fixed(phone, 21), fixed(sp, 21), u8(0), u8(0), u8(fmt), u32(bytes.length), bytes, Buffer.alloc(8)];

function parseBind(b) {
  const r = new Reader(b, 20), m = { type: r.u8(), name: r.str(16, 'name'), password: r.str(16, 'password') };
  r.zero(8, 'reserve_not_zero');
  r.end('bind_length');
  return m;
}

function parseSubmit(b) {
  const r = new Reader(b, 20), m = { src: r.str(21, 'sp_number') };
  need(r.str(21, 'charge') === '0'.repeat(21), 'charge');
  need(r.u8() === 1, 'user_count'); // this gateway is told one number at a time
  m.phone = r.str(21, 'user_number');
  need(/^86\d{11}$/.test(m.phone), 'user_number_without_86');
  m.corp = r.str(5, 'corp_id');
  m.service = r.str(10, 'service');
  need(r.u8() <= 4 && /^\d{1,6}$/.test(r.str(6, 'fee_value')) && /^\d{1,6}$/.test(r.str(6, 'given_value')), 'fee');
  need(r.u8() <= 1 && r.u8() <= 3 && r.u8() <= 9, 'flag_range');
  need(r.str(16, 'expire') === '' && r.str(16, 'schedule') === '', 'times');
  const flag = r.u8();
  need(flag <= 3, 'report_flag');
  m.wantReport = flag === 1;
  need(r.u8() === 0, 'pid');
  const udhi = r.u8();
  m.fmt = r.u8();
  need(udhi <= 1 && r.u8() === 0, 'udhi_or_type');
  const bytes = r.take(r.u32());
  r.zero(8, 'reserve_not_zero');
  r.end('submit_length');
  return Object.assign(m, content(m.fmt, udhi === 1, bytes));
}

// ---- self-test ----

function selfTest() {
  const hex = (s) => Buffer.from(s, 'hex'), same = (got, want) => assert.equal(got.toString('hex'), want);
  const sp = (n) => seqOf(3010099999, 102030405, n), smg = (n) => seqOf(SMG_NODE, 102030407, n);
  const BIND_HEX = '0000003d00000001b36a7b1f0614dc4500000001017a6275736572000000000000000000007a6270617373000000000000000000000000000000000000';
  const BIND_RESP_HEX = '0000001d80000001b36a7b1f0614dc4500000001000000000000000000';
  const SUBMIT_HEX = '000000b000000003b36a7b1f0614dc45000000023130363535303030313233000000000000000000003030303030303030303030303030303030303030300138363133303030303030303030000000000000000039393939395a57545a00000000000001300000000000300000000000000200000000000000000000000000000000000000000000000000000000000000000001000008000000000c301067d05e02301160a8597d0000000000000000';
  const SUBMIT_RESP_HEX = '0000001d80000003b36a7b1f0614dc4500000002000000000000000000';
  const REPORT_HEX = '000000400000000500018a890614dc4700000007b36a7b1f0614dc45000000020038363133303030303030303030000000000000000000000000000000000000';
  const REPORT_RESP_HEX = '0000001d8000000500018a890614dc4700000007000000000000000000';
  const DELIVER_HEX = '000000510000000400018a890614dc470000000838363133303030303030303030000000000000000031303635353030303132330000000000000000000000000800000004653652300000000000000000';
  const UNBIND_HEX = '0000001400000002b36a7b1f0614dc4500000003';
  same(pdu(BIND, sp(1), ...bindBody(1, 'zbuser', 'zbpass')), BIND_HEX);
  const l = parseBind(hex(BIND_HEX));
  assert.deepEqual([l.type, l.name, l.password], [1, 'zbuser', 'zbpass']);
  same(resp(BIND, sp(1), 0), BIND_RESP_HEX);
  const m = parseSubmit(hex(SUBMIT_HEX));
  assert.deepEqual([m.src, m.phone, m.corp, m.service, m.fmt, m.wantReport, m.total, m.text],
    ['10655000123', '8613000000000', '99999', 'ZWTZ', 8, true, 1, '【某市】您好']);
  assert.throws(() => parseSubmit(hex(SUBMIT_HEX).subarray(0, -1)), Bad);
  assert.throws(() => parseSubmit(Buffer.concat([hex(SUBMIT_HEX), Buffer.alloc(1)])), Bad);
  same(resp(SUBMIT, sp(2), 0), SUBMIT_RESP_HEX);
  same(pdu(REPORT, smg(7), ...reportBody(sp(2), '8613000000000', 'DELIVRD', 0)), REPORT_HEX);
  same(resp(REPORT, smg(7), 0), REPORT_RESP_HEX);
  same(pdu(DELIVER, smg(8), ...deliverBody('8613000000000', '10655000123', 8, ucs2('收到'))), DELIVER_HEX);
  same(pdu(UNBIND, sp(3)), UNBIND_HEX);
  console.log('sgip self-test: ok');
}

// ---- gateway ----

const { values: opt } = parseArgs({ options: { port: { type: 'string', default: '0' }, control: { type: 'string', default: '0' },
  user: { type: 'string', default: 'zbuser' }, secret: { type: 'string', default: 'zbpass' }, node: { type: 'string', default: '3010099999' },
  window: { type: 'string', default: '16' }, src: { type: 'string', default: '' }, log: { type: 'string' },
  'self-test': { type: 'boolean', default: false } } });
if (opt['self-test']) {
  selfTest();
  process.exit(0);
}

let serial = 0;
const nextSeq = () => seqOf(SMG_NODE, Number(digits(Date.now()).slice(4, 14)), ++serial);
const proto = {
  throttle: 11,
  nextId: nextSeq,
  idOf: (text) => Buffer.from(text, 'hex'),
  test: () => {}, // the protocol has none
  terminate: (c) => c.send(pdu(UNBIND, nextSeq())),
  raw: (c, b) => (b.length > 8 && b.readUInt32BE(4) === DELIVER ? bringing(() => {}, b) : c.send(b)),
};
const carrier = new Carrier(proto, opt);

// Connections to us: submits.
class Conn extends Framed {
  constructor(sock) { super(carrier, sock, 20, 2048); }

  receive(b) {
    const cmd = b.readUInt32BE(4), seq = b.subarray(8, 20);
    if (cmd === BIND) return this.login(b, seq);
    need(this.up, 'not_logged_in');
    if (cmd !== UNBIND + RESP) {
      need(seq.readUInt32BE(0) === Number(opt.node), 'node');
      need(Math.abs(seq.readUInt32BE(4) - Number(digits(Date.now()).slice(4, 14))) < 1e6, 'time');
    }
    if (cmd === SUBMIT) return carrier.submit(this, seq.toString('hex'), parseSubmit(b), Buffer.from(seq), (code) => this.send(resp(SUBMIT, seq, code)));
    if (cmd === UNBIND) {
      need(b.length === 20, 'unbind_length');
      carrier.stats.terminates++;
      this.send(pdu(RESP + UNBIND, seq));
      this.sock.end();
      return undefined;
    }
    if (cmd === RESP + UNBIND) {
      this.sock.end();
      return undefined;
    }
    throw new Bad(`command_${cmd.toString(16)}`);
  }

  login(b, seq) {
    need(!this.up, 'bind_twice');
    const l = parseBind(b);
    let result = 0;
    if (l.type !== 1) result = 4;
    else if (l.name !== opt.user || l.password !== opt.secret) result = 1;
    if (carrier.behave.login_status) result = carrier.behave.login_status;
    this.send(resp(BIND, seq, result));
    if (result) {
      carrier.stats.login_refused++;
      this.sock.end();
      return;
    }
    carrier.stats.logins++;
    this.up = true;
  }

  report(id, stat, m) {
    const body = reportBody(id, `86${m.phone}`, stat, stat === 'DELIVRD' ? 0 : 25);
    bringing((seq) => pdu(REPORT, seq, ...body));
  }

  mo(id, { phone, text, fmt, dest }) {
    const bytes = fmt === 8 ? ucs2(text) : Buffer.from(text, 'latin1');
    bringing((seq) => pdu(DELIVER, seq, ...deliverBody(/^86/.test(phone) ? phone : `86${phone}`, dest, fmt, bytes)));
  }
}

// Connections of ours: deliveries. One is kept, unless each is to have its own.
let peer = null;
class Peer {
  constructor(port) {
    this.waiting = [];
    this.bound = false;
    this.buf = Buffer.alloc(0);
    this.delivers = new Deliveries(carrier);
    this.submits = this.open = 0;
    this.up = false; // not for commands of the control port
    carrier.conns.add(this); // so that it is cut off with the others
    this.sock = net.connect(port, '127.0.0.1', () => this.sock.write(pdu(BIND, nextSeq(), ...bindBody(carrier.behave.peer_type ?? 2, opt.user, carrier.behave.peer_secret ?? opt.secret))));
    this.sock.setNoDelay(true);
    this.sock.on('error', () => {});
    this.sock.on('data', (b) => this.data(b));
    this.sock.on('close', () => {
      carrier.conns.delete(this);
      this.delivers.drop();
      if (peer === this) peer = null;
    });
  }

  destroy() { this.sock.destroy(); }
  send(b) { if (!this.sock.destroyed && carrier.behave.silent !== true) this.sock.write(b); }

  bring(make, raw) {
    if (!this.bound) {
      this.waiting.push([make, raw]);
      return;
    }
    const seq = raw ? raw.subarray(8, 20) : nextSeq(), bytes = raw ?? make(seq);
    this.delivers.add(seq.toString('hex'), () => this.send(bytes));
  }

  data(b) {
    this.buf = Buffer.concat([this.buf, b]);
    while (this.buf.length >= 20 && this.buf.length >= this.buf.readUInt32BE(0)) {
      const len = this.buf.readUInt32BE(0), one = this.buf.subarray(0, len), cmd = one.readUInt32BE(4);
      this.buf = this.buf.subarray(len);
      if (cmd === RESP + BIND) {
        if (len !== 29) carrier.violation('bind_resp_length');
        if (one[20] !== 0) {
          carrier.stats.peer_refused = (carrier.stats.peer_refused ?? 0) + 1;
          carrier.stats.peer_result = one[20];
          continue;
        }
        this.bound = true;
        carrier.stats.peer_logins = (carrier.stats.peer_logins ?? 0) + 1;
        for (const [make, raw] of this.waiting.splice(0)) this.bring(make, raw);
      } else if ([DELIVER, REPORT, USERRPT].some((c) => cmd === RESP + c)) {
        if (len !== 29) carrier.violation('resp_length');
        this.delivers.answered(one.subarray(8, 20).toString('hex'), one[20]);
        if (this.delivers.open.size === 0 && carrier.behave.one_each) this.sock.write(pdu(UNBIND, nextSeq()));
      } else if (cmd === RESP + UNBIND) this.sock.end();
      else carrier.violation(`peer_command_${cmd.toString(16)}`);
    }
  }
}

function bringing(make, raw) {
  if (!carrier.behave.peer_port) {
    carrier.violation('no_peer_port');
    return;
  }
  if (carrier.behave.one_each) new Peer(carrier.behave.peer_port).bring(make, raw);
  else (peer ??= new Peer(carrier.behave.peer_port)).bring(make, raw);
}

const command = carrier.command.bind(carrier);
carrier.command = (path, body) => {
  const keep = carrier.behave.peer_port, { idle_close_now, userrpt_now, ...rest } = body;
  const out = command(path, rest);
  if (path === '/reset') carrier.behave.peer_port = keep;
  if (idle_close_now) for (const c of carrier.conns) if (c instanceof Conn) c.sock.end();
  if (userrpt_now) bringing((seq) => pdu(USERRPT, seq, fixed('10690000123', 21), fixed('8613000000000', 21), u8(0), Buffer.alloc(8)));
  return out;
};
carrier.listen(net.createServer((sock) => new Conn(sock)), opt.port, opt.control);
