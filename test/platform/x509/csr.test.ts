import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { csrSpki, makeCsr } from '../../../src/platform/x509/csr.js';
import { generateP256 } from '../../../src/platform/x509/p256.js';
import { openssl } from '../../support/openssl.js';
import { childrenOf, wrap } from '../../support/test-ca.js';

const key = generateP256();
const csr = makeCsr(key, 'n-1');
const refused = expect.objectContaining({ name: 'DomainError', code: 'csr_invalid' });

describe('certificate request', () => {
  it('refuses every request with one bit flipped', () => {
    for (let bit = 0; bit < csr.length * 8; bit++) {
      const flipped = Buffer.from(csr);
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(() => csrSpki(flipped), `bit ${bit}`).toThrow(refused);
    }
  });

  it('refuses every request cut short', () => {
    for (let length = 0; length < csr.length; length++) expect(() => csrSpki(csr.subarray(0, length))).toThrow(refused);
  });

  const [contents, algorithm, signature] = childrenOf(csr) as [Buffer, Buffer, Buffer];
  const hostile: Record<string, Buffer> = {
    'nothing': Buffer.alloc(0),
    'twenty thousand levels of nesting': nested(20_000),
    'as much nesting as fits': nested(500),
    'a length that lies': Buffer.from('3082ffff0500', 'hex'),
    'a length of four gigabytes': Buffer.from('3084ffffffff0500', 'hex'),
    'an indefinite length': Buffer.from('30803080308030800000000000000000', 'hex'),
    'a mebibyte of zeros': Buffer.alloc(1 << 20),
    'a thousand NULLs': wrap(0x30, Buffer.alloc(2000).map((_, index) => (index % 2 === 0 ? 5 : 0))),
    'two kibibytes of noise': randomBytes(2048),
    'an octet after the end': Buffer.concat([csr, Buffer.alloc(1)]),
    'a length in BER': longerLength(csr),
    'a fourth part': wrap(0x30, Buffer.concat([contents, algorithm, signature, wrap(5, Buffer.alloc(0))])),
    'a SET around it': Buffer.concat([Buffer.from([0x31]), csr.subarray(1)]),
    'no signature': wrap(0x30, Buffer.concat([contents, algorithm])),
    'an empty signature': wrap(0x30, Buffer.concat([contents, algorithm, Buffer.from([3, 1, 0])])),
    'another algorithm named': wrap(0x30, Buffer.concat([contents, wrap(0x30, Buffer.from('06082a8648ce3d040303', 'hex')), signature])),
    'algorithm parameters': wrap(0x30, Buffer.concat([contents, wrap(0x30, Buffer.from('06082a8648ce3d0403020500', 'hex')), signature])),
    'more than two kibibytes': makeCsr(key, 'x'.repeat(2048)),
    'another version': resigned(rewrite(contents, 0, Buffer.from([2, 1, 1]))),
    'no attributes field': resigned(wrap(0x30, Buffer.concat(childrenOf(contents).slice(0, 3)))),
    'a key of the curve P-384': foreign(generateKeyPairSync('ec', { namedCurve: 'secp384r1' })),
    'a key of the curve secp256k1': foreign(generateKeyPairSync('ec', { namedCurve: 'secp256k1' })),
    'an RSA key': foreign(generateKeyPairSync('rsa', { modulusLength: 1024 })),
    'an Ed25519 key': foreign(generateKeyPairSync('ed25519')),
    'a compressed key': resigned(rewrite(contents, 2, compressed(key.spki))),
    'a point off the curve': resigned(rewrite(contents, 2, Buffer.concat([key.spki.subarray(0, -1), Buffer.from([key.spki.at(-1)! ^ 1])]))),
    'the key of another': resigned(rewrite(contents, 2, generateP256().spki)),
  };
  it.each(Object.entries(hostile))('refuses %s', (_what, der) => {
    expect(() => csrSpki(der)).toThrow(refused);
  });

  it('answers any octets whatever with a key or a refusal, and never with another key', () => {
    const octets = fc.uint8Array({ maxLength: 8 });
    const mutants = fc
      .array(fc.record({ at: fc.nat(csr.length - 1), cut: fc.nat(4), insert: octets }), { minLength: 1, maxLength: 4 })
      .map((edits) => edits.reduce((der, { at, cut, insert }) => Buffer.concat([der.subarray(0, at), insert, der.subarray(at + cut)]), csr));
    fc.assert(
      fc.property(fc.oneof(mutants, fc.uint8Array({ maxLength: 2100 })), (der) => {
        if (csr.equals(der)) return;
        expect(() => csrSpki(der)).toThrow(refused);
      }),
      { seed: 20260105, numRuns: 3000 },
    );
  });

  it('takes only the key of a request that asks to be a CA and an admin', () => {
    const config = [
      '[req]', 'prompt=no', 'distinguished_name=dn', 'req_extensions=ext', '[dn]', 'CN=admin', '[ext]',
      'basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign', 'subjectAltName=URI:nc://c1/admin/root',
    ].join('\n');
    const files = { config, 'key.pem': key.privateKey.export({ type: 'pkcs8', format: 'pem' }) };
    const greedy = openssl(['req', '-new', '-config', '@config', '-key', '@key.pem', '-outform', 'PEM'], files);
    expect(openssl(['req', '-noout', '-text', '-in', '@csr.pem'], { 'csr.pem': greedy })).toContain('CA:TRUE');

    expect(csrSpki(derOf(greedy))).toEqual(key.spki);
  });

  it('makes requests that openssl verifies', () => {
    expect(() => openssl(['req', '-verify', '-noout', '-inform', 'DER', '-in', '@csr.der'], { 'csr.der': csr })).not.toThrow();
    expect(csrSpki(csr)).toEqual(key.spki);
  });

  it('reads its own requests whatever bits key and signature have', () => {
    for (let round = 0; round < 300; round++) {
      const each = generateP256();

      expect(csrSpki(makeCsr(each, `node ${round}`))).toEqual(each.spki);
    }
  });

  function resigned(changed: Buffer): Buffer {
    const bits = sign('sha256', changed, key.privateKey);
    return wrap(0x30, Buffer.concat([changed, algorithm, wrap(3, Buffer.concat([Buffer.alloc(1), bits]))]));
  }

  function foreign(pair: { publicKey: KeyObject; privateKey: KeyObject }): Buffer {
    const changed = rewrite(contents, 2, pair.publicKey.export({ type: 'spki', format: 'der' }));
    const digest = pair.privateKey.asymmetricKeyType === 'ed25519' ? null : 'sha256';
    const bits = sign(digest, changed, pair.privateKey);
    return wrap(0x30, Buffer.concat([changed, algorithm, wrap(3, Buffer.concat([Buffer.alloc(1), bits]))]));
  }
});

function nested(levels: number): Buffer {
  let der: Buffer = Buffer.alloc(0);
  for (let level = 0; level < levels; level++) der = wrap(0x30, der);
  return der;
}

/** The same value with its length written in one octet more than it needs, which BER allows and DER does not. */
function longerLength(der: Buffer): Buffer {
  const body = Buffer.concat(childrenOf(der));
  return Buffer.concat([Buffer.from([0x30, 0x83, 0, body.length >> 8, body.length & 0xff]), body]);
}

function rewrite(sequence: Buffer, index: number, value: Buffer): Buffer {
  return wrap(0x30, Buffer.concat(childrenOf(sequence).map((child, at) => (at === index ? value : child))));
}

/** The same key with its point compressed: x and the sign of y. @see SEC 1 §2.3.3 */
function compressed(spki: Buffer): Buffer {
  const x = spki.subarray(-64, -32);
  const point = Buffer.concat([Buffer.from([0, spki.at(-1)! % 2 === 0 ? 2 : 3]), x]);
  return wrap(0x30, Buffer.concat([childrenOf(spki)[0]!, wrap(3, point)]));
}

function derOf(pem: string): Buffer {
  return Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64');
}
