// SPDX-License-Identifier: Apache-2.0
// docs/API.md from the OpenAPI description on standard input (make docs).
const doc = JSON.parse(await new Response(process.stdin).text());
const out = [];
const deref = (s) => (s?.$ref ? s.$ref.slice(2).split('/').reduce((o, k) => o[k], doc) : s);
const type = (s) => {
  s = deref(s) ?? {};
  if (s.enum) return s.enum.map((v) => `\`${v}\``).join(' ');
  const bounds = s.minLength !== undefined ? ` ${s.minLength}–${s.maxLength}` : s.minimum !== undefined ? ` ≥ ${s.minimum}` : '';
  return (s.format ?? s.type ?? 'any') + bounds;
};
out.push('# zhangban API', '', `Made from the method table by \`make docs\`; the same as \`/openapi.json\` (OpenAPI ${doc.openapi}).`, '');
out.push('Every method is REST and, unless it says REST only, also `rpc` on the WebSocket with the name in brackets. Errors are `application/problem+json` with a stable `code`; ' +
  'writes take `Idempotency-Key` (REST) or `idempotency_key` (rpc data): the same key gives the first answer for 24 hours. Lists answer `items` and `next`; pass `next` back as `cursor`.', '');
const groups = new Map();
for (const [path, verbs] of Object.entries(doc.paths))
  for (const [verb, op] of Object.entries(verbs)) {
    const g = (op.tags ?? ['other'])[0];
    groups.set(g, [...(groups.get(g) ?? []), { path, verb, op }]);
  }
for (const [g, ops] of groups) {
  out.push(`## ${g}`, '');
  for (const { path, verb, op } of ops) {
    out.push(`### ${verb.toUpperCase()} ${path} [${op.operationId}]`, '', op.summary ?? op.description ?? '', '');
    const rows = [...(op.parameters ?? []).map((p) => [p.name, p.in, p.required, p.schema, p.description])];
    const body = deref(op.requestBody?.content?.['application/json']?.schema);
    for (const [k, v] of Object.entries(body?.properties ?? {})) rows.push([k, 'body', (body.required ?? []).includes(k), v, v.description]);
    if (rows.length) {
      out.push('| parameter | in | required | type | |', '|---|---|---|---|---|');
      for (const [n, i, r, s, d] of rows) out.push(`| \`${n}\` | ${i} | ${r ? 'yes' : ''} | ${type(s)} | ${d ?? deref(s)?.description ?? ''} |`);
      out.push('');
    }
    const okay = Object.entries(op.responses ?? {}).find(([c]) => c.startsWith('2'));
    if (okay?.[1]?.description) out.push(`Reply ${okay[0]}: ${okay[1].description}`, '');
  }
}
console.log(out.join('\n'));
