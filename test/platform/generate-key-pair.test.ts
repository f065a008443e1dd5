import { execFile } from 'node:child_process';
import { createPrivateKey, createPublicKey, diffieHellman, sign, verify, type JsonWebKey } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { generateJwk, generateKeyPair } from '../../src/platform/generate-key-pair.js';

const run = promisify(execFile);
/** On Node.js 20.20 about every ten-thousandth key that was exported as JWK stood still. */
const COUNT = 30_000;
const HANG_MS = 240_000;

describe('keys that are made', () => {
  it('never stand still while garbage is collected, in sixty thousand of them', { timeout: HANG_MS + 10_000 }, async () => {
    const maker = fileURLToPath(new URL('make-keys.ts', import.meta.url));
    const { stdout } = await run(process.execPath, ['--import', 'tsx', maker, String(COUNT)], { timeout: HANG_MS, killSignal: 'SIGKILL' });
    expect(stdout).toBe(`${COUNT} made\n`);
  });

  it('have halves that belong together', () => {
    const { privateKey, publicKey } = generateKeyPair('ec', { namedCurve: 'prime256v1' });
    const data = Buffer.from('signed');
    expect(verify('sha256', data, createPublicKey({ key: publicKey, format: 'jwk' }), sign('sha256', data, privateKey))).toBe(true);
    const other = generateKeyPair('ec', { namedCurve: 'prime256v1' });
    expect(verify('sha256', data, createPublicKey({ key: other.publicKey, format: 'jwk' }), sign('sha256', data, privateKey))).toBe(false);
  });

  it('say both halves of an X25519 key, from which two sides compute one secret', () => {
    const [one, two] = [generateJwk('x25519'), generateJwk('x25519')];
    const secret = (own: JsonWebKey, { d: _secret, ...theirs }: JsonWebKey): Buffer =>
      diffieHellman({ privateKey: createPrivateKey({ key: own, format: 'jwk' }), publicKey: createPublicKey({ key: theirs, format: 'jwk' }) });
    expect(secret(one, two)).toEqual(secret(two, one));
    expect(one.d).not.toBe(two.d);
  });
});
