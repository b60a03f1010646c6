// SPDX-License-Identifier: Apache-2.0
//
// The state of the system on the first page: /readyz and /healthz every five seconds, nothing while the page is hidden.

const EVERY_MS = 5000;
const $ = (id) => document.getElementById(id);
const SHAPES = {
  good: '<circle cx="15" cy="15" r="12" fill="var(--light-green)"/>',
  fair: '<path d="M15 3 27 15 15 27 3 15z" fill="var(--light-yellow)" stroke="var(--light-yellow-line)" stroke-width="1.5"/>',
  bad: '<path d="M15 3.2 28 26.4H2z" fill="var(--light-red)"/><path d="M15 11v7.6" stroke="#fff" stroke-width="3" stroke-linecap="round"/><circle cx="15" cy="23" r="1.9" fill="#fff"/>',
};

async function ask(path) {
  const answer = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(4000) });
  if (answer.status !== 200 && answer.status !== 503) throw new Error(`${path} ${answer.status}`);
  return answer.json();
}

// One sentence: what is wrong, and what still works.
function sentence(ready) {
  if (!ready) return ['bad', '没有连上网关，系统会自动重试。'];
  if (ready.draining) return ['fair', '网关正在重启交接，连接会自动转移。'];
  if (ready.redis !== 'up') return ['fair', '实时通道暂停：已登录的连接和查询正常，新登录稍后恢复。'];
  if (ready.status !== 'ready') return ['fair', '写入较忙，正在排队处理。'];
  return ['good', '一切正常'];
}

function show(ready, health) {
  const [state, text] = sentence(ready);
  const line = $('status');
  if (line.dataset.state !== state) {
    line.dataset.state = state;
    $('status-icon').innerHTML = SHAPES[state];
  }
  if ($('status-text').textContent !== text) $('status-text').textContent = text;
  const put = (id, value) => {
    $(id).textContent = value ?? '—';
  };
  put('s-gateway', ready ? (ready.status === 'ready' ? '就绪' : '未就绪') : '连接不上');
  put('s-redis', ready && (ready.redis === 'up' ? '正常' : '中断'));
  put('s-connections', ready?.connections?.toLocaleString('en-US'));
  put('s-writes', ready?.writes_waiting?.toLocaleString('en-US'));
  put('s-version', health?.version);
  put('s-mode', health && (health.demo ? '演示（2018年业务时间）' : '正式'));
  $('metrics').hidden = !health?.demo;
  if (ready)
    $('as-of').textContent =
      `数据时间 ${new Intl.DateTimeFormat('zh-CN', { timeStyle: 'medium', hour12: false, timeZone: 'Asia/Shanghai' }).format(new Date())}`;
}

async function turn() {
  if (!document.hidden) {
    const [ready, health] = await Promise.allSettled([ask('/readyz'), ask('/healthz')]);
    show(ready.value ?? null, health.value ?? null);
  }
  setTimeout(turn, EVERY_MS);
}

turn();
