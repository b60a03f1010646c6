// SPDX-License-Identifier: Apache-2.0
//
// An SMSC for tests: SMPP 3.4 by the npm package `smpp` (its codec, its sessions), steered like the other gateways.
//
//   node tests/peers/smpp.mjs [--port 0] [--control 0] [--user zwsp] [--secret secret] [--window 16] [--src 10690000123] [--log FILE]
//   prints {"port":N,"control":M} once it listens.
//
// Control port: lib/carrier.mjs. Its own behaviours: ids "plain" (the same spelling in answer and receipt), "zeros" (padded in
// the answer, not in the receipt), "hex_dec" (answer hexadecimal, receipt decimal), "dec_hex"; receipts "text", "tlv" (only
// optional parameters), "both", "unmarked" (as "tlv", and esm_class does not say that it is one); mo_by "deliver_sm", "data_sm",
// "payload"; nack_submit n (that status, as generic_nack); no_transceiver true|"nack" (it
// wants a transmitter and a receiver), drop_receiver_now.
import { parseArgs } from 'node:util';
import smpp from 'smpp';
import { Carrier, content, need, Bad, ucs2, yymmddhhmm } from './lib/carrier.mjs';

const { values: opt } = parseArgs({ options: { port: { type: 'string', default: '0' }, control: { type: 'string', default: '0' },
  user: { type: 'string', default: 'zwsp' }, secret: { type: 'string', default: 'secret' }, window: { type: 'string', default: '16' },
  src: { type: 'string', default: '' }, log: { type: 'string' }, 'self-test': { type: 'boolean', default: false } } });
if (opt['self-test']) process.exit(0); // the codec is not ours: see the package's own tests

const STATES = { ENROUTE: 1, DELIVRD: 2, EXPIRED: 3, DELETED: 4, UNDELIV: 5, ACCEPTD: 6, UNKNOWN: 7, REJECTD: 8 };
let serial = 0x1abc00 + Math.floor(Date.now() / 10) % 0x10000000; // not again after a restart

const proto = {
  throttle: smpp.ESME_RTHROTTLED,
  nextId: () => ++serial,
  idOf: (text) => text, // a report out of the blue: written as given
  test: (c) => c.session.enquire_link(() => { carrier.stats.active_test_resps++; }),
  terminate: (c) => c.session.unbind(() => c.session.close()),
  raw: (c, b) => c.session.socket.write(b),
};
const carrier = new Carrier(proto, opt);

const inAnswer = (id) => ({ hex_dec: id.toString(16).toUpperCase(), zeros: String(id).padStart(16, '0') })[carrier.behave.ids] ?? String(id);
const inReceipt = (id) => (typeof id === 'string' ? id : ({ dec_hex: id.toString(16).toUpperCase() })[carrier.behave.ids] ?? String(id));

class Conn {
  constructor(session) {
    this.session = session;
    this.up = false;
    carrier.opened(this);
    session.on('error', () => session.destroy());
    session.on('close', () => carrier.closed(this));
    session.on('pdu', (pdu) => {
      if (session.socket.destroyed) return; // read before the end, but nobody hears it any more
      try {
        this.receive(pdu);
      } catch (e) {
        if (!(e instanceof Bad)) throw e;
        carrier.violation(e.message);
        session.destroy();
      }
      setImmediate(() => carrier.turnOver(this));
    });
  }

  destroy() { this.session.destroy(); }
  send(pdu) { if (carrier.behave.silent !== true) this.session.send(pdu); }

  receive(pdu) {
    const { behave, stats } = carrier;
    if (/^bind_/.test(pdu.command)) {
      if (behave.no_transceiver && pdu.command === 'bind_transceiver') { // an older gateway
        this.send(behave.no_transceiver === 'nack' ? new smpp.PDU('generic_nack', { sequence_number: pdu.sequence_number, command_status: smpp.ESME_RINVCMDID })
          : pdu.response({ command_status: smpp.ESME_RINVCMDID }));
        return undefined;
      }
      return this.bind(pdu);
    }
    need(this.up, 'not_bound');
    switch (pdu.command) {
      case 'submit_sm':
        need(this.sends, 'submit_on_receiver');
        return this.submit(pdu);
      case 'enquire_link':
        stats.active_tests++;
        if (!behave.mute_active_test) this.send(pdu.response());
        return undefined;
      case 'unbind':
        stats.terminates++;
        this.send(pdu.response());
        this.session.close();
        return undefined;
      case 'deliver_sm_resp':
      case 'data_sm_resp': return this.delivers.answered(pdu.sequence_number, pdu.command_status);
      case 'generic_nack':
        stats.nacks++;
        return undefined;
      case 'enquire_link_resp':
      case 'unbind_resp': return undefined;
      default: throw new Bad(`command_${pdu.command}`);
    }
  }

  bind(pdu) {
    need(!this.up, 'bind_twice');
    need(pdu.interface_version === 0x34, 'interface_version');
    let status = 0;
    if (pdu.system_id !== opt.user) status = smpp.ESME_RINVSYSID;
    else if (pdu.password !== opt.secret) status = smpp.ESME_RINVPASWD;
    if (carrier.behave.login_status) status = carrier.behave.login_status;
    this.send(pdu.response({ command_status: status, system_id: 'smsc' }));
    if (status) {
      carrier.stats.login_refused++;
      this.session.close();
      return;
    }
    carrier.stats.logins++;
    this.up = true;
    this.receives = pdu.command !== 'bind_transmitter';
    this.sends = pdu.command !== 'bind_receiver';
  }

  submit(pdu) {
    need(pdu.esm_class === 0 || pdu.esm_class === 0x40, 'esm_class');
    need(pdu.data_coding === 8 && pdu.protocol_id === 0 && pdu.priority_flag === 0 && pdu.replace_if_present_flag === 0, 'fields');
    const { udh, message } = pdu.short_message;
    const bytes = udh ? Buffer.concat([Buffer.from([5]), ...udh, ucs2(message)]) : ucs2(message);
    const m = { ...content(8, pdu.esm_class === 0x40, bytes), phone: pdu.destination_addr, src: pdu.source_addr, wantReport: (pdu.registered_delivery & 1) === 1 };
    const id = proto.nextId();
    if (carrier.behave.nack_submit) {
      this.send(new smpp.PDU('generic_nack', { sequence_number: pdu.sequence_number, command_status: carrier.behave.nack_submit }));
      return;
    }
    carrier.submit(this, pdu.sequence_number, m, id, (code) => this.send(pdu.response({ command_status: code, message_id: code ? '' : inAnswer(id) })));
  }

  deliver(command, fields) {
    if (!this.receives) {
      const receiver = [...carrier.conns].find((c) => c.receives);
      if (receiver) receiver.deliver(command, fields); // else it is lost: this gateway keeps nothing
      return;
    }
    const pdu = new smpp.PDU(command, fields);
    if (!pdu.sequence_number) pdu.sequence_number = this.session.sequence = (this.session.sequence % 0x7fffffff) + 1;
    const bytes = pdu.toBuffer(); // once: encoding changes the fields
    this.delivers.add(pdu.sequence_number, () => { if (carrier.behave.silent !== true && this.session.socket.writable) this.session.socket.write(bytes); });
  }

  report(id, stat, m) {
    const now = yymmddhhmm(Date.now()), how = carrier.behave.receipts ?? 'text', name = inReceipt(id);
    const text = `id:${name} sub:001 dlvrd:${stat === 'DELIVRD' ? '001' : '000'} submit date:${now} done date:${now} stat:${stat} err:${stat === 'DELIVRD' ? '000' : '034'} text:stat:`;
    const tlv = how === 'text' ? {} : { receipted_message_id: name, message_state: STATES[stat], network_error_code: Buffer.from([3, 0, stat === 'DELIVRD' ? 0 : 34]) };
    this.deliver('deliver_sm', { source_addr: m.phone, destination_addr: m.src, esm_class: how === 'unmarked' ? 0 : 4, data_coding: 1,
      short_message: { message: Buffer.from(how === 'tlv' || how === 'unmarked' ? '' : text, 'latin1') }, ...tlv });
  }

  mo(id, { phone, text, fmt, dest }) {
    const by = carrier.behave.mo_by ?? 'deliver_sm', bytes = fmt === 8 ? ucs2(text) : Buffer.from(text, 'latin1');
    const head = { source_addr: phone, destination_addr: dest, data_coding: fmt };
    if (by === 'deliver_sm') this.deliver('deliver_sm', { ...head, short_message: { message: bytes } });
    else this.deliver(by === 'data_sm' ? 'data_sm' : 'deliver_sm', { ...head, message_payload: { message: bytes } });
  }
}

const command = carrier.command.bind(carrier);
carrier.command = (path, { drop_receiver_now, ...rest }) => {
  if (drop_receiver_now) for (const c of carrier.conns) if (!c.sends) c.destroy();
  return command(path, rest);
};
const server = smpp.createServer({}, (session) => new Conn(session));
carrier.listen(server, opt.port, opt.control);
