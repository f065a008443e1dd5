import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DomainError } from '../../../src/domain/errors.js';
import { parseClientConfig } from '../../../src/platform/config/client-config.js';
import { parseServerConfig } from '../../../src/platform/config/server-config.js';

const RUNS = { seed: 4_711, numRuns: 150 };

/** A file with every part in use, as lines, so that a fault can be made on any of them. */
const SERVER = `mode: server
server:
  ip: [203.0.113.7, ctl.example]
  bindAddress: 0.0.0.0
  port: 6441
  grpcPort: 6440
  networkAddr: 10.66.0.0/24
  networkAddr6: fd00:66::/64
  mtu: 1380
  interconnection: true
  networks:
    - name: lab
      cidr: 10.67.0.0/24
      interconnection: false
  workDir: ./nc-server
  debug: false
  zone: nc.internal
  dns:
    listen: ["127.0.0.1:5353"]
    upstreams: [9.9.9.9]
    enclosures: [corp.example]
    records:
      - { name: www.nc.internal, type: A, value: 10.0.0.1, ttl: 5m }
    sign: false
  tokens:
    defaultExpire: 10m
    sweepInterval: 1m
  addresses:
    quarantine: 10m
  certificates:
    grpc: 24h
    network: 72h
  limits:
    connections: 20000
    messageBytes: 4194304
`.split('\n');

const CLIENT = `mode: client
client:
  interfaceName: nc0
  device: auto
  listenPort: 0
  mtu: 0
  stateDir: /var/lib/nc-client
  debug: false
  name: web-1
  serverAddr: ["192.0.2.1:6440"]
  endpoints: ["[2001:db8::7]:51820"]
  services:
    - name: registry
      port: 5000
      protocol: tcp
      channel: stable
      weight: 0
      metadata: { zone: a }
`.split('\n');

/** Values of every kind that YAML has, and of no kind. */
const VALUES = ['', '~', 'true', '-1', '0', '1.5', '1e99', '0x7fffffffffffffff', '.nan', '.inf', '"\\0"', '"\\uD800"', '[]', '{}', '[[]]', '{a: {b: c}}', '[1, 2]', '2026-01-01', '!!binary aGk=', '!!set {a, b}', '*nowhere', '&a [*a]', '&a {<<: *a}', 'a'.repeat(5_000), '"', "'", '[', '{', '|', '@', '`', '\t', '__proto__', '{__proto__: {port: 1}}', '10.66.0.0/24', '999999999999999999999w', 'never'];

type Edit = (lines: readonly string[]) => string[];

const at = fc.nat({ max: 1_000 });
const edit: fc.Arbitrary<Edit> = fc.oneof(
  at.map((n): Edit => (lines) => lines.filter((_, i) => i !== n % lines.length)),
  at.map((n): Edit => (lines) => lines.flatMap((line, i) => (i === n % lines.length ? [line, line] : [line]))),
  fc.tuple(at, fc.constantFrom(...VALUES)).map(([n, value]): Edit => (lines) => lines.map((line, i) => (i === n % lines.length ? line.replace(/: .*$|:$/, () => `: ${value}`) : line))),
  fc.tuple(at, fc.constantFrom('  ', '    ', '\t', '- ')).map(([n, indent]): Edit => (lines) => lines.map((line, i) => (i === n % lines.length ? indent + line : line))),
  fc.tuple(at, fc.constantFrom('x', '__proto__', 'constructor', 'toString', '<<', '?', '"\\0"', '1')).map(([n, key]): Edit => (lines) => lines.map((line, i) => (i === n % lines.length ? line.replace(/[A-Za-z0-9]+(?=:)/, () => key) : line))),
  fc.tuple(at, at).map(([n, m]): Edit => (lines) => [...lines.slice(0, n % lines.length), lines[m % lines.length]!, ...lines.slice(n % lines.length)]),
);
const edits = fc.array(edit, { minLength: 1, maxLength: 3 });

interface Read {
  readonly value?: object;
  readonly error?: unknown;
}

function read(parse: (text: string, path: string) => object, text: string): Read {
  try {
    return { value: parse(text, '/etc/nc/nc.yml') };
  } catch (error) {
    return { error };
  }
}

/** A refusal says what is wrong in the file: its name and a sentence that is not the program's stack. */
function isRefusal(error: unknown): boolean {
  return error instanceof DomainError && error.code === 'config_invalid' && error.message.includes('nc.yml') && !/TypeError|Cannot read|is not a function/.test(error.message);
}

const files = [
  ['server.yml', parseServerConfig, SERVER],
  ['client.yml', parseClientConfig, CLIENT],
] as const;

describe.each(files)('a %s', (_name, parse, lines) => {
  it('with keys dropped, doubled, moved or of another type is refused as config_invalid or read, and never anything else', () => {
    fc.assert(
      fc.property(edits, (list) => {
        const text = list.reduce<string[]>((mutant, change) => change(mutant), [...lines]).join('\n');
        const { value, error } = read(parse, text);
        if (value === undefined) expect(isRefusal(error), `${text}\n→ ${String(error)}`).toBe(true);
        else expect(Object.isFrozen(value)).toBe(true);
      }),
      RUNS,
    );
  });

  it('of any characters is refused as config_invalid or read', () => {
    const characters = fc.string({ unit: fc.constantFrom(...'server:cilnt \n\t-[]{}"\'&*!|>%@#,?0~\\\0\ud83d'), maxLength: 60 });
    fc.assert(
      fc.property(characters, (text) => {
        const { value, error } = read(parse, text);
        if (value === undefined) expect(isRefusal(error), `${JSON.stringify(text)} → ${String(error)}`).toBe(true);
      }),
      RUNS,
    );
  });

  it.each(lines.flatMap((line, i) => (/^ {2}[A-Za-z0-9]+: /.test(line) ? [[line.trim(), i] as const] : [])))('is refused with %s twice', (_line, i) => {
    const { error } = read(parse, lines.flatMap((line, n) => (n === i ? [line, line] : [line])).join('\n'));

    expect(isRefusal(error)).toBe(true);
  });

  it('without any one of its settings is read, with the default in its place', () => {
    const settings = lines.flatMap((line, i) => (/^ {2}[A-Za-z0-9]+: /.test(line) ? [i] : []));
    for (const i of settings) expect(read(parse, lines.filter((_, n) => n !== i).join('\n')).value, lines[i]).toBeDefined();
  });

  it('gives nothing to a key that every object inherits', () => {
    for (const key of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      expect(isRefusal(read(parse, `${lines[1]}\n  ${key}: { port: 1 }\n`).error), key).toBe(true);
    }
    expect(({} as Record<string, unknown>)['port']).toBeUndefined();
  });

  it('that names itself inside itself, a million times over, is refused before memory is gone', () => {
    const bomb = ['a: &a [x, x, x, x, x, x, x, x, x, x]', ...'bcdefg'.split('').map((key, i) => `${key}: &${key} [${Array.from({ length: 10 }, () => `*${'abcdefg'[i]}`).join(', ')}]`)].join('\n');

    expect(isRefusal(read(parse, bomb).error)).toBe(true);
  });
});
