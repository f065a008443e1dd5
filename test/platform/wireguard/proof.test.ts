import { describe, expect, it } from 'vitest';
import { generateWireGuardKeys } from '../../../src/platform/wireguard/keys.js';
import { makeWireGuardProof, type RegistrationTranscript, verifyWireGuardProof } from '../../../src/platform/wireguard/proof.js';

/** The points of order 1, 2, 4 and 8, as far as they have a canonical form. @see https://cr.yp.to/ecdh.html#validate */
const LOW_ORDER = [
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  `ec${'ff'.repeat(30)}7f`,
].map((hex) => Buffer.from(hex, 'hex'));

const server = generateWireGuardKeys();
const node = generateWireGuardKeys();
const transcript: RegistrationTranscript = {
  nonce: Buffer.alloc(16, 7),
  wgPublicKey: node.publicKey,
  grpcCsr: Buffer.from('grpc request'),
  networkCsr: Buffer.from('network request'),
};
const proof = makeWireGuardProof(node.privateKey, server.publicKey, transcript);
const refused = expect.objectContaining({ code: 'proof_invalid' });

describe('proof of a WireGuard key', () => {
  it('refuses who claims the key of another', () => {
    const thief = generateWireGuardKeys();

    const forged = makeWireGuardProof(thief.privateKey, server.publicKey, transcript);

    expect(() => verifyWireGuardProof(forged, server, transcript)).toThrow(refused);
  });

  it.each([
    ['nonce', { nonce: Buffer.alloc(16, 8) }],
    ['WireGuard key', { wgPublicKey: generateWireGuardKeys().publicKey }],
    ['gRPC request', { grpcCsr: Buffer.from('other') }],
    ['network request', { networkCsr: Buffer.from('other') }],
    ['order of the requests', { grpcCsr: transcript.networkCsr, networkCsr: transcript.grpcCsr }],
  ])('refuses a proof made for another %s', (_part, change) => {
    expect(() => verifyWireGuardProof(proof, server, { ...transcript, ...change })).toThrow(refused);
  });

  it('refuses a proof made for another registration', () => {
    expect(() => verifyWireGuardProof(proof, generateWireGuardKeys(), transcript)).toThrow(refused);
  });

  it('refuses every proof with one bit flipped, cut or grown', () => {
    for (let bit = 0; bit < proof.length * 8; bit++) {
      const flipped = Buffer.from(proof);
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(() => verifyWireGuardProof(flipped, server, transcript)).toThrow(refused);
    }
    for (const wrong of [Buffer.alloc(0), proof.subarray(1), Buffer.concat([proof, Buffer.alloc(1)])]) {
      expect(() => verifyWireGuardProof(wrong, server, transcript)).toThrow(refused);
    }
  });

  it('refuses a point of low order, with which everybody could prove', () => {
    for (const point of LOW_ORDER) {
      expect(() => verifyWireGuardProof(proof, server, { ...transcript, wgPublicKey: point })).toThrow(refused);
      expect(() => makeWireGuardProof(node.privateKey, point, transcript)).toThrow(refused);
    }
  });

  it('refuses a second spelling of the proved key', () => {
    const wgPublicKey = Buffer.from(node.publicKey);
    wgPublicKey.writeUInt8(wgPublicKey.readUInt8(31) | 0x80, 31);
    const twin = { ...transcript, wgPublicKey };
    const made = makeWireGuardProof(node.privateKey, server.publicKey, twin);

    expect(() => verifyWireGuardProof(made, server, twin)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
  });

  it('refuses a nonce of another length', () => {
    expect(() => verifyWireGuardProof(proof, server, { ...transcript, nonce: Buffer.alloc(15) })).toThrow(
      expect.objectContaining({ code: 'invalid_argument' }),
    );
  });

  it('accepts the proof of the holder', () => {
    expect(() => verifyWireGuardProof(proof, server, transcript)).not.toThrow();
  });
});
