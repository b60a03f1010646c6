// SPDX-License-Identifier: Apache-2.0
// A phone's side of the signatures, by sm-crypto: keys, the texts that are signed (built here from the fields, never taken from
// the gateway), signing and checking.
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';

const { sm2, sm3 } = createRequire(import.meta.url)('sm-crypto');
export { sm3 };
const bytes = (hex) => [...Buffer.from(hex, 'hex')];

/** {priv, pub, name}: name is the key's id, the first 8 bytes of the SM3 of the public key. */
function key(priv, pub) { return { priv, pub, name: sm3(bytes(pub)).slice(0, 16) }; }

export function newKey() {
  const { privateKey, publicKey } = sm2.generateKeyPairHex();
  return key(privateKey, publicKey);
}

/** The key of a demo person's phone, and the phone's id. */
export function demoPhone(gw, person) {
  const [priv, pub] = fs.readFileSync(path.join(gw.conf.data, `demo/keys/${person}.sm2`), 'utf8').split('\n');
  return { ...key(priv, pub), device: `d_${person}`, person };
}

export function sign(k, text) { return sm2.doSignature(text, k.priv, { hash: true, der: false, publicKey: k.pub }); }
export function verify(pub, text, signature) { return sm2.doVerifySignature(text, signature, pub, { hash: true, der: false }); }

export const loginText = (c, device) => `zhangban-login-1\nchallenge=${c.challenge}\nnonce=${c.device_challenge}\ndevice=${device}`;
export const deviceText = (k, person) => `zhangban-device-1\npubkey=${k.pub}\nperson=${person}`;

const escaped = (s) => s.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');

/** The canonical text of an instruction (D9, D40) of this phone. */
export function instructionText(phone, f) {
  return ['zhangban-instruction-1', `leader=${phone.person}`, `device=${phone.device}`, `key=${phone.name}`, `serial=${f.serial}`,
    `signed_at=${f.signed_at}`, `kind=${f.kind}`, `urgency=${f.urgency}`, `object=${f.object}`, `object_version=${f.object_version}`,
    `units=${f.units.join(',')}`, `reply_by=${f.reply_by ?? ''}`, `text=${escaped(f.text)}`].join('\n');
}

export function withdrawalText(phone, f) {
  return ['zhangban-withdrawal-1', `leader=${phone.person}`, `device=${phone.device}`, `key=${phone.name}`, `serial=${f.serial}`,
    `signed_at=${f.signed_at}`, `instruction=${f.instruction}`, `reason=${escaped(f.reason)}`].join('\n');
}

let serial = Date.now();
/** Body of instruction.create, signed. Fields of `f` replace the usual ones before the signature is made. */
export function instruction(phone, f) {
  const full = { device: phone.device, serial: ++serial, signed_at: Date.now(), kind: 'order', urgency: 'urgent', units: [], text: '请抓紧办理。', ...f };
  return { ...full, signature: sign(phone, instructionText(phone, full)) };
}

export function withdrawal(phone, id, f = {}) {
  const full = { device: phone.device, serial: ++serial, signed_at: Date.now(), reason: '表述有误，另行签发。', ...f };
  return { ...full, signature: sign(phone, withdrawalText(phone, { ...full, instruction: id })) };
}
