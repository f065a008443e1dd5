import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { serverName } from '../../../src/domain/certificate.js';
import { ManualClock } from '../../support/clock.js';
import { aQuery, read } from '../../support/dns.js';
import { ask } from '../../support/https.js';
import { startTestServer, type TestServer } from '../../support/server.js';
import { tmpDir } from '../../support/tmp-dir.js';
import { until } from '../../support/until.js';

const run = promisify(execFile);
const MINUTE_MS = 60_000;
const DNS = 'dns: { tls: ["127.0.0.1:0", "[::1]:0"], http: ["127.0.0.1:0", "[::1]:0"] }';

interface Names {
  readonly server: TestServer;
  readonly name: string;
  readonly address: string;
  /** What kdig(1) prints, asking for our only node with our CA as its only one. */
  kdig(host: string, port: number, ...options: string[]): Promise<string>;
}

/** A real server with one node, whose name and address are asked for. */
async function start(settings: readonly string[] = [DNS], clock?: ManualClock): Promise<Names> {
  const server = await startTestServer({ settings, ...(clock && { clock }) });
  const member = await server.join(await server.token(), { nodeName: 'web-1' });
  const name = 'web-1.default.nc.internal';
  const caFile = join(tmpDir(), 'ca.pem');
  writeFileSync(caFile, member.caPem);
  return {
    server,
    name,
    address: member.bindIp,
    async kdig(host, port, ...options) {
      const { stdout } = await run('kdig', [`@${host}`, '-p', String(port), `+tls-ca=${caFile}`, `+tls-hostname=${serverName(member.clusterId)}`, '+timeout=10', '+retry=0', ...options, name]).catch((error: { stdout: string }) => error);
      return stdout;
    },
  };
}

describe('over TLS', () => {
  it('kdig validates our certificate and is answered, at every address; under another name it is told nothing', async () => {
    const { server, kdig, address } = await start();

    for (const [index, host] of ['127.0.0.1', '::1'].entries()) {
      const port = server.ports.dnsTls[index]!;
      const output = await kdig(host, port, '+tls');
      expect(output).toMatch(/TLS session \(TLS1\.3\)/);
      expect(output).toContain(address);
      expect(await kdig(host, port, '+tls', '+tls-hostname=other.test')).not.toContain(address);
    }
  });

  it('a certificate that is renewed is shown without a restart, as over HTTPS', async () => {
    const clock = new ManualClock(Date.now() - 50 * MINUTE_MS);
    const { server, kdig, address } = await start([DNS, 'certificates: { server: 1h }'], clock);
    const pinOf = async (port: number, option: string) => /SHA-256 PIN: (\S+)/.exec(await kdig('127.0.0.1', port, option, '-d'))?.[1];
    const [tls, https] = [server.ports.dnsTls[0]!, server.ports.https];
    const before = await pinOf(tls, '+tls');
    expect(before).toBeDefined();
    expect(await pinOf(https, '+https')).toBe(before);

    clock.advance(50 * MINUTE_MS);

    const after = await until(async () => {
      const pin = await pinOf(tls, '+tls');
      return pin !== before && pin;
    }, 'the new certificate');
    expect(await pinOf(https, '+https')).toBe(after);
    expect(await kdig('127.0.0.1', tls, '+tls')).toContain(address);
  });
});

describe('over HTTPS', () => {
  it('kdig is answered over HTTP/2 by GET and POST, and curl finds our node with no other resolver', async () => {
    const { server, name, kdig, address } = await start();

    for (const option of ['+https', '+https-get']) {
      const output = await kdig('127.0.0.1', server.ports.https, option);
      expect(output).toMatch(/HTTP session \(HTTP\/2/);
      expect(output).toContain(address);
    }
    // That nobody listens there shows that curl knew where to go.
    const doh = ['--doh-insecure', '--doh-url', `https://127.0.0.1:${server.ports.https}/dns-query`];
    const { stderr } = await run('curl', ['-sv', '--max-time', '20', '--connect-timeout', '1', ...doh, `http://${name}:1/`]).catch((error: { stderr: string }) => error);
    expect(stderr).toContain(address);
  });

  it('nothing is served where that is configured', async () => {
    const { server } = await start(['dns: { https: nobody }']);
    const { caPem } = await server.join(await server.token());

    expect(await ask({ port: server.ports.https, ca: caPem }, { path: '/dns-query?dns=AAAA' })).toMatchObject({ status: 404 });
  });
});

it('plain HTTP on loopback answers at every address, and serves nothing else', async () => {
  const { server, name, address } = await start();

  for (const [index, host] of ['127.0.0.1', '[::1]'].entries()) {
    const base = `http://${host}:${server.ports.dnsHttp[index]!}`;
    const response = await fetch(`${base}/dns-query?dns=${aQuery(name).toString('base64url')}`);
    expect(read(new Uint8Array(await response.arrayBuffer())).answers).toMatchObject([{ data: address }]);
    expect((await fetch(`${base}/healthz`)).status).toBe(404);
  }
});
