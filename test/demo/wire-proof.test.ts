import { describe, expect, it } from 'vitest';
import { proveWireGuard } from '../../demo/wire-proof.js';

const MARKER = 'readable-as-this';
const INSIDE = [Buffer.from(`ip header ${MARKER}${MARKER}`)];

describe('the proof that the wire carries WireGuard', () => {
  it.each([
    ['a packet that is no WireGuard message', [...session(), frame(Buffer.alloc(64, 0x45))], INSIDE, 'is no WireGuard message'],
    ['a message type with other reserved bytes', [...session(), frame(Buffer.from([4, 1, ...new Array<number>(60).fill(0)]))], INSIDE, 'is no WireGuard message'],
    ['the marker in the clear', [...session(), frame(message(4, MARKER))], INSIDE, 'was readable on the wire'],
    ['a marker that was never sent', session(), [Buffer.from('something else')], 'was not seen inside the tunnel'],
    ['no data', session().slice(0, 2), INSIDE, 'no WireGuard transport data'],
    ['no handshake', session().slice(2), INSIDE, 'no WireGuard handshake initiation'],
    ['nothing at all', [], INSIDE, 'no WireGuard handshake initiation'],
  ])('fails at %s', (_what, outside, inside, reason) => {
    expect(() => proveWireGuard(outside, inside, MARKER)).toThrow(reason);
  });

  it('counts handshakes and data', () => {
    expect(proveWireGuard([...session(), frame(message(4))], INSIDE, MARKER)).toEqual({ initiations: 1, responses: 1, data: 2 });
  });
});

function session(): Buffer[] {
  return [1, 2, 4].map((type) => frame(message(type)));
}

function message(type: number, text = ''): Buffer {
  return Buffer.concat([Buffer.from([type, 0, 0, 0]), Buffer.alloc(60, 0xab), Buffer.from(text)]);
}

/** An Ethernet frame with an IPv4 packet with a UDP datagram. */
function frame(payload: Buffer): Buffer {
  const headers = Buffer.alloc(14 + 20 + 8);
  headers.writeUInt16BE(0x0800, 12);
  headers[14] = 0x45;
  headers[14 + 9] = 17;
  return Buffer.concat([headers, payload]);
}
