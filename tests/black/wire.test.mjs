// SPDX-License-Identifier: Apache-2.0
// The wire as hostile and as careless clients use it: every row of what libwebsockets gets wrong by default, against the network
// alone (tests/peers/netserver.c). What the library leaves no way to mend is asserted as it is, and named.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { BINARY, CLOSE, CONT, KEY, PING, PONG, Server, TEXT, WS_PATH, closeBody, frame, handshake } from './lib/wire.mjs';

const parallel = { concurrency: 16 };
after(() => Server.endAll());

describe('websocket', parallel, () => {
  let s;
  before(async () => { s = await Server.start({ loops: 2, message: 65536 }); });
  after(async () => { await s.stop(); });

  describe('handshake', parallel, () => {
    const refused = (name, status, options, extra = {}) => it(name, async () => {
      const [a, ...more] = await s.answers(handshake(options), extra);
      assert.equal(a.status, status, a.text);
      assert.equal(a.headers.connection, 'close');
      assert.equal(more.length, 0);
    });
    it('is accepted', async () => { await (await s.ws()).echo('hello'); });
    it('accepts names and tokens in any case, in lists, with blanks after', async () => {
      const a = await s.answer(handshake({ connection: 'CONNECTION:keep-alive , upgrade \t\r\n', upgrade: 'upgrade: h2c, WebSocket  \r\n', key: `${KEY}  ` }));
      assert.equal(a.status, 101);
    });
    it('ignores unknown subprotocols and extensions', async () => {
      const w = await s.ws({ extra: 'Sec-WebSocket-Protocol: centrifuge-json, x\r\nSec-WebSocket-Extensions: permessage-deflate\r\n' });
      await w.echo('plain');
    });
    it('is not stalled by headers whose names begin like known ones', async () => {
      const extra = ['X', 'X-F', 'A', 'Con', 'Sec', 'Max'].map((n) => `${n}: 1\r\n`).join('');
      await (await s.ws({ extra })).echo('x');
    });
    it('takes a long head', async () => { await (await s.ws({ extra: `Cookie: ${'c'.repeat(6000)}\r\n` })).echo('x'); });
    it('comes byte by byte', async () => {
      const r = s.raw();
      for (const c of handshake()) { r.write(c); await new Promise(setImmediate); }
      assert.equal((await r.answer()).status, 101);
    });
    for (const v of ['12', '14', '013', '13, 13', 'abc', '', null, '13\r\nSec-WebSocket-Version: 8'])
      it(`Version ${JSON.stringify(v)}`, async () => {
        const [a] = await s.answers(handshake({ version: v }));
        const twice = v?.includes('\n');
        assert.equal(a.status, twice ? 400 : 426);
        if (!twice) assert.equal(a.headers['sec-websocket-version'], '13');
      });
    for (const k of ['AA==', 'dGhlIHNhbXBsZSBub25j', 'dGhlIHNhbXBsZSBub25jZTE=', 'dGhlIHNhbXBsZSBub25jZ1==', '????IHNhbXBsZSBub25jZQ==', '', null, `${KEY}, ${KEY}`,
      `${KEY}\r\nSec-WebSocket-Key: ${KEY}`])
      refused(`Key ${JSON.stringify(k)}`, 400, { key: k });
    refused('POST', 411, { method: 'POST' });
    refused('POST with a body', 405, { method: 'POST', extra: 'Content-Length: 0\r\n' });
    refused('HEAD', 405, { method: 'HEAD' }, { head: true });
    refused('lower-case method', 501, { method: 'get' });
    refused('HTTP/1.0', 505, { http: 'HTTP/1.0' });
    refused('HTTP/3.7', 505, { http: 'HTTP/3.7' });
    refused('HTTP/0.9', 505, { http: 'HTTP/0.9' });
    refused('no Host', 400, { host: '' });
    refused('two Hosts', 400, { host: 'Host: a\r\nHost: a\r\n' });
    refused('a body', 400, { extra: 'Content-Length: 3\r\n' });
    refused('Transfer-Encoding', 411, { extra: 'Transfer-Encoding: chunked\r\n' });
    refused('no Connection: upgrade', 400, { connection: '' });
    refused('no Upgrade', 426, { upgrade: '' });
    refused('h2c alone', 426, { upgrade: 'Upgrade: h2c\r\n' });
    refused('foreign Origin', 403, { extra: 'Origin: https://evil.example\r\n' });
    refused('Origin null', 403, { extra: 'Origin: null\r\n' });
    refused('two Origins', 400, { extra: 'Origin: http://a\r\nOrigin: http://a\r\n' });
    for (const o of ['http://a', 'https://A', 'http://a:80', 'https://a:443'])
      it(`same Origin ${o}`, async () => { await (await s.ws({ extra: `Origin: ${o}\r\n` })).echo('x'); });
    it('upgrades on the one path only', async () => {
      const a = await s.answer(handshake({ path: '/hello' }));
      assert.equal(a.status, 200);
    });
    it('takes frames sent with the handshake, whole and long', async () => {
      const long = 'é'.repeat(20000);
      const w = await s.ws({ early: Buffer.concat([frame(TEXT, 'one'), frame(TEXT, long), frame(TEXT, 'three')]) });
      const got = [];
      while (got.length < 3) got.push(...(await w.nextText()).split('\n'));
      assert.deepEqual(got, ['one', long, 'three']);
    });
  });

  describe('messages', parallel, () => {
    for (const n of [0, 1, 125, 126, 127, 255, 256, 257, 511, 512, 4096, 65535, 65536])
      it(`of ${n} bytes come back`, async () => { await (await s.ws()).echo('m'.repeat(n)); });
    it('come byte by byte', async () => {
      const w = await s.ws();
      for (const b of frame(TEXT, 'slowly, 慢')) { w.raw.write(Buffer.from([b])); await new Promise(setImmediate); }
      assert.equal(await w.nextText(), 'slowly, 慢');
    });
    it('in fragments, with control frames between', async () => {
      const w = await s.ws(), t = Buffer.from('ä'.repeat(300));
      w.send(TEXT, t.subarray(0, 1), { fin: false });
      w.send(CONT, '', { fin: false });
      w.send(PING, 'between');
      w.send(CONT, t.subarray(1, 401), { fin: false });
      w.send(CONT, t.subarray(401));
      const f = await w.next();
      assert.equal(f.op, PONG);
      assert.equal(f.payload.toString(), 'between');
      assert.equal(await w.nextText(), t.toString());
      await w.echo('and on');
    });
    it('an empty last fragment ends a message', async () => {
      const w = await s.ws();
      w.send(TEXT, 'abc', { fin: false });
      w.send(CONT, '');
      assert.equal(await w.nextText(), 'abc');
    });
    it('many in one write: answered in order', async () => {
      const w = await s.ws();
      w.raw.write(Buffer.concat(Array.from({ length: 50 }, (_, i) => frame(TEXT, `n${i}`))));
      const got = [];
      while (got.length < 50) got.push(...(await w.nextText()).split('\n'));
      assert.deepEqual(got, Array.from({ length: 50 }, (_, i) => `n${i}`));
    });
    it('ping is answered, pong is ignored', async () => {
      const w = await s.ws();
      w.send(PONG, 'unasked');
      w.send(PING, 'p'.repeat(125));
      assert.equal((await w.next()).payload.toString(), 'p'.repeat(125));
      await w.echo('x');
    });
    it('several pings in one read: the first is answered (library)', async () => {
      const w = await s.ws();
      w.raw.write(Buffer.concat([frame(PING, '1'), frame(PING, '2'), frame(TEXT, 'x')]));
      const seen = [await w.next(), await w.next()];
      assert.deepEqual(seen.map((f) => f.payload.toString()).sort(), ['1', 'x']);
      await w.echo('alive');
    });
    it('unmasked frames are accepted (library; see ws.c)', async () => {
      const w = await s.ws();
      w.send(TEXT, 'bare', { mask: false });
      assert.equal(await w.nextText(), 'bare');
    });
    const fails = (name, code, act) => it(name, async () => {
      const w = await s.ws();
      act(w);
      await w.closed(code);
    });
    fails('binary: 1003', 1003, (w) => w.send(BINARY, 'b'));
    fails('empty binary: 1003', 1003, (w) => w.send(BINARY, ''));
    const bad = { 'lone continuation byte': [0x80], 'overlong': [0xc0, 0xaf], 'surrogate': [0xed, 0xa0, 0x80], 'above U+10FFFF': [0xf4, 0x90, 0x80, 0x80],
      'cut at the end': [0x61, 0xe2, 0x82] };
    for (const [name, bytes] of Object.entries(bad)) {
      fails(`UTF-8, ${name}: 1007`, 1007, (w) => w.send(TEXT, Buffer.from(bytes)));
      fails(`UTF-8, ${name}, long: 1007`, 1007, (w) => w.send(TEXT, Buffer.concat([Buffer.alloc(700, 0x61), Buffer.from(bytes)])));
    }
    fails('UTF-8 cut by the end of a fragmented text: 1007', 1007, (w) => { w.send(TEXT, 'abc', { fin: false }); w.send(CONT, Buffer.from([0xe2, 0x82])); });
    fails('too long, declared: 1009 before the data comes', 1009, (w) => w.send(TEXT, 'x'.repeat(300), { len: 70000n, form: 64 }));
    fails('2^62 bytes declared: 1009', 1009, (w) => w.send(TEXT, 'x'.repeat(300), { len: 1n << 62n }));
    fails('one byte too long: 1009', 1009, (w) => w.send(TEXT, 'x'.repeat(65537)));
    fails('too long in fragments: 1009', 1009, (w) => {
      w.send(TEXT, 'x'.repeat(40000), { fin: false });
      w.send(CONT, 'x'.repeat(30000), { fin: false });
    });
    fails('reserved opcode: 1002', 1002, (w) => w.send(3, 'x'));
    fails('continuation of nothing: 1002', 1002, (w) => w.send(CONT, 'x'));
    fails('text inside a fragmented text: 1002', 1002, (w) => { w.send(TEXT, 'a', { fin: false }); w.send(TEXT, 'b'); });
    fails('fragmented ping: 1002', 1002, (w) => w.send(PING, 'x', { fin: false }));
    fails('RSV1 on text: 1002', 1002, (w) => w.send(TEXT, 'x', { rsv: 4 }));
    fails('control frame over 125 bytes: the end', null, (w) => w.send(PING, 'x'.repeat(126)));
    fails('64-bit length with the high bit: the end', null, (w) => w.send(TEXT, '', { len: 1n << 63n, form: 64 }));
    it('an unfinished message owns memory only until it ends', async () => {
      const w = await s.ws();
      w.send(TEXT, 'x'.repeat(1000), { fin: false });
      w.send(CONT, 'y');
      assert.equal(await w.nextText(), `${'x'.repeat(1000)}y`);
    });
  });

  describe('Close of the client', parallel, () => {
    const closes = (name, body, code) => it(name, async () => {
      const w = await s.ws();
      w.send(CLOSE, body);
      const f = await w.next();
      assert.equal(f.op, CLOSE);
      if (code === undefined) assert.equal(f.payload.length, 0);
      else assert.equal(f.code, code);
      assert.equal((await w.next()).op, null);
    });
    closes('1000', closeBody(1000, 'bye'), 1000);
    closes('1001', closeBody(1001), 1001);
    closes('3000', closeBody(3000, '再见'), 3000);
    closes('4999', closeBody(4999), 4999);
    closes('one byte: 1002', Buffer.from([3]), 1002);
    closes('reason cut in a character: 1002', Buffer.concat([closeBody(1000), Buffer.from([0xe5, 0x86])]), 1002);
    for (const c of [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]) closes(`code ${c}: 1002`, closeBody(c), 1002);
    it('empty', async () => {
      const w = await s.ws();
      w.send(CLOSE, '');
      assert.equal((await w.next()).op, CLOSE);
      assert.equal((await w.next()).op, null);
    });
    it('right after messages', async () => {
      const w = await s.ws();
      w.raw.write(Buffer.concat([frame(TEXT, 'last'), frame(CLOSE, closeBody(1000))]));
      await w.closed(1000);
    });
  });

  describe('Close of the server', parallel, () => {
    it('code and reason arrive, after what was sent before', async () => {
      const w = await s.ws();
      w.raw.write(Buffer.concat([frame(TEXT, 'first'), frame(TEXT, 'second'), frame(TEXT, '!close 3501 bad request'), frame(TEXT, 'ignored')]));
      const got = [];
      while (got.length < 2) got.push(...(await w.nextText()).split('\n'));
      assert.deepEqual(got, ['first', 'second']);
      await w.closed(3501, 'bad request');
    });
    it('a client that never answers loses the connection', async () => {
      const w = await s.ws();
      w.text('!close 3008 slow');
      const f = await w.next();
      assert.equal(f.code, 3008);
      assert.equal((await w.next()).op, null);
    });
    it('both at once', async () => {
      const w = await s.ws();
      w.raw.write(Buffer.concat([frame(TEXT, '!close 3500 invalid token'), frame(CLOSE, closeBody(1000))]));
      const f = await w.next();
      assert.equal(f.code, 3500);
      assert.equal((await w.next()).op, null);
    });
    it('a reset is an end like any other', async () => {
      const w = await s.ws();
      await w.echo('x');
      w.raw.s.resetAndDestroy();
      await (await s.ws()).echo('others go on');
    });
  });

  describe('queue', parallel, () => {
    const names = (t) => t.split('\n').map((x) => x.split(';')[0]);
    it('one turn: the first frame at once, the others merged', async () => {
      const w = await s.ws();
      w.text('!burst 8 100 0');
      assert.deepEqual(names(await w.nextText()), ['f0']);
      assert.deepEqual(names(await w.nextText()), ['f1', 'f2', 'f3', 'f4', 'f5', 'f6', 'f7']);
    });
    it('latest wins: the queued one of a key goes, the new one joins the tail', async () => {
      const w = await s.ws();
      w.text('!burst 10 50 3'); // keys 1 2 3 1 2 3 ...; f0 was written at once
      assert.deepEqual(names(await w.nextText()), ['f0']);
      assert.deepEqual(names(await w.nextText()), ['f7', 'f8', 'f9']);
    });
    it('1 000 frames of few keys fit the queue', async () => {
      const w = await s.ws();
      w.text('!burst 1000 600 60');
      assert.deepEqual(names(await w.nextText()), ['f0']);
      assert.deepEqual(names(await w.nextText()), Array.from({ length: 60 }, (_, i) => `f${940 + i}`));
    });
    it('64 frames, then the limit: 3008', async () => {
      const w = await s.ws();
      w.text('!burst 65 10 0');
      assert.deepEqual([...names(await w.nextText()), ...names(await w.nextText())], Array.from({ length: 65 }, (_, i) => `f${i}`));
      w.text('!burst 66 10 0');
      assert.deepEqual([...names(await w.nextText()), ...names(await w.nextText())], Array.from({ length: 65 }, (_, i) => `f${i}`));
      await w.closed(3008, 'slow');
    });
    it('256 KiB, then the limit', async () => {
      const w = await s.ws();
      w.text('!burst 10 60000 0'); // one at once, four queued are 240 000
      await w.closed(3008, 'slow');
    });
    it('large frames keep their order and are not merged beyond a packet', async () => {
      const w = await s.ws();
      w.text('!burst 5 60000 0');
      for (let i = 0; i < 5; i++) {
        const t = await w.nextText();
        assert.equal(t.length, 60000);
        assert.ok(t.startsWith(`f${i};`));
      }
    });
    it('one frame of 1 MiB', async () => {
      const w = await s.ws();
      w.text('!burst 1 1048576 0');
      assert.equal((await w.nextText()).length, 1048576);
      await w.echo('x');
    });
  });

  it('ids and loops: both loops get connections', async () => {
    const seen = new Set();
    for (let i = 0; i < 64 && seen.size < 2; i++) {
      const w = await s.ws();
      w.text('!id');
      const [loop, id] = (await w.nextText()).split(' ');
      assert.equal(BigInt(`0x${id}`) >> 56n, BigInt(loop));
      seen.add(loop);
      w.raw.s.destroy();
    }
    assert.equal(seen.size, 2);
  });
});

describe('slow readers', parallel, () => {
  let s;
  before(async () => { s = await Server.start({ loops: 1 }); });
  after(async () => { await s.stop(); });

  it('latest-wins: the newest of every key arrives, offsets ascend', async () => {
    const w = await s.ws(), other = await s.ws();
    w.raw.s.pause();
    w.text('!stream 40000 600 8');
    for (let i = 0; i < 20; i++) await other.echo(`still here ${i}`);
    w.raw.s.resume();
    let last = -1, n = 0;
    while (last < 39999) {
      for (const t of (await w.nextText()).split('\n')) {
        const i = Number(/^f(\d+);/.exec(t)[1]);
        assert.ok(i > last);
        last = i;
        n++;
      }
    }
    assert.ok(n >= 8);
    await w.echo('and on');
  });

  it('plain frames: bounded, closed; others do not notice', async () => {
    const before = (await s.stats()).limited;
    const w = await s.ws(), other = await s.ws();
    w.raw.s.pause();
    w.text('!stream 100000 1000 0');
    while ((await s.stats()).limited === before) await other.echo('still here');
    w.raw.s.resume();
    let f = await w.next(), last = -1;
    for (; f.op === TEXT; f = await w.next())
      for (const t of f.payload.toString().split('\n')) assert.equal(Number(/^f(\d+);/.exec(t)[1]), ++last);
    assert.ok(f.op === null || f.code === 3008); // with unsent bytes the library cannot send Close
    await other.echo('still here');
  });
});

describe('http', parallel, () => {
  let s;
  before(async () => { s = await Server.start({ loops: 2, body: 100000, origins: 'https://page.example', proxies: '127.0.0.1' }); });
  after(async () => { await s.stop(); });

  it('answers with Date, length, type and the security headers', async () => {
    const a = await s.get('/hello');
    assert.equal(a.status, 200);
    assert.equal(a.body, 'hello');
    assert.ok(Math.abs(Date.parse(a.headers.date) - Date.now()) < 60000);
    assert.match(a.headers.date, /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/);
    assert.equal(a.headers['content-length'], '5');
    assert.equal(a.headers['x-content-type-options'], 'nosniff');
    assert.equal(a.headers['referrer-policy'], 'no-referrer');
    assert.match(a.headers['content-security-policy'], /default-src 'self'.*frame-ancestors/);
    assert.equal(a.headers.connection, undefined);
  });
  it('hands over path, query, headers and body', async () => {
    const a = await s.answer('POST /echo?x=%E4%B8%AD&y=1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t \r\nContent-Type:application/json\r\nX-ZB-Sign: s\r\n' +
      'Content-Length: 9\r\n\r\n{"a":"b"}');
    const r = JSON.parse(a.body);
    assert.deepEqual([r.path, r.query, r.authorization, r.content_type, r.zb_sign, r.body, r.body_n],
      ['/echo', 'x=%E4%B8%AD&y=1', 'Bearer t', 'application/json', 's', '{"a":"b"}', 9]);
    assert.equal(a.headers['x-test'], 'yes');
  });
  it('takes the absolute form', async () => {
    const a = await s.answer('GET http://b:80/echo?q=1 HTTP/1.1\r\nHost: a\r\n\r\n');
    const r = JSON.parse(a.body);
    assert.deepEqual([r.path, r.query], ['/echo', 'q=1']);
  });
  it('body byte by byte', async () => {
    const r = s.raw();
    for (const c of 'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde') { r.write(c); await new Promise(setImmediate); }
    assert.equal(JSON.parse((await r.answer()).body).body, 'abcde');
  });
  it('keep-alive: many requests on one connection', async () => {
    const r = s.raw();
    for (let i = 0; i < 20; i++) {
      r.write(`POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: ${String(i).length}\r\n\r\n${i}`);
      assert.equal(JSON.parse((await r.answer()).body).body, String(i));
    }
  });
  it('pipelined requests are answered in order, also slow ones', async () => {
    const r = s.raw();
    let t = '';
    for (let i = 0; i < 10; i++) t += `GET /later?ms=${(10 - i) * 3} HTTP/1.1\r\nHost: a\r\n\r\nPOST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n${i}`;
    r.write(t);
    for (let i = 0; i < 10; i++) {
      assert.equal((await r.answer()).body, 'later');
      assert.equal(JSON.parse((await r.answer()).body).body, String(i));
    }
  });
  it('Connection: close', async () => {
    const [a, ...more] = await s.answers('GET /hello HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Close\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.equal(a.headers.connection, 'close');
    assert.equal(more.length, 0);
  });
  it('HTTP/1.0: answered and closed, Host not needed', async () => {
    const [a] = await s.answers('GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
    assert.equal(a.status, 200);
    assert.equal(a.headers.connection, 'close');
  });
  it('HEAD has the length and no body', async () => {
    const r = s.raw();
    r.write('HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n');
    const a = await r.answer({ head: true });
    assert.equal(a.headers['content-length'], '5');
    r.write('GET /hello HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.equal((await r.answer()).body, 'hello');
  });
  it('304 has neither body nor length', async () => {
    const r = s.raw();
    r.write('GET /etag HTTP/1.1\r\nHost: a\r\nIf-None-Match: "1"\r\n\r\nGET /etag HTTP/1.1\r\nHost: a\r\n\r\n');
    const a = await r.answer();
    assert.equal(a.status, 304);
    assert.equal(a.headers.etag, '"1"');
    assert.equal(a.headers['content-length'], undefined);
    assert.equal((await r.answer()).body, 'tagged');
  });
  it('a client that reads late gets 8 MiB', async () => {
    const r = s.raw();
    r.s.pause();
    r.write('GET /big?n=8388608 HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n');
    await s.get('/hello');
    r.s.resume();
    assert.equal((await r.answer()).body.length, 8388608);
    assert.equal((await r.answer()).body, 'hello');
  });
  it('a half-closed client still gets its answer', async () => {
    const r = s.raw();
    r.write('GET /later?ms=30 HTTP/1.1\r\nHost: a\r\n\r\n');
    r.s.end();
    assert.equal((await r.answer()).body, 'later');
    await r.end();
  });
  it('a client that has gone: the answer is dropped', async () => {
    const r = s.raw();
    const { requests } = await s.stats();
    r.write('GET /never HTTP/1.1\r\nHost: a\r\n\r\n');
    while ((await s.stats()).requests === requests + 1) { /* until it has arrived */ }
    r.s.resetAndDestroy();
    assert.equal((await s.get('/now')).status, 204);
    assert.equal((await s.get('/now')).status, 204); // and a second answer to a gone id
    assert.equal((await s.get('/hello')).status, 200);
  });
  it('Expect: 100-continue', async () => {
    const r = s.raw();
    r.write('POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n');
    assert.equal((await r.answer()).status, 100);
    r.write('hi');
    assert.equal(JSON.parse((await r.answer()).body).body, 'hi');
  });
  it('an empty line before a request is passed over', async () => {
    assert.equal((await s.answer('\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n')).status, 200);
  });
  it('h2c is not switched to', async () => {
    const a = await s.answer('GET /hello HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n');
    assert.equal(a.status, 200);
    assert.equal((await s.answers('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'))[0].status, 505);
  });

  describe('refusals', parallel, () => {
    const post = (headers, body = '') => `POST /echo HTTP/1.1\r\nHost: a\r\n${headers}\r\n${body}`;
    const hidden = 'GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n';
    const rows = [
      ['Content-Length "2, 7"', 400, post('Content-Length: 2, 7\r\n', hidden)],
      ['Content-Length +2', 400, post('Content-Length: +2\r\n', hidden)],
      ['Content-Length 0x2', 400, post('Content-Length: 0x2\r\n', hidden)],
      ['Content-Length 2a', 400, post('Content-Length: 2a\r\n', hidden)],
      ['Content-Length 2.0', 400, post('Content-Length: 2.0\r\n', hidden)],
      ['Content-Length empty', 400, post('Content-Length:\r\n', hidden)],
      ['Content-Length -1', 400, post('Content-Length: -1\r\n', hidden)],
      ['two equal Content-Lengths', 400, post('Content-Length: 2\r\nContent-Length: 2\r\n', hidden)],
      ['two Content-Lengths', 400, post('Content-Length: 2\r\nContent-Length: 9\r\n', hidden)],
      ['Content-Length and Transfer-Encoding', 400, post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${hidden}`)],
      ['Transfer-Encoding after a line that ends with LF', 400, post('X: y\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n', `0\r\n\r\n${hidden}`)],
      ['chunked', 411, post('Transfer-Encoding: chunked\r\n', `0\r\n\r\n${hidden}`)],
      ['Transfer-Encoding identity', 411, post('Transfer-Encoding: identity\r\n', hidden)],
      ['chunked on GET', 411, `GET /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`],
      ['Transfer-Encoding in HTTP/1.0', 400, `POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`],
      ['a body on GET', 400, `GET /echo HTTP/1.1\r\nHost: a\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`],
      ['POST without a length', 411, post('', hidden)],
      ['PUT without a length', 411, 'PUT /echo HTTP/1.1\r\nHost: a\r\n\r\n'],
      ['a body too large', 413, post('Content-Length: 100001\r\n')],
      ['a length with 40 digits', 413, post(`Content-Length: ${'9'.repeat(40)}\r\n`)],
      ['no Host', 400, 'GET /echo HTTP/1.1\r\n\r\n'],
      ['two Hosts', 400, 'GET /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
      ['bad Host', 400, 'GET /echo HTTP/1.1\r\nHost: a b\r\n\r\n'],
      ['Host with a path', 400, 'GET /echo HTTP/1.1\r\nHost: a/b\r\n\r\n'],
      ['two Authorizations', 400, 'GET /echo HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n'],
      ['a header without a colon', 400, 'GET /echo HTTP/1.1\r\nHost: a\r\nnothing\r\n\r\n'],
      ['an empty header name', 400, 'GET /echo HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n'],
      ['a blank before the colon', 400, 'GET /echo HTTP/1.1\r\nHost: a\r\nContent-Length : 0\r\n\r\n'],
      ['a folded line', 400, 'GET /echo HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n'],
      ['LF as line end', 400, 'GET /echo HTTP/1.1\nHost: a\n\n'],
      ['a bare CR', 400, 'GET /echo HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n'],
      ['NUL in a header', 400, 'GET /echo HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n'],
      ['a control character in a header', 400, 'GET /echo HTTP/1.1\r\nHost: a\r\nX: a\x01b\r\n\r\n'],
      ['an unknown method', 501, 'BREW /echo HTTP/1.1\r\nHost: a\r\n\r\n'],
      ['PATCH', 405, 'PATCH /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n'],
      ['CONNECT', 405, 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n'],
      ['two blanks in the request line', 400, 'GET  /echo HTTP/1.1\r\nHost: a\r\n\r\n'],
      ['no version', 400, 'GET /echo\r\nHost: a\r\n\r\n'],
      ['HTTP/2.0', 505, 'GET /echo HTTP/2.0\r\nHost: a\r\n\r\n'],
      ['HTTP/1.11', 400, 'GET /echo HTTP/1.11\r\nHost: a\r\n\r\n'],
      ['http/1.1', 400, 'GET /echo http/1.1\r\nHost: a\r\n\r\n'],
      ['a target without a slash', 400, 'GET echo HTTP/1.1\r\nHost: a\r\n\r\n'],
      ['a raw byte over 0x7f in the target', 400, 'GET /\xe4 HTTP/1.1\r\nHost: a\r\n\r\n'],
      ['a fragment in the target', 400, 'GET /echo#x HTTP/1.1\r\nHost: a\r\n\r\n'],
      ['a long target', 414, `GET /${'a'.repeat(5000)} HTTP/1.1\r\nHost: a\r\n\r\n`],
      ['an endless target', 414, `GET /${'a'.repeat(20000)}`],
      ['large headers', 431, `GET /echo HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(9000)}\r\n\r\n`],
      ['many headers', 431, `GET /echo HTTP/1.1\r\nHost: a\r\n${'X: 1\r\n'.repeat(80)}\r\n`],
      ['another expectation', 417, post('Content-Length: 1\r\nExpect: magic\r\n', 'x')],
      ['an empty line only', 400, '\r\n\r\nX\r\n\r\n'],
      ['a TLS hello', 400, '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03'],
    ];
    for (const [name, status, text] of rows) it(`${name}: ${status}`, async () => {
      const [a, ...more] = await s.answers(text);
      assert.equal(a.status, status, a.text);
      assert.equal(a.headers.connection, 'close');
      assert.equal(a.headers['content-type'], 'application/problem+json');
      assert.equal(JSON.parse(a.body).status, status);
      if (status === 405) assert.match(a.headers.allow, /GET/);
      assert.equal(more.length, 0, 'nothing hidden was run');
    });
    it('no hidden request was run', async () => { assert.equal((await s.get('/hello')).status, 200); });
    it('a refused upload is read away: the answer arrives', async () => {
      const r = s.raw();
      r.write(post('Content-Length: 3000000\r\n'));
      r.write(Buffer.alloc(3000000, 0x61));
      assert.equal((await r.answer()).status, 413);
    });
  });

  describe('origins', parallel, () => {
    it('preflight', async () => {
      const a = await s.answer('OPTIONS /v1/tasks HTTP/1.1\r\nHost: a\r\nOrigin: https://page.example\r\nAccess-Control-Request-Method: POST\r\n' +
        'Access-Control-Request-Headers: authorization\r\n\r\n');
      assert.equal(a.status, 204);
      assert.equal(a.headers['access-control-allow-origin'], 'https://page.example');
      assert.match(a.headers['access-control-allow-methods'], /POST/);
      assert.match(a.headers['access-control-allow-headers'], /authorization/);
      assert.equal(a.headers['content-length'], undefined);
    });
    it('preflight of a stranger: 403', async () => {
      const a = await s.answer('OPTIONS /v1/tasks HTTP/1.1\r\nHost: a\r\nOrigin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n\r\n');
      assert.equal(a.status, 403);
      assert.equal(a.headers['access-control-allow-origin'], undefined);
    });
    it('plain OPTIONS, OPTIONS *', async () => {
      for (const t of ['/v1/x', '*']) {
        const a = await s.answer(`OPTIONS ${t} HTTP/1.1\r\nHost: a\r\n\r\n`);
        assert.equal(a.status, 204);
        assert.match(a.headers.allow, /GET/);
      }
    });
    it('a listed origin is named in the answer, another is not', async () => {
      assert.equal((await s.get('/hello', 'Origin: https://page.example\r\n')).headers['access-control-allow-origin'], 'https://page.example');
      const a = await s.get('/hello', 'Origin: https://evil.example\r\n');
      assert.equal(a.headers['access-control-allow-origin'], undefined);
      assert.equal(a.headers.vary, 'Origin');
    });
    it('a listed origin may open a WebSocket', async () => { await (await s.ws({ extra: 'Origin: https://page.example\r\n' })).echo('x'); });
  });

  describe('forwarded addresses', parallel, () => {
    const peer = async (extra, from = '127.0.0.1') => {
      const r = s.raw({ from });
      r.write(`GET /echo HTTP/1.1\r\nHost: a\r\n${extra}\r\n`);
      return JSON.parse((await r.answer()).body).peer;
    };
    it('the last entry of a trusted proxy counts', async () => {
      assert.equal(await peer('X-Forwarded-For: 1.1.1.1, 10.9.8.7\r\n'), '10.9.8.7');
      assert.equal(await peer('X-Forwarded-For: 10.1.1.1\r\nX-Forwarded-For: 2001:db8::7\r\n'), '2001:db8::7');
    });
    it('nonsense does not', async () => { assert.equal(await peer('X-Forwarded-For: 10.1.1.1, unknown\r\n'), '127.0.0.1'); });
    it('nor that of anybody else', async () => { assert.equal(await peer('X-Forwarded-For: 10.9.8.7\r\n', '127.0.0.9'), '127.0.0.9'); });
    it('also for WebSockets', async () => {
      const w = await s.ws({ extra: 'X-Forwarded-For: 10.9.8.7\r\n' });
      w.text('!peer');
      assert.equal(await w.nextText(), '10.9.8.7');
    });
  });
});

describe('time', parallel, () => {
  let s;
  before(async () => { s = await Server.start({ loops: 1 }); });
  after(async () => { await s.stop(); });
  const took = async (work) => { const t = Date.now(); await work(); return Date.now() - t; };

  it('a silent connection is closed after 10 s', async () => {
    const r = s.raw();
    const ms = await took(() => r.end());
    assert.ok(ms > 9000 && ms < 13000, `${ms} ms`);
    assert.equal(r.size, 0);
  });
  it('half a head: 408 after 10 s, however it trickles', async () => {
    const r = s.raw();
    r.write('GET /hello HTTP/1.1\r\n');
    const t = setInterval(() => r.write('X: y\r\n'), 1000);
    const ms = await took(async () => assert.equal((await r.answer()).status, 408));
    clearInterval(t);
    assert.ok(ms > 9000 && ms < 13000, `${ms} ms`);
    await r.end();
  });
});

describe('limits', parallel, () => {
  it('connections of the process: 503 with Retry-After, requests still run', async () => {
    const s = await Server.start({ loops: 2, conns: 3 });
    const open = [await s.ws(), await s.ws(), await s.ws()];
    const [a] = await s.answers(handshake());
    assert.equal(a.status, 503);
    assert.match(a.headers['retry-after'], /^\d+$/);
    assert.equal((await s.get('/hello')).status, 200);
    open[0].send(CLOSE, closeBody(1000));
    await open[0].closed(1000);
    while ((await s.stats()).open > 2) { /* until it is counted out */ }
    await (await s.ws()).echo('room again');
    await s.stop();
  });
  it('a port in use refuses the start, also with several loops', async () => {
    const s = await Server.start({ loops: 2 });
    for (const loops of [1, 2]) await assert.rejects(Server.start({ loops, port: s.port }), /Address already in use/);
    await s.stop();
  });
  it('connections of an address', async () => {
    const s = await Server.start({ loops: 2, addr: 2, proxies: '127.0.0.9' });
    const a = await s.ws(), b = await s.ws();
    assert.equal((await s.answers(handshake()))[0].status, 503);
    const c = await s.ws({ from: '127.0.0.2' });
    // behind the proxy the person counts, not the proxy
    const via = (ip) => ({ from: '127.0.0.9', extra: `X-Forwarded-For: ${ip}\r\n` });
    const d = await s.ws(via('10.0.0.1')), e = await s.ws(via('10.0.0.1')), f = await s.ws(via('10.0.0.2'));
    assert.equal((await s.answers(handshake({ extra: 'X-Forwarded-For: 10.0.0.1\r\n' }), { from: '127.0.0.9' }))[0].status, 503);
    d.raw.s.destroy();
    for (let ok = false; !ok;) {
      const r = s.raw({ from: '127.0.0.9' });
      r.write(handshake({ extra: 'X-Forwarded-For: 10.0.0.1\r\n' }));
      ok = (await r.answer()).status === 101;
    }
    for (const w of [a, b, c, e, f]) await w.echo('x');
    await s.stop();
  });
});

describe('drain and stop', parallel, () => {
  it('drain: no new connections, 3001 in batches, requests under way first', async () => {
    const s = await Server.start({ loops: 2 });
    const all = await Promise.all(Array.from({ length: 60 }, () => s.ws()));
    const later = s.raw(), idle = s.raw();
    later.write('GET /later?ms=600 HTTP/1.1\r\nHost: a\r\n\r\n');
    idle.write('GET /hello HTTP/1.1\r\nHost: a\r\n\r\n');
    await idle.answer();
    const t0 = Date.now(), at = [];
    const gone = all.map(async (w) => { await w.closed(3001, 'shutdown'); at.push(Date.now() - t0); });
    assert.equal((await s.answer('POST /drain?ms=1500 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n')).status, 202);
    for (let refused = false; !refused;) { // each loop closes its listener by itself
      const late = s.raw();
      await late.connected;
      refused = late.error?.code === 'ECONNREFUSED';
      late.s.destroy();
    }
    const a = await later.answer();
    assert.equal(a.body, 'later');
    assert.equal(a.headers.connection, 'close');
    await later.end();
    await Promise.all(gone);
    at.sort((x, y) => x - y);
    assert.ok(at[0] < 500 && at[59] > 1000 && at[59] < 3000, `closed between ${at[0]} and ${at[59]} ms`);
    await idle.end();
    await s.stop();
  });
  it('stop with everything open: orderly, nothing leaks', async () => {
    const s = await Server.start({ loops: 3 });
    const all = await Promise.all(Array.from({ length: 200 }, () => s.ws()));
    all[0].send(TEXT, 'x'.repeat(3000), { fin: false }); // an unfinished message
    all[1].raw.s.pause();
    all[1].text('!stream 4000 600 60'); // a full queue
    for (let i = 0; i < 10; i++) {
      s.raw().write('GET /hel');
      s.raw().write('POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nhalf');
      s.raw().write('GET /never HTTP/1.1\r\nHost: a\r\n\r\n');
      s.raw();
    }
    for (let i = 2; i < 50; i++) all[i].text('!close 3500 invalid token'); // Close sent, never answered
    await s.get('/hello');
    const closing = all.slice(50).map((w) => w.closed(3001));
    const t = Date.now();
    const stop = s.stop();
    await Promise.all(closing);
    await stop;
    assert.ok(Date.now() - t < 8000);
  });
  it('stop at once', async () => { await (await Server.start({ loops: 4 })).stop(); });
});

describe('noise', parallel, () => {
  let s;
  before(async () => { s = await Server.start({ loops: 2 }); });
  after(async () => { await s.stop(); });
  it('random bytes before and after the handshake', async () => {
    let x = 12345;
    const byte = () => { x = (x * 1103515245 + 12345) & 0x7fffffff; return x >> 16 & 255; };
    const work = [];
    for (let i = 0; i < 150; i++) {
      const b = Buffer.from(Array.from({ length: 1 + byte() * 4 }, byte));
      const r = s.raw();
      if (i % 2) r.write(handshake());
      r.write(b);
      r.s.end();
      work.push(r.end());
    }
    await Promise.all(work);
    await (await s.ws()).echo('alive');
    assert.equal((await s.get('/hello')).status, 200);
  });
  it('resets in every state', async () => {
    const pieces = ['', 'GET ', handshake().slice(0, 60), handshake(), `POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc`,
      'GET /later?ms=20 HTTP/1.1\r\nHost: a\r\n\r\n', 'GET /big?n=4000000 HTTP/1.1\r\nHost: a\r\n\r\n', 'BAD\r\n\r\n'];
    await Promise.all(Array.from({ length: 120 }, async (_, i) => {
      const r = s.raw();
      await r.connected;
      r.write(pieces[i % pieces.length]);
      if (i % 3) await new Promise(setImmediate);
      r.s.resetAndDestroy();
    }));
    await (await s.ws()).echo('alive');
    await s.get('/later?ms=40');
  });
});
