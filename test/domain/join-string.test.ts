import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatBootstrapToken, parseBootstrapToken } from '../../src/domain/bootstrap-token.js';
import { DomainError } from '../../src/domain/errors.js';
import { formatJoinString, MAX_ENDPOINTS, parseJoinString, type JoinString } from '../../src/domain/join-string.js';
import { Secret } from '../../src/domain/secret.js';

const ID = '00112233445566ff';
const SECRET = 'AbCdEfGhIjKlMnOpQrStUg';
const PIN = `${'p'.repeat(42)}A`;
const PIN2 = `${'q'.repeat(42)}Q`;
const GOOD = `ncj1_${ID}.${SECRET}.${PIN}@controller.example:6439`;

describe('join string', () => {
  it.each([
    ['prefix', ''],
    ['prefix', GOOD.slice(5)],
    ['prefix', GOOD.replace('ncj1_', 'ncj2_')],
    ['prefix', GOOD.replace('ncj1_', 'NCJ1_')],
    ['length', `${GOOD}${',h:1'.repeat(1000)}`],
    ['endpoints', GOOD.split('@')[0]!],
    ['endpoints', `${GOOD}${',h:1'.repeat(MAX_ENDPOINTS)}`],
    ['id', GOOD.replace(ID, '')],
    ['id', GOOD.replace(ID, ID.toUpperCase())],
    ['id', GOOD.replace(ID, `${ID}0`)],
    ['id', `ncj1_${ID}@h:1`],
    ['secret', GOOD.replace(SECRET, '')],
    ['secret', GOOD.replace(SECRET, `${SECRET}A`)],
    ['secret', GOOD.replace(SECRET, `${SECRET.slice(0, -1)}B`)],
    ['secret', GOOD.replace(SECRET, `${SECRET.slice(0, -2)}+g`)],
    ['pin', `ncj1_${ID}.${SECRET}@h:1`],
    ['pin', `ncj1_${ID}.${SECRET}.@h:1`],
    ['pin', GOOD.replace(PIN, PIN.slice(1))],
    ['pin', GOOD.replace(PIN, `${PIN.slice(0, -1)}B`)],
    ['pin', GOOD.replace(PIN, `${PIN},`)],
    ['pin', GOOD.replace(PIN, `${PIN},${PIN}`)],
    ['pin', GOOD.replace(PIN, `${PIN},${PIN2},${PIN}`)],
    ['pin', GOOD.replace(PIN, `${PIN}.${PIN2}`)],
    ...[
      '', 'h', 'h:', ':1', 'h:0', 'h:01', 'h:65536', 'h:123456', 'h:1x', 'h:-1', 'h h:1', 'h@x:1', '-h:1', 'h-:1', 'a..b:1', 'h.:1',
      `${'a'.repeat(64)}:1`, `${'a.'.repeat(127)}a:1`, '1.2.3:1', '10.0.0.256:1', '10.0.0.01:1', '0x7f000001:1', '2130706433:1',
      'fd00::1:1', '[fd00::1]', '[fd00::1]1', '[fd00::g]:1', '[fe80::1%eth0]:1', '[1.2.3.4]:1', '[]:1', '[h]:1', 'h:1/', 'http://h:1', 'ü:1', 'h:1\n',
    ].map((endpoint) => ['endpoint 2', `${GOOD},${endpoint},h:1`]),
  ])('says that the %s is wrong in %j, and repeats nothing of it', (part, text) => {
    const error = refusalOf(text!);

    expect(error.code).toBe('join_string_invalid');
    expect(error.message).toMatch(new RegExp(`^join string, ${part}: want `));
    expect(error.message).not.toContain(SECRET.slice(0, 8));
  });

  it('refuses a string without a pin, and says that there is no other way', () => {
    expect(refusalOf(`ncj1_${ID}.${SECRET}@h:1`).message).toContain('nobody joins without one');
  });

  it('reads every part', () => {
    const join = parseJoinString(` \t${GOOD.replace(PIN, `${PIN},${PIN2}`)},[FD00:0::1]:443,10.0.0.1:1,Node_1.Example:1\n`);

    expect(join.token.id).toBe(ID);
    expect(join.token.secret.reveal()).toBe(SECRET);
    expect(join.pins).toEqual([PIN, PIN2]);
    expect(join.endpoints).toEqual([
      { host: 'controller.example', port: 6439 },
      { host: 'fd00::1', port: 443 },
      { host: '10.0.0.1', port: 1 },
      { host: 'node_1.example', port: 1 },
    ]);
  });

  it('writes what it reads', () => {
    fc.assert(
      fc.property(joinStrings, (join) => {
        const text = formatJoinString(join).reveal();

        expect(plain(parseJoinString(text))).toEqual(plain(join));
        expect(formatJoinString(parseJoinString(text)).reveal()).toBe(text);
      }),
      { seed: 20260101, numRuns: 500 },
    );
  });

  it('refuses to write what could not be read', () => {
    const good = parseJoinString(GOOD);

    for (const bad of [{ ...good, pins: [] }, { ...good, endpoints: [] }, { ...good, token: { id: 'x', secret: new Secret(SECRET) } }]) {
      expect(() => formatJoinString(bad)).toThrow(expect.objectContaining({ code: 'join_string_invalid' }));
    }
  });

  it('answers any text whatever with a join string or a refusal that hides it', () => {
    const mangled = fc.tuple(joinStrings, fc.nat(), fc.string({ maxLength: 3 }), fc.nat(3)).map(([join, at, insert, cut]) => {
      const text = formatJoinString(join).reveal();
      const from = at % text.length;
      return text.slice(0, from) + insert + text.slice(from + cut);
    });
    fc.assert(
      fc.property(fc.oneof(mangled, fc.string(), fc.string().map((tail) => `ncj1_${tail}`)), (text) => {
        try {
          formatJoinString(parseJoinString(text));
        } catch (error) {
          expect(error).toBeInstanceOf(DomainError);
          expect((error as DomainError).code).toBe('join_string_invalid');
        }
      }),
      { seed: 20260102, numRuns: 3000 },
    );
  });
});

describe('bootstrap token', () => {
  it.each(['', '.', ID, `${ID}.`, `.${SECRET}`, `${ID}.${SECRET}.`, `${ID}.${SECRET}.${PIN}`, `ncj1_${ID}.${SECRET}`, `${ID}.${SECRET}\n`, `${ID}.${SECRET}A`])(
    'refuses %j with the one sentence it has',
    (text) => {
      expect(() => parseBootstrapToken(text)).toThrow(
        expect.objectContaining({ code: 'token_invalid', message: 'bootstrap token: want "<id>.<secret>" as in a join string' }),
      );
    },
  );

  it('is the part of the join string that is sent', () => {
    const sent = formatBootstrapToken(parseJoinString(GOOD).token).reveal();

    expect(sent).toBe(`${ID}.${SECRET}`);
    expect(parseBootstrapToken(sent).secret.reveal()).toBe(SECRET);
  });
});

const base64url = (octets: number) => fc.uint8Array({ minLength: octets, maxLength: octets }).map((raw) => Buffer.from(raw).toString('base64url'));
const hosts = fc.oneof(fc.domain().map((name) => name.toLowerCase()), fc.ipV4(), fc.constantFrom('fd00::1', '2001:db8::', '::1', 'localhost'));
const joinStrings: fc.Arbitrary<JoinString> = fc.record({
  token: fc.record({ id: fc.uint8Array({ minLength: 8, maxLength: 8 }).map((raw) => Buffer.from(raw).toString('hex')), secret: base64url(16).map((text) => new Secret(text)) }),
  pins: fc.uniqueArray(base64url(32), { minLength: 1, maxLength: 2 }),
  endpoints: fc.array(fc.record({ host: hosts, port: fc.integer({ min: 1, max: 65_535 }) }), { minLength: 1, maxLength: 4 }),
});

function plain(join: JoinString): unknown {
  return { ...join, token: { id: join.token.id, secret: join.token.secret.reveal() } };
}

function refusalOf(text: string): DomainError {
  try {
    parseJoinString(text);
  } catch (error) {
    return error as DomainError;
  }
  throw new Error('accepted');
}
