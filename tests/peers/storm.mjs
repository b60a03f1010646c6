// SPDX-License-Identifier: Apache-2.0
// Thousands of clients that connect at the same moment, are cut, and come back at the same moment; a process of its own, so that its work
// is not taken for the gateway's. Arguments: url, number, rounds, tokens joined by commas. Prints one JSON line a round: how many were answered,
// refused in words and tried again, the slowest answer in ms; `unanswered` waited WAIT_MS in vain or were cut without a word.
import WebSocket from 'ws';

const [url, count, rounds, tokens] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4]), process.argv[5].split(',')];
const WAIT_MS = 30000, RETRY_MS = 200;
let open = [];

/** Resolves to {ms, retries}: connected and subscribed. */
function client(i) {
  const began = performance.now();
  let retries = 0;
  return new Promise((done) => {
    const fail = setTimeout(() => done({ unanswered: true, retries }), WAIT_MS);
    const attempt = () => {
      const ws = new WebSocket(url, { perMessageDeflate: false });
      const again = () => { retries++; ws.removeAllListeners(); ws.on('error', () => {}); ws.terminate(); setTimeout(attempt, RETRY_MS); };
      ws.on('open', () => ws.send(`{"id":1,"connect":{"token":"${tokens[i % tokens.length]}"}}\n{"id":2,"subscribe":{"channel":"ranking:2018:city"}}`));
      ws.on('unexpected-response', (_, res) => { if (res.statusCode === 503) again(); else done({ unanswered: true, why: res.statusCode, retries }); });
      ws.on('error', () => {});
      ws.on('close', (code) => { clearTimeout(fail); done({ unanswered: true, why: code, retries }); });
      ws.on('message', (m) => {
        const text = m.toString();
        if (text.startsWith('{}')) ws.send('{}');
        if (/"error":\{"code":(100|111)/.test(text)) { again(); return; }
        if (!text.includes('"id":2')) return;
        clearTimeout(fail);
        ws.removeAllListeners('close');
        open.push(ws);
        done({ ms: performance.now() - began, retries, refused: text.includes('"error"') ? text.slice(0, 200) : undefined });
      });
    };
    attempt();
  });
}

for (let r = 0; r < rounds; r++) {
  for (const ws of open) ws.terminate();
  open = [];
  const all = await Promise.all(Array.from({ length: count }, (_, i) => client(i)));
  const bad = all.filter((c) => c.unanswered || c.refused);
  console.log(JSON.stringify({ round: r, answered: all.length - bad.length, unanswered: bad.length, bad: bad.slice(0, 3),
    retries: all.reduce((n, c) => n + c.retries, 0), slowest_ms: Math.round(Math.max(...all.map((c) => c.ms ?? 0))) }));
}
process.exit(0);
