import { writeFileSync } from 'node:fs';
import { connect as connectPlain } from 'node:net';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { aQuery, dig, startTestDns } from '../../support/dns.js';
import { startTestServer } from '../../support/server.js';
import { testCa, testLeaf } from '../../support/test-ca.js';
import { tmpDir } from '../../support/tmp-dir.js';
import { until } from '../../support/until.js';

const ca = testCa();

function aMaterial(name = 'dns.test') {
  const { pem, keyPem } = testLeaf(ca, { names: { dns: [name] } });
  return { chainPem: pem, privateKeyPem: keyPem };
}

async function startTls(options: Parameters<typeof startTestDns>[0] = {}) {
  const dns = await startTestDns({ tls: { listen: [{ host: '127.0.0.1', port: 0 }], material: aMaterial() }, ...options });
  const caFile = join(tmpDir(), 'ca.pem');
  writeFileSync(caFile, ca.pem);
  const tlsPort = dns.tlsPorts[0]!;
  return { dns, tlsPort, digTls: (...args: string[]) => dig(tlsPort, '+tls', `+tls-ca=${caFile}`, '+tls-hostname=dns.test', ...args) };
}

async function certificateName(port: number): Promise<string | undefined> {
  const socket: TLSSocket = connect({ port, host: '127.0.0.1', ca: ca.pem, servername: 'dns.test', checkServerIdentity: () => undefined });
  onTestFinished(() => void socket.destroy());
  await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  return socket.getPeerCertificate().subjectaltname;
}

describe('over TLS', () => {
  it('nothing comes to a client that asks for another name', async () => {
    const { tlsPort, digTls } = await startTls();

    expect(await digTls('+tls-hostname=other.test', 'web-1.default.nc.internal')).not.toContain('10.66.0.5');
    expect(tlsPort).not.toBe(0);
  });

  it('nothing comes to a client that speaks in the clear, and the next one is answered', async () => {
    const { tlsPort, digTls } = await startTls();
    const socket = connectPlain(tlsPort, '127.0.0.1');
    socket.on('error', () => {});
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));

    socket.write(Buffer.concat([Buffer.from([0, 43]), aQuery('web-1.default.nc.internal')]));
    socket.resume();
    await closed;

    expect(await digTls('+short', 'web-1.default.nc.internal')).toBe('10.66.0.5\n');
  });

  it('a certificate that cannot be read refuses the start and leaves nothing behind', async () => {
    const { dns } = await startTls();
    await dns.stop();

    await expect(startTls({ listen: [{ host: '127.0.0.1', port: dns.port }], tls: { listen: [{ host: '127.0.0.1', port: 0 }], material: { chainPem: 'x', privateKeyPem: 'y' } } })).rejects.toThrow();
    await startTestDns({ listen: [{ host: '127.0.0.1', port: dns.port }] });
  });

  it('dig validates our certificate and gets the whole of a long answer', async () => {
    const { dns, digTls } = await startTls();

    const output = await digTls('_shop._tcp.svc.nc.internal', 'SRV');

    expect(output).toMatch(/status: NOERROR/);
    expect(output).toMatch(/\(TLS\)/);
    expect(dns.stats()).toMatchObject({ tlsQueries: 1, tcpQueries: 0 });
  });

  it('a new certificate is shown from the next connection on', async () => {
    const { dns, tlsPort } = await startTls();
    expect(await certificateName(tlsPort)).toContain('dns.test');

    dns.setCertificate(aMaterial('renewed.test'));

    await until(async () => (await certificateName(tlsPort))?.includes('renewed.test'), 'the new certificate');
  });
});

describe('a server that is asked over TLS', () => {
  it('is believed only with a certificate for its name', async () => {
    const { tlsPort } = await startTls();
    const upstream = { host: '127.0.0.1', port: tlsPort, tls: { name: 'dns.test', ca: ca.pem } };
    // The name that both know is outside of the asker's zone.
    const asker = await startTestDns({ zone: 'other.example', networks: [], changes: [], upstreams: [upstream] });
    const stranger = await startTestDns({ zone: 'other.example', networks: [], changes: [], upstreams: [{ ...upstream, tls: { ...upstream.tls, name: 'wrong.test' } }] });

    expect(await dig(asker.port, '+short', 'web-1.default.nc.internal')).toBe('10.66.0.5\n');
    expect(await dig(stranger.port, 'web-1.default.nc.internal')).toMatch(/status: SERVFAIL/);
  });

  it('is named in server.yml, for a suffix, with the file of its CA', async () => {
    const { tlsPort } = await startTls({ zone: 'corp.example', networks: [], changes: [{ kind: 'record', record: { id: 'r1', name: 'www.corp.example', type: 'A', value: '192.0.2.9', ttlSeconds: 60 } }] });
    const dir = tmpDir();
    writeFileSync(join(dir, 'corp.pem'), ca.pem);
    const settings = (file: string) => [`dns: { listen: ["127.0.0.1:0"], upstreams: [{ server: "tls://127.0.0.1:${tlsPort}#dns.test", suffix: corp.example, ca: ${file} }] }`];
    const { ports } = await startTestServer({ dir, settings: settings('corp.pem') });

    expect(await dig(ports.dns[0]!, '+short', 'www.corp.example')).toBe('192.0.2.9\n');
    expect(await dig(ports.dns[0]!, 'www.example')).toMatch(/status: REFUSED/);
    await expect(startTestServer({ settings: settings('nowhere.pem') })).rejects.toMatchObject({ code: 'config_invalid', message: expect.stringContaining('nowhere.pem') as string });
  });
});
