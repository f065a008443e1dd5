import { execFile } from 'node:child_process';
import { createPrivateKey, type JsonWebKey } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { ZoneChange } from '../../../src/domain/zone-input.js';
import { dsRecord, SigningKey } from '../../../src/platform/dns/dnssec/signing-key.js';
import { aQuery, dig, digStatus, put, read, startTestDns } from '../../support/dns.js';
import { tmpDir } from '../../support/tmp-dir.js';

const run = promisify(execFile);

const pem = SigningKey.generate();
const otherPem = SigningKey.generate();
const added: [name: string, type: string, value: string][] = [
  ['www.nc.internal', 'CNAME', 'web-1.default.nc.internal'],
  ['*.apps.nc.internal', 'TXT', 'any app'],
  ['nc.internal', 'CAA', '0 issue "ca.example"'],
];
const changes = [put.node(), put.service(), put.service({ id: 'i2', address: '10.66.0.9' }), ...added.map(([name, type, value], i): ZoneChange => ({ kind: 'record', record: { id: `r${i}`, name, type, value, ttlSeconds: 300 } }))];
const signed = { changes, signingKeys: [pem] };

/** What delv(1) says when all it knows is the DS of one key. */
async function delv(port: number, key: string, question: readonly string[], apex = 'nc.internal'): Promise<string> {
  const [tag, algorithm, digestType, digest] = dsRecord(apex, SigningKey.fromPem(key)).split(' ').slice(3);
  const file = join(tmpDir(), 'anchors');
  writeFileSync(file, `trust-anchors { ${apex}. static-ds ${tag} ${algorithm} ${digestType} "${digest}"; };\n`);
  const argv = ['@127.0.0.1', '-p', String(port), '-a', file, `+root=${apex}`, ...question];
  const { stdout, stderr } = await run('delv', argv, { timeout: 20_000 }).catch((error: { stdout: string; stderr: string }) => error);
  return stdout + stderr;
}

describe('delv does not believe', () => {
  it('an answer signed with another key than the one it trusts', async () => {
    const { port } = await startTestDns(signed);

    expect(await delv(port, otherPem, ['web-1.default.nc.internal', 'A'])).not.toContain('fully validated');
  });

  it('an unsigned zone', async () => {
    const { port } = await startTestDns({ changes });

    expect(await delv(port, pem, ['web-1.default.nc.internal', 'A'])).not.toContain('fully validated');
  });
});

describe('delv validates from the DS', () => {
  it.each([
    ['a node', ['web-1.default.nc.internal', 'A'], '10.66.0.5'],
    ['a node in any case', ['WEB-1.default.nc.internal', 'AAAA'], 'fd00:66::5'],
    ['several addresses', ['shop.svc.nc.internal', 'A'], '10.66.0.9'],
    ['a service', ['_shop._tcp.svc.nc.internal', 'SRV'], '8080'],
    ['metadata', ['i1.shop.stable.svc.nc.internal', 'TXT'], '""'],
    ['an alias and its end', ['www.nc.internal', 'A'], '10.66.0.5'],
    ['a wildcard', ['x.y.apps.nc.internal', 'TXT'], 'any app'],
    ['the wildcard itself', ['*.apps.nc.internal', 'TXT'], 'any app'],
    ['CAA', ['nc.internal', 'CAA'], 'ca.example'],
    ['the apex', ['nc.internal', 'SOA'], 'hostmaster'],
    ['the keys', ['nc.internal', 'DNSKEY'], '257 3 13'],
  ])('%s', async (_, question, expected) => {
    const { port } = await startTestDns(signed);

    const output = await delv(port, pem, question);

    expect(output).toContain('; fully validated');
    expect(output).toContain(expected);
  });

  it.each([
    ['a name that does not exist', ['nobody.default.nc.internal', 'A']],
    ['a name far below', ['a.b.c.d.nobody.nc.internal', 'A']],
    ['a type that a node has not', ['web-1.default.nc.internal', 'MX']],
    ['a name with only names below it', ['default.nc.internal', 'A']],
    ['a type that the apex has not', ['nc.internal', 'MX']],
    ['a type that a wildcard has not', ['x.apps.nc.internal', 'A']],
    ['a name with octets that are no text', ['\\000\\255.nc.internal', 'A']],
    ['a name of 255 octets', [`${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(49)}.nc.internal`, 'A']],
  ])('that there is not: %s', async (_, question) => {
    const { port } = await startTestDns(signed);

    expect(await delv(port, pem, question)).toContain('negative response, fully validated');
  });

  it('the way back, whose zone has a DS of its own', async () => {
    const { port } = await startTestDns(signed);

    expect(await delv(port, pem, ['-x', '10.66.0.5'], '0.66.10.in-addr.arpa')).toMatch(/; fully validated[^]*web-1\.default\.nc\.internal\./);
    expect(await delv(port, pem, ['-x', '10.66.0.77'], '0.66.10.in-addr.arpa')).toContain('negative response, fully validated');
  });

  it('a change at once', async () => {
    const dns = await startTestDns(signed);
    await delv(dns.port, pem, ['web-1.default.nc.internal', 'A']);

    dns.apply({ revision: 8n, changes: [put.node({ bindIp: '10.66.0.88' })] });

    expect(await delv(dns.port, pem, ['web-1.default.nc.internal', 'A'])).toMatch(/; fully validated[^]*10\.66\.0\.88/);
  });
});

describe('a change of keys', () => {
  it('is believed at every step by who trusts the old key, the new one, or both', async () => {
    const dns = await startTestDns(signed);
    const question = ['web-1.default.nc.internal', 'A'];
    const trusted = async (): Promise<boolean[]> => Promise.all([pem, otherPem].map(async (key) => (await delv(dns.port, key, question)).includes('; fully validated')));

    expect(await trusted()).toEqual([true, false]);
    dns.setSigningKeys([otherPem, pem]);
    expect(await trusted()).toEqual([true, true]);
    dns.setSigningKeys([otherPem]);
    expect(await trusted()).toEqual([false, true]);
  });

  it('to something that is no key is refused, and the old ones stay', async () => {
    const dns = await startTestDns(signed);

    expect(() => dns.setSigningKeys(['-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----'])).toThrow(
      expect.objectContaining({ code: 'state_invalid', message: expect.not.stringContaining('secret') as string }) as Error,
    );
    expect(await delv(dns.port, pem, ['nc.internal', 'SOA'])).toContain('; fully validated');
  });
});

describe('a client that does not ask for signatures', () => {
  it('gets none, and NXDOMAIN for what does not exist', async () => {
    const { port } = await startTestDns(signed);

    expect(await dig(port, 'web-1.default.nc.internal')).not.toContain('RRSIG');
    expect(await digStatus(port, 'nobody.default.nc.internal')).toBe('NXDOMAIN');
  });

  it('and one that does gets NOERROR with the denial, or NXDOMAIN if it says that it knows', async () => {
    const dns = await startTestDns(signed);
    const knowing = Buffer.concat([aQuery('nobody.default.nc.internal'), Buffer.from([0, 0, 41, 4, 208, 0, 0, 0xc0, 0, 0, 0])]);
    knowing[11] = 1;

    expect(await dig(dns.port, '+dnssec', 'nobody.default.nc.internal')).toMatch(/status: NOERROR[^]*NSEC\s+\\000\.nobody\.default\.nc\.internal\. RRSIG NSEC (NXNAME|TYPE128)/);
    expect(read(await dns.answer(knowing, { address: '10.66.0.5' })).rcode).toBe('NXDOMAIN');
  });
});

it('the DS is that of RFC 6605 §6.1 for its key', () => {
  const d = Buffer.from('GU6SnQ/Ou+xC5RumuIUIuJZteXT2z0O/ok1s38Et6mQ=', 'base64').toString('base64url');
  const point = Buffer.from('GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA==', 'base64');
  const jwk = { kty: 'EC', crv: 'P-256', d, x: point.subarray(0, 32).toString('base64url'), y: point.subarray(32).toString('base64url') };

  expect(dsRecord('example.net', SigningKey.fromPem(pemOf(jwk)))).toBe('example.net. IN DS 55648 13 2 B4C8C1FE2E7477127B27115656AD6256F424625BF5C1E2770CE6D6E37DF61D17');
});

function pemOf(jwk: JsonWebKey): string {
  return createPrivateKey({ key: jwk, format: 'jwk' }).export({ type: 'pkcs8', format: 'pem' }).toString();
}
