// SPDX-License-Identifier: Apache-2.0
//
// The API reference: /openapi.json as a page. Facts come from that document only (x-errors, x-channels, x-roles are its own
// additions); here stand the names of the groups and nothing else about a method.

const GROUPS = {
  auth: '登录',
  me: '本人',
  device: '设备',
  unit: '单位',
  plan: '方案',
  task: '任务',
  instruction: '批示',
  evaluation: '评价',
  praise: '省级肯定',
  ranking: '排行',
  notice: '通知与收件箱',
  event: '业务事件',
  events: '业务事件',
  board: '大屏',
  ledger: '账本',
  operator: '运行',
  system: '业务系统',
};
const VERBS = ['get', 'post', 'put', 'delete'];
const PLACES = { path: '路径', query: '查询', header: '请求头', body: '正文' };
const $ = (id) => document.getElementById(id);

function el(tag, props = {}, ...children) {
  const e = Object.assign(document.createElement(tag), props);
  e.append(...children);
  return e;
}
const code = (text) => el('code', { textContent: text });

function typeText(s) {
  const range = (lo, hi, unit) => (lo === undefined && hi === undefined ? '' : `，${lo ?? 0}–${hi ?? '不限'}${unit}`);
  if (s.enum) return `${s.enum.join(' | ')}`;
  if (s.type === 'integer') return `整数${range(s.minimum, s.maximum, '')}`;
  if (s.type === 'boolean') return '是或否';
  if (s.type === 'array') return `列表${range(s.minItems, s.maxItems, '项')}`;
  if (s.type === 'object') return '对象';
  if (s.format === 'date') return '日期 YYYY-MM-DD';
  if (s['x-object']) return `${s['x-object']} 编号`;
  if (s.pattern) return '编号';
  return `文本${range(s.minLength, s.maxLength, '字')}`;
}

function resolve(doc, p) {
  return p.$ref
    ? p.$ref
        .slice(2)
        .split('/')
        .reduce((o, k) => o?.[k], doc)
    : p;
}

// One list of what a method takes, wherever it travels.
function parametersOf(doc, op) {
  const list = (op.parameters ?? []).map((p) => resolve(doc, p)).filter(Boolean);
  const own = list.map((p) => ({
    name: p.name,
    place: p.in,
    required: p.required,
    schema: p.schema,
    text: p.description ?? p.schema.description,
  }));
  const body = op.requestBody?.content?.['application/json']?.schema;
  const inBody = Object.entries(body?.properties ?? {}).map(([name, schema]) => ({
    name,
    place: 'body',
    required: (body.required ?? []).includes(name),
    schema,
    text: schema.description,
  }));
  return [...own, ...inBody];
}

function table(target, heads, rows) {
  const head = el('tr', {}, ...heads.map((h) => el('th', { textContent: h, scope: 'col' })));
  const body = rows.map((cells) => el('tr', {}, ...cells.map((c) => el('td', {}, c ?? ''))));
  target.replaceChildren(el('thead', {}, head), el('tbody', {}, ...body));
  return target;
}

function parameterTable(params) {
  const rows = params.map((p) => [
    code(p.name),
    PLACES[p.place] ?? p.place,
    typeText(p.schema),
    p.required ? el('span', { className: 'must', textContent: '必填' }) : '可选',
    p.text ?? '',
  ]);
  return table(el('table'), ['参数', '位置', '类型', '', '说明'], rows);
}

function methodView(doc, m, roleText) {
  const write = m.verb !== 'get';
  const head = el(
    'summary',
    {},
    el('span', { className: `verb ${write ? 'write' : ''} ${m.verb}`, textContent: m.verb.toUpperCase() }),
    el('span', { className: 'path' }, code(m.path)),
    el('span', { className: 'doc', textContent: m.op.summary ?? '' }),
  );
  const facts = el('dl');
  const fact = (name, ...value) => facts.append(el('dt', { textContent: name }), el('dd', {}, ...value));
  const open = Array.isArray(m.op.security) && m.op.security.length === 0;
  fact('方法名', code(m.op.operationId), m.op['x-rpc'] ? '（也可经 WebSocket 的 rpc 调用）' : '（只有 REST）');
  fact('可用岗位', open ? '无需登录' : roleText(m.op['x-roles'] ?? []));
  const [status, reply] = Object.entries(m.op.responses ?? {}).find(([k]) => k !== 'default') ?? ['200', {}];
  fact('答复', `${status}：${reply.description ?? '成功'}`);
  const body = el('div', { className: 'body' }, facts);
  const params = parametersOf(doc, m.op);
  if (params.length) {
    const box = el('div', { className: 'scroll', tabIndex: 0 }, parameterTable(params));
    box.setAttribute('role', 'region');
    box.setAttribute('aria-label', `${m.op.operationId} 的参数`);
    body.append(box);
  }
  const view = el('details', { id: m.op.operationId }, head, body);
  view.words = `${m.op.operationId} ${m.path} ${m.op.summary}`.toLowerCase();
  return view;
}

function showMethods(doc, roleText) {
  const groups = new Map();
  for (const [path, item] of Object.entries(doc.paths)) {
    for (const verb of VERBS) {
      if (!item[verb]) continue;
      const tag = item[verb].tags?.[0] ?? 'other';
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push({ verb, path, op: item[verb] });
    }
  }
  let n = 0;
  for (const [tag, list] of groups) {
    n += list.length;
    const title = GROUPS[tag] ?? tag;
    const head = el('h3', {}, title, code(tag));
    $('methods').append(
      el('section', { className: 'group', id: `group-${tag}` }, head, ...list.map((m) => methodView(doc, m, roleText))),
    );
    $('toc').append(
      el('li', {}, el('a', { href: `#group-${tag}` }, title, el('span', { className: 'n', textContent: String(list.length) }))),
    );
  }
  $('count').textContent = `共 ${n} 个`;
}

function showChannels(doc, roleText) {
  const days = (s) => (s % 86400 === 0 ? `${s / 86400}天` : `${Math.round(s / 60)}分钟`);
  const rows = (doc['x-channels'] ?? []).map((c) => {
    const kind = [
      c.server_side ? '登录后自动订阅' : '',
      c.snapshot ? '订阅时给出当前状态' : '',
      c.latest_wins ? '只保证最新' : '逐条送达，断线可补',
    ].filter(Boolean);
    return [code(`${c.prefix}:…`), c.text, kind.join('；'), `${c.size} 条，${days(c.ttl_s)}`, roleText(c.roles)];
  });
  if (rows.length) table($('channels-table'), ['频道', '内容', '送达方式', '保留', '可订阅岗位'], rows);
  else $('channels-table').replaceWith('此版本的 openapi.json 没有列出频道。');
}

function showErrors(doc) {
  const rows = (doc['x-errors'] ?? []).map((e) => [
    code(e.code),
    String(e.number),
    String(e.status),
    e.temporary ? '可重试' : '',
    e.text,
  ]);
  table($('errors-table'), ['错误字', '数字', 'HTTP', '', '含义'], rows);
}

function find() {
  const words = $('find').value.trim().toLowerCase().split(/\s+/).filter(Boolean);
  let left = 0;
  for (const group of document.querySelectorAll('.group')) {
    let inGroup = 0;
    for (const d of group.querySelectorAll('details')) {
      d.hidden = !words.every((w) => d.words.includes(w));
      if (!d.hidden) inGroup++;
    }
    group.hidden = inGroup === 0;
    left += inGroup;
  }
  $('none').textContent = left ? '' : `没有找到“${$('find').value.trim()}”。换个说法再试。`;
}

// #task.report opens that method.
function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target?.tagName === 'DETAILS') target.open = true;
  target?.scrollIntoView();
}

async function main() {
  const ws = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/connection/websocket`;
  for (const e of document.querySelectorAll('.ws-url')) e.textContent = ws;
  for (const e of document.querySelectorAll('.origin')) e.textContent = location.origin;
  $('ws-url').textContent = ws;
  let doc;
  try {
    const answer = await fetch('/openapi.json');
    if (!answer.ok) throw new Error(String(answer.status));
    doc = await answer.json();
  } catch {
    $('about').textContent = '暂时读不到 openapi.json，请稍后刷新本页。';
    return;
  }
  const names = doc['x-role-names'] ?? {};
  const all = Object.keys(names).length;
  const roleText = (roles) =>
    roles.length === 0 ? '业务系统' : all && roles.length === all ? '所有岗位' : roles.map((r) => names[r] ?? r).join('、');
  $('about').textContent = `${doc.info.title} ${doc.info.version}。${doc.info.description ?? ''}`;
  showChannels(doc, roleText);
  showMethods(doc, roleText);
  showErrors(doc);
  document.documentElement.dataset.ready = 'true';
  $('find').addEventListener('input', find);
  addEventListener('hashchange', openTarget);
  if (location.hash) openTarget();
}

main();
