// SPDX-License-Identifier: Apache-2.0
// The methods as the gateway's own description has them: one name, called over REST or over rpc.
import assert from 'node:assert/strict';

export class Api {
  /** ops: by name {name, verb, path, rpc, roles, open, params: [{name, in, required, schema}]}; a body member has `in: 'body'`. */
  static async of(gw) {
    const a = new Api();
    a.gw = gw;
    a.doc = await gw.ok('GET', '/openapi.json');
    a.ops = new Map();
    for (const [path, verbs] of Object.entries(a.doc.paths)) {
      for (const [verb, o] of Object.entries(verbs)) {
        const body = o.requestBody?.content['application/json'].schema ?? { properties: {} };
        const params = (o.parameters ?? []).filter((p) => p.name);
        for (const [name, schema] of Object.entries(body.properties)) {
          params.push({ name, in: 'body', required: (body.required ?? []).includes(name), schema });
        }
        a.ops.set(o.operationId, { name: o.operationId, verb: verb.toUpperCase(), path, rpc: o['x-rpc'], roles: o['x-roles'],
          open: o.security?.length === 0, params, hasBody: verb === 'post' || verb === 'put' });
      }
    }
    return a;
  }

  op(name) {
    assert.ok(this.ops.has(name), `no method ${name}`);
    return this.ops.get(name);
  }

  /** REST request of a method: {url, body}. Arguments the description does not know go where a client would put them. */
  request(name, args = {}) {
    const o = this.op(name), rest = { ...args };
    const url = o.path.replace(/\{(\w+)\}/g, (_, p) => { const v = rest[p]; delete rest[p]; return encodeURIComponent(v); });
    if (o.hasBody) return { url, body: rest };
    const query = new URLSearchParams(Object.entries(rest).map(([k, v]) => [k, String(v)])).toString();
    return { url: query ? `${url}?${query}` : url };
  }

  rest(as, name, args) {
    const { url, body } = this.request(name, args);
    return this.gw.rest(this.op(name).verb, url, { as, body });
  }

  async ok(as, name, args) {
    const r = await this.rest(as, name, args);
    assert.ok(r.status < 300, `${name} ${JSON.stringify(args)}: ${r.status} ${JSON.stringify(r.body)}`);
    return r.body;
  }

  rpc(as, name, args) { return this.gw.rpc(as, name, args); }

  /** The code of a refusal over rpc, or null. */
  async rpcCode(as, name, args) {
    try {
      await this.rpc(as, name, args);
      return null;
    } catch (e) {
      return /^(E_[A-Z]+): /.exec(e.message)?.[1] ?? `${e.code} ${e.message}`;
    }
  }

  /** Refused over REST with this code, a stable problem and Chinese words; over rpc with the same code. Gives the problem. */
  async refused(as, name, args, code) {
    const r = await this.rest(as, name, args);
    assert.equal(r.body.code, code, `${name} ${JSON.stringify(args)}: ${r.status} ${JSON.stringify(r.body)}`);
    assert.equal(r.body.status, r.status);
    assert.match(r.body.detail, /[\u4e00-\u9fff]/);
    if (this.op(name).rpc) assert.equal(await this.rpcCode(as, name, args), code, `${name} over rpc`);
    return r.body;
  }
}
