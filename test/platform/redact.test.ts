import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/domain/secret.js';
import { redact, redactText } from '../../src/platform/redact.js';

const RUNS = { seed: 5_150, numRuns: 200 };

const base64url = (length: number) => fc.string({ unit: fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'), minLength: length, maxLength: length });
const tokenId = fc.stringMatching(/^[0-9a-f]{16}$/);
/** Each kind of secret text with the part of it that must never be seen. */
const leaks = fc.oneof(
  fc.tuple(tokenId, base64url(22), base64url(43)).map(([id, secret, pin]) => ({ text: `ncj1_${id}.${secret}.${pin}@c1:6439`, secret })),
  fc.tuple(tokenId, base64url(22)).map(([id, secret]) => ({ text: `${id}.${secret}`, secret })),
  fc.tuple(tokenId, base64url(22)).map(([id, secret]) => ({ text: `nca1_${id}.${secret}`, secret })),
  fc.tuple(fc.stringMatching(/^[a-z0-9]{4,16}$/), base64url(43)).map(([id, secret]) => ({ text: `ncn1_${id}.${secret}`, secret })),
  base64url(64).map((secret) => ({ text: `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----\n`, secret })),
  base64url(64).map((secret) => ({ text: `-----BEGIN EC PRIVATE KEY-----\n${secret}`, secret })),
);
const around = fc.constantFrom('', ' ', '"', 'token=', '(', '\n', 'https://x/', '<', ',');

describe('what is written', () => {
  it('never has a secret in it, whatever stands around it', () => {
    fc.assert(
      fc.property(leaks, around, around, ({ text, secret }, before, after) => {
        expect(redactText(`${before}${text}${after}`)).not.toContain(secret);
      }),
      RUNS,
    );
  });

  it('never has a secret in it, however deep in a value it was', () => {
    const nest: ((inner: unknown) => unknown)[] = [(x) => [x], (x) => ({ a: x }), (x) => new Map([['k', x]]), (x) => new Set([x]), (x) => new Error('e', { cause: x }), (x) => ({ toJSON: () => x }), (x) => ({ [String(x)]: 1 })];
    fc.assert(
      fc.property(leaks, fc.array(fc.nat({ max: nest.length - 1 }), { maxLength: 12 }), ({ text, secret }, path) => {
        const value = path.reduce<unknown>((inner, n) => nest[n]!(inner), text);
        expect(JSON.stringify(redact(value))).not.toContain(secret);
      }),
      RUNS,
    );
  });

  it('loses both of two secrets in one line', () => {
    const [a, b] = ['a'.repeat(22), 'b'.repeat(22)];

    const text = redactText(`0123456789abcdef.${a} and fedcba9876543210.${b}`);

    expect(text).toBe('0123456789abcdef.[redacted] and fedcba9876543210.[redacted]');
  });

  it('is the same when it is redacted again', () => {
    fc.assert(
      fc.property(leaks, around, ({ text }, before) => {
        const once = redactText(`${before}${text}`);
        expect(redactText(once)).toBe(once);
      }),
      RUNS,
    );
  });

  it('keeps a text without secrets as it was', () => {
    fc.assert(
      fc.property(fc.oneof(fc.domain(), fc.ipV6(), fc.lorem(), fc.uuid()), (text) => {
        expect(redactText(text)).toBe(text);
      }),
      RUNS,
    );
  });
});

describe('a value that is written', () => {
  it('counts bytes and does not show them', () => {
    expect(redact({ a: Buffer.from('key'), b: new Uint8Array(32), c: new ArrayBuffer(8), d: new DataView(new ArrayBuffer(4)) })).toEqual({ a: '[3 bytes]', b: '[32 bytes]', c: '[8 bytes]', d: '[4 bytes]' });
  });

  it('may contain itself, through anything', () => {
    const ring: Record<string, unknown> = { name: 'ring' };
    ring['list'] = [ring];
    ring['error'] = Object.assign(new Error('x'), { ring });

    expect(redact(ring)).toMatchObject({ name: 'ring', list: ['[circular]'], error: { ring: '[circular]' } });
  });

  it('may hold the same thing twice, which is no circle', () => {
    const twice = { a: 1 };

    expect(redact([twice, twice])).toEqual([{ a: 1 }, { a: 1 }]);
  });

  it('may be keyed by objects, even one that has no text', () => {
    expect(redact(new Map<unknown, unknown>([[Object.create(null), 1], [null, 2], [Symbol('s'), 3]]))).toEqual({ '[object]': 1, null: 2, 'Symbol(s)': 3 });
  });

  it('ends at a depth that nobody reads', () => {
    const deep = Array.from({ length: 50 }).reduce<unknown>((inner) => [inner], 'bottom');

    expect(JSON.stringify(redact(deep))).toContain('[deep]');
  });

  it('is JSON whatever it was made of', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withDate: false, withMap: true, withSet: true, withTypedArray: true, withNullPrototype: true }), (value) => {
        expect(() => JSON.stringify(redact(value))).not.toThrow();
      }),
      RUNS,
    );
  });

  it('says of an error what one needs to find it, and of its cause', () => {
    const error = Object.assign(new Error('outer', { cause: new TypeError('inner') }), { code: 'store_failed' });

    expect(redact(error)).toMatchObject({ name: 'Error', message: 'outer', code: 'store_failed', stack: expect.stringContaining('redact.test'), cause: { name: 'TypeError', message: 'inner' } });
  });

  it('takes a secret at its word', () => {
    expect(redact({ secret: new Secret('hunter2hunter2'), at: new Date(0), n: 5n, f: () => 1 })).toEqual({ secret: '[redacted]', at: '1970-01-01T00:00:00.000Z', n: '5', f: '[function]' });
  });
});
