// SPDX-License-Identifier: Apache-2.0
// The peer of push_h2: node's own HTTP/2 client does the same requests, a full window over one connection.
//   node h2client.mjs PORT CA KEY WINDOW WARM_MS FOR_MS     one line as push_h2.c
import crypto from 'node:crypto';
import fs from 'node:fs';
import http2 from 'node:http2';

const [port, ca, key, window, warm, length] = process.argv.slice(2);
const part = (o) => Buffer.from(JSON.stringify(o)).toString('base64url');
const text = `${part({ alg: 'ES256', kid: 'KEYID12345' })}.${part({ iss: 'TEAMID1234', iat: Math.floor(Date.now() / 1000) })}`;
const token = `${text}.${crypto.sign('sha256', Buffer.from(text), { key: fs.readFileSync(key), dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
const session = http2.connect(`https://localhost:${port}`, { ca: fs.readFileSync(ca) });
const cpu = () => { const c = process.cpuUsage(); return (c.user + c.system) / 1e6; };
const begin = Date.now() + Number(warm), end = begin + Number(length);
let answered = 0, bad = 0, cpu0 = null, stop = false, from = 0;

function one() {
  if (stop) return;
  const body = JSON.stringify({ aps: { alert: { title: '任务临近到期', body: '请抓紧办理。' }, sound: 'default', badge: 2, 'thread-id': 'task:t_1', 'interruption-level': 'active' },
    object: 'task:t_1', notice: 'n_01HX0000000000000000000000', kind: 'task.due_soon' });
  const r = session.request({ ':method': 'POST', ':path': '/3/device/00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0', authorization: `bearer ${token}`,
    'content-type': 'application/json', 'apns-topic': 'cn.gov.test', 'apns-push-type': 'alert', 'apns-id': crypto.randomUUID(), 'apns-priority': '10',
    'apns-expiration': String(Math.floor(Date.now() / 1000) + 3600), 'apns-collapse-id': 'n_01HX0000000000000000000000' });
  let status = 0;
  r.on('response', (h) => { status = h[':status']; });
  r.on('error', () => { bad++; });
  r.on('close', () => {
    if (status !== 200) bad++;
    const now = Date.now();
    if (cpu0 === null && now >= begin) [cpu0, from] = [cpu(), now];
    else if (cpu0 !== null) answered++;
    if (now >= end && !stop) {
      stop = true;
      console.log(JSON.stringify({ answered, seconds: (now - from) / 1000, cpu_s: cpu() - cpu0, connections: 1, bad }));
      session.destroy();
    }
    one();
  });
  r.resume();
  r.end(body);
}
session.on('connect', () => { for (let i = 0; i < Number(window); i++) one(); });
