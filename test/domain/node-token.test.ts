import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatNodeToken, isNodeToken, parseNodeToken } from '../../src/domain/node-token.js';
import { Secret } from '../../src/domain/secret.js';

const SECRET = `${'s'.repeat(42)}A`;
const invalid = expect.objectContaining({ code: 'token_invalid', message: expect.not.stringContaining('ssss') });

describe('node token', () => {
  it.each([
    '',
    'reserverd',
    `n-1.${SECRET}`,
    `ncn1_.${SECRET}`,
    `ncn1_n-1.`,
    `ncn1_n-1`,
    `ncn1_n-1.${SECRET}A`,
    `ncn1_n-1.${SECRET.slice(1)}`,
    `ncn1_n-1.${SECRET.slice(0, -1)}B`,
    `ncn1_N-1.${SECRET}`,
    `ncn1_-n.${SECRET}`,
    `ncn1_n/../1.${SECRET}`,
    `ncn1_${'n'.repeat(64)}.${SECRET}`,
    `ncn1_n-1.${SECRET}\n`,
    `ncj1_n-1.${SECRET}`,
  ])('refuses %j and repeats nothing of it', (text) => {
    expect(() => parseNodeToken(text)).toThrow(invalid);
  });

  it('refuses to write what could not be read', () => {
    expect(() => formatNodeToken({ nodeId: 'a/b', secret: new Secret(SECRET) })).toThrow(invalid);
  });

  it('writes what it reads and is told from an id or a name', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,62}$/), fc.uint8Array({ minLength: 32, maxLength: 32 }), (nodeId, raw) => {
        const secret = new Secret(Buffer.from(raw).toString('base64url'));
        const text = formatNodeToken({ nodeId, secret }).reveal();
        const token = parseNodeToken(text);

        expect([token.nodeId, token.secret.reveal()]).toEqual([nodeId, secret.reveal()]);
        expect([isNodeToken(text), isNodeToken(nodeId)]).toEqual([true, false]);
      }),
      { seed: 20260103, numRuns: 300 },
    );
  });

  it('answers any text whatever with a token or the one refusal', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string().map((tail) => `ncn1_${tail}`)), (text) => {
        expect(() => parseNodeToken(text)).toThrow(invalid);
      }),
      { seed: 20260104, numRuns: 2000 },
    );
  });
});
