// SPDX-License-Identifier: Apache-2.0
//
// What the carriers' gateways of the tests have in common, whatever they speak: what they remember, how they are told to
// misbehave, and the small HTTP control port. (The CMPP one, smsc.mjs, is complete in itself and speaks the same control.)
//
// Control port (HTTP, JSON):
//   GET  /messages  complete texts [{n,phone,src,text,parts,ref,at,seq,result}]; result null: received but never answered
//   GET  /stats     counters, violations [words], open connections
//   POST /behave    any of: throttle_every n, throttle_percent n, throttle_part k (that part of long texts), reject_phone
//                   {phone: code}, silent true|"submit", slow_ms, shuffle true (answers of one turn in reverse), drop_after n
//                   (submits of a connection; the n-th stays unanswered), report "DELIVRD"|"UNDELIV"|...|"none", report_part
//                   {k: stat}, report_before_resp, report_delay_ms, duplicate_reports, deliver_resend_ms, login_status n,
//                   mute_active_test, disconnect_now, terminate_now, active_test_now, send_hex, and what the protocol adds
//   POST /mo        {phone, text, fmt: 8|0, dest}
//   POST /report    {msg_id (as text), stat, phone}: a report out of the blue
//   POST /reset     messages, counters and behaviour as at the start (connections stay)
import http from 'node:http';
import fs from 'node:fs';

export class Bad extends Error {}
export const need = (cond, word) => { if (!cond) throw new Bad(word); };

const SEEN_MAX = 10000;
const china = (ms) => new Date(ms + 8 * 3600e3);
export const digits = (ms) => china(ms).toISOString().replace(/\D/g, ''); // yyyymmddhhmmss...
export const yymmddhhmm = (ms) => digits(ms).slice(2, 12);

// ---- bytes ----

export const u8 = (v) => Buffer.from([v]);
export const u32 = (v) => { const b = Buffer.alloc(4); b.writeUInt32BE(v >>> 0); return b; };
export const fixed = (s, width) => {
  const b = Buffer.alloc(width);
  if (b.write(s, 'latin1') !== Buffer.byteLength(s, 'latin1')) throw new Error(`does not fit in ${width}: ${s}`);
  return b;
};
export const ucs2 = (s) => Buffer.from(s, 'utf16le').swap16();
export function utf16(b) {
  need(b.length % 2 === 0, 'ucs2_odd');
  const s = Buffer.from(b).swap16().toString('utf16le');
  need(!/[\ud800-\udfff]/.test(s.replace(/[\ud800-\udbff][\udc00-\udfff]/g, '')), 'ucs2_cut_pair'); // a half of a pair
  return s;
}

// Takes fields from the front; what is left over at the end is a violation.
export class Reader {
  constructor(b, off) { this.b = b; this.o = off; }
  take(n) {
    need(this.o + n <= this.b.length, 'short');
    this.o += n;
    return this.b.subarray(this.o - n, this.o);
  }
  u8() { return this.take(1)[0]; }
  u32() { return this.take(4).readUInt32BE(0); }
  zero(n, word) { need(this.take(n).every((c) => c === 0), word); }
  // Fixed width: nothing but NUL after the first NUL.
  str(n, word) {
    const raw = this.take(n), end = raw.indexOf(0);
    if (end >= 0) need(raw.subarray(end).every((c) => c === 0), `${word}_padding`);
    return raw.subarray(0, end < 0 ? n : end).toString('latin1');
  }
  end(word) { need(this.o === this.b.length, word); }
}

// Content of one part: text, and where it stands in a longer one.
export function content(fmt, udhi, bytes) {
  const m = { total: 1, number: 1, body: bytes };
  if (udhi) {
    need(bytes[0] === 5 && bytes[1] === 0 && bytes[2] === 3 && bytes.length > 6, 'udh');
    [m.ref, m.total, m.number] = bytes.subarray(3, 6);
    need(m.total > 1 && m.number >= 1 && m.number <= m.total, 'udh_number');
    m.body = bytes.subarray(6);
  }
  need(bytes.length > 0 && bytes.length <= 140, 'content_length');
  need(fmt === 8 || fmt === 0, 'format_not_served');
  m.text = fmt === 8 ? utf16(m.body) : m.body.toString('latin1');
  return m;
}

// ---- what is sent until it is answered ----

export class Deliveries {
  constructor(carrier) { this.carrier = carrier; this.open = new Map(); }
  add(key, send) {
    const { behave, stats } = this.carrier, one = { sends: 1, timer: null };
    this.open.set(key, one);
    const again = () => {
      if (one.sends >= 3) {
        this.open.delete(key);
        return;
      }
      one.sends++;
      stats.report_resends++;
      send();
      one.timer = setTimeout(again, behave.deliver_resend_ms ?? 60000);
    };
    one.timer = setTimeout(again, behave.deliver_resend_ms ?? 60000);
    send();
  }
  answered(key, code) {
    const one = this.open.get(key), { stats } = this.carrier;
    if (!one) {
      this.carrier.violation('deliver_resp_unasked');
      return;
    }
    clearTimeout(one.timer);
    this.open.delete(key);
    if (code === 0) stats.deliver_acked++;
    else stats.deliver_refused++;
  }
  drop() {
    for (const d of this.open.values()) clearTimeout(d.timer);
    this.open.clear();
  }
}

// ---- the gateway ----

// proto: { throttle (code), nextId() -> id, idOf(text) -> id, test(conn), terminate(conn), raw(conn, bytes) }
// A connection (conn) has: up, destroy(), report(id, stat, m), mo(id, {phone, text, fmt, dest}), delivers (Deliveries).
export class Carrier {
  constructor(proto, { window = 16, src = '', log } = {}) {
    this.proto = proto;
    this.window = Number(window);
    this.src = src;
    this.log = log ? fs.openSync(log, 'a') : null; // written at once: a killed gateway has lost nothing
    this.conns = new Set();
    this.reset();
  }

  reset() {
    this.messages = [];
    this.partial = new Map();
    this.behave = {};
    this.stats = { connections: 0, logins: 0, login_refused: 0, submits: 0, accepted: 0, throttled: 0, rejected: 0, unanswered: 0,
      window_peak: 0, active_tests: 0, active_test_resps: 0, terminates: 0, reports: 0, report_resends: 0, deliver_acked: 0,
      deliver_refused: 0, nacks: 0, mos: 0, violations: [], violations_n: 0 };
  }

  violation(word) {
    this.stats.violations_n++;
    if (this.stats.violations.length < 100) this.stats.violations.push(word);
  }

  opened(conn) {
    conn.submits = 0;
    conn.open = 0;
    conn.seen = new Set();
    conn.turn = [];
    conn.delivers = new Deliveries(this);
    this.conns.add(conn);
    this.stats.connections++;
  }

  closed(conn) {
    this.conns.delete(conn);
    conn.delivers.drop();
  }

  // At the end of the turn in which bytes were read.
  turnOver(conn) {
    const turn = conn.turn;
    conn.turn = [];
    for (const f of turn.reverse()) f();
  }

  // m: {phone, src, text, body, total, number, ref, wantReport}; reply(code, id) writes the answer.
  submit(conn, key, m, id, reply) {
    const { stats, behave, proto } = this;
    stats.submits++;
    conn.submits++;
    if (conn.seen.has(key)) this.violation('sequence_reused');
    conn.seen.add(key);
    if (conn.seen.size > SEEN_MAX) conn.seen.delete(conn.seen.values().next().value);
    conn.open++;
    stats.window_peak = Math.max(stats.window_peak, conn.open);
    if (conn.open > this.window) this.violation('window_overrun');
    if (this.src && !m.src.startsWith(this.src)) this.violation('src_id');
    const phone = m.phone.replace(/^\+?86/, '');
    if (!/^1[3-9]\d{9}$/.test(phone)) this.violation('phone');

    let code = 0;
    if (behave.reject_phone?.[phone]) code = behave.reject_phone[phone];
    else if (behave.throttle_every && stats.submits % behave.throttle_every === 0) code = proto.throttle;
    else if (behave.throttle_percent && Math.random() * 100 < behave.throttle_percent) code = proto.throttle;
    else if (behave.throttle_part && m.total > 1 && m.number === behave.throttle_part) code = proto.throttle;
    const dropped = behave.drop_after && conn.submits >= behave.drop_after, mute = behave.silent || dropped;
    if (code === 0) this.collect(m, phone, key, mute ? null : 0);
    if (mute) stats.unanswered++;
    if (dropped) conn.destroy();
    if (mute) return;
    const answer = () => {
      conn.open--;
      if (code === 0) stats.accepted++;
      else if (code === proto.throttle) stats.throttled++;
      else stats.rejected++;
      const stat = behave.report_part?.[m.number] ?? behave.report ?? 'DELIVRD';
      const wanted = code === 0 && m.wantReport && stat !== 'none';
      const report = () => this.report(this.reporter(conn), id, stat, { ...m, phone });
      if (wanted && behave.report_before_resp) report();
      reply(code, id);
      if (wanted && !behave.report_before_resp) {
        if (behave.report_delay_ms) setTimeout(report, behave.report_delay_ms);
        else report();
      }
    };
    if (behave.slow_ms) setTimeout(answer, behave.slow_ms);
    else if (behave.shuffle) conn.turn.push(answer);
    else answer();
  }

  collect(m, phone, key, result) {
    let whole = m.text, first = key;
    if (m.total > 1) {
      const k = [phone, m.src, m.ref, m.total].join('/');
      const p = this.partial.get(k) ?? { parts: [], n: 0, key };
      this.partial.set(k, p);
      if (p.parts[m.number] !== undefined) {
        this.violation('part_twice');
        return;
      }
      if (m.number < m.total && m.body.length !== 134 && m.body.length !== 132) this.violation('part_not_full');
      p.parts[m.number] = m.text;
      if (result === null) p.unanswered = true;
      if (++p.n < m.total) return;
      this.partial.delete(k);
      whole = p.parts.slice(1).join('');
      first = p.key;
      if (p.unanswered) result = null;
    }
    const row = { n: this.messages.length + 1, phone, src: m.src, text: whole, parts: m.total, ref: m.ref, at: Date.now(), seq: first, result };
    this.messages.push(row);
    if (this.log !== null) fs.writeSync(this.log, `${JSON.stringify(row)}\n`);
  }

  // Gateways report on any connection of the account.
  reporter(conn) { return (this.behave.report_elsewhere && [...this.conns].find((c) => c.up && c !== conn)) || conn; }

  report(conn, id, stat, m) {
    for (let i = 0; i < (this.behave.duplicate_reports ? 2 : 1); i++) {
      this.stats.reports++;
      conn.report(id, stat, m);
    }
  }

  command(path, body) {
    const live = [...this.conns].filter((c) => c.up), { proto } = this;
    if (path === '/reset') return this.reset();
    if (path === '/mo') {
      if (!live.length) return 'no connection';
      this.stats.mos++;
      return live.at(-1).mo(proto.nextId(), { fmt: 8, dest: '10690000123', ...body });
    }
    if (path === '/report') {
      if (!live.length) return 'no connection';
      return this.report(live.at(-1), proto.idOf(body.msg_id), body.stat ?? 'DELIVRD', { phone: body.phone, src: body.dest ?? '10690000123' });
    }
    if (path !== '/behave') return 'no such command';
    const { disconnect_now, terminate_now, active_test_now, send_hex, ...keep } = body;
    Object.assign(this.behave, keep);
    for (const c of live) {
      if (active_test_now) proto.test(c);
      if (terminate_now) proto.terminate(c);
      if (send_hex) proto.raw(c, Buffer.from(send_hex, 'hex'));
    }
    if (disconnect_now) for (const c of this.conns) c.destroy();
    return undefined;
  }

  async listen(server, port, controlPort) {
    const control = http.createServer((req, res) => {
      const chunks = [];
      req.on('data', (c) => chunks.push(c));
      req.on('end', () => {
        let code = 200, out = { ok: true };
        try {
          if (req.method === 'GET' && req.url === '/messages') out = this.messages;
          else if (req.method === 'GET' && req.url === '/stats')
            out = { ...this.stats, messages: this.messages.length, partial: this.partial.size, open_connections: this.conns.size,
              unacked_delivers: [...this.conns].reduce((n, c) => n + c.delivers.open.size, 0) };
          else if (req.method === 'POST') {
            const problem = this.command(req.url, chunks.length ? JSON.parse(Buffer.concat(chunks).toString()) : {});
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
    await new Promise((done) => { server.listen(Number(port), '127.0.0.1', done); });
    await new Promise((done) => { control.listen(Number(controlPort), '127.0.0.1', done); });
    console.log(JSON.stringify({ port: server.address().port, control: control.address().port }));
    for (const s of ['SIGTERM', 'SIGINT']) process.on(s, () => process.exit(0));
  }
}

// ---- connections whose frames begin with their length ----

// Subclasses give: head, max, receive(bytes); conn.up is theirs to set.
export class Framed {
  constructor(carrier, sock, head, max) {
    this.carrier = carrier;
    this.sock = sock;
    this.buf = Buffer.alloc(0);
    this.up = false;
    this.seq = 0;
    carrier.opened(this);
    sock.setNoDelay(true);
    sock.on('data', (b) => this.data(b, head, max));
    sock.on('error', () => {});
    sock.on('close', () => carrier.closed(this));
  }

  send(b) {
    if (!this.sock.destroyed && this.carrier.behave.silent !== true) this.sock.write(b);
  }

  destroy() { this.sock.destroy(); }

  data(b, head, max) {
    this.buf = this.buf.length ? Buffer.concat([this.buf, b]) : b;
    while (this.buf.length >= 4 && !this.sock.destroyed) {
      const len = this.buf.readUInt32BE(0);
      if (len < head || len > max) {
        this.carrier.violation('frame_length');
        this.sock.destroy();
        return;
      }
      if (this.buf.length < len) break;
      const one = this.buf.subarray(0, len);
      this.buf = this.buf.subarray(len);
      try {
        this.receive(one);
      } catch (e) {
        if (!(e instanceof Bad)) throw e;
        this.carrier.violation(e.message);
        this.sock.destroy();
      }
    }
    this.carrier.turnOver(this);
  }
}
