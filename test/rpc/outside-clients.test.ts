import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect, type ClientHttp2Session } from 'node:http2';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { serverName } from '../../src/domain/certificate.js';
import { ncadm } from '../ncadm/support.js';
import { startTestServer, type TestServer } from '../support/server.js';

describe('openssl s_client', () => {
  it('connects to the control listener with an admin certificate, in TLS 1.3 and for HTTP/2', async () => {
    const server = await startTestServer();
    const files = await adminFiles(server, 'alice');

    const { code, output } = await sClient(server, ['-CAfile', files.ca, '-cert', files.cert, '-key', files.key, '-verify_return_error', '-alpn', 'h2']);

    expect(code, output).toBe(0);
    expect(output).toMatch(/New, TLSv1\.3, Cipher is TLS_AES/);
    expect(output).toContain('ALPN protocol: h2');
    expect(output).toContain('Verify return code: 0 (ok)');
  });

  it.each([
    ['speaks an older version', ['-tls1_2']],
    ['expects another name', ['-verify_hostname', 'server.other.nc.internal']],
  ])('does not get through when it %s', async (_what, more) => {
    const server = await startTestServer();
    const files = await adminFiles(server, 'alice');

    const { code, output } = await sClient(server, ['-CAfile', files.ca, '-cert', files.cert, '-key', files.key, '-verify_return_error', ...more]);

    expect(code, output).not.toBe(0);
  });
});

describe('a client made of HTTP/2 alone', () => {
  it('gets status and health with an admin certificate', async () => {
    const server = await startTestServer();
    const session = connectAs(server, await adminFiles(server, 'alice'));

    const status = await call(session, '/networkcontroller.v1.AdminService/GetStatus');
    const health = await call(session, '/networkcontroller.v1.NodeService/HealthCheck');
    const standard = await call(session, '/grpc.health.v1.Health/Check');

    expect([status.status, health.status, standard.status]).toEqual(['0', '0', '0']);
    expect(status.message.toString('latin1')).toContain(server.clusterId);
    expect(health.message.toString('latin1')).toContain('200');
    // HealthCheckResponse.status, field 1: SERVING.
    expect(standard.message).toEqual(Buffer.from([0x08, 0x01]));
  });

  it('is refused what changes anything with the certificate of a viewer, and may look', async () => {
    const server = await startTestServer();
    const session = connectAs(server, await adminFiles(server, 'bob', 'viewer'));

    const looked = await call(session, '/networkcontroller.v1.AdminService/GetStatus');
    const refused = await call(session, '/networkcontroller.v1.AdminService/CreateToken');

    expect(looked.status).toBe('0');
    expect(refused).toMatchObject({ status: '7', code: 'permission_denied', message: Buffer.alloc(0) });
  });

  it('is refused what the host of the server alone may do', async () => {
    const server = await startTestServer();
    const session = connectAs(server, await adminFiles(server, 'alice'));

    expect(await call(session, '/networkcontroller.v1.AdminService/PrepareCa')).toMatchObject({ status: '7', code: 'permission_denied' });
  });

  it('is not let in without a certificate', async () => {
    const server = await startTestServer();
    const { ca } = await adminFiles(server, 'alice');

    await expect(call(connectAs(server, { ca }), '/networkcontroller.v1.AdminService/GetStatus')).rejects.toThrow();
  });
});

interface Files {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

async function adminFiles(server: TestServer, name: string, role = 'admin'): Promise<Files> {
  const out = join(server.dir, name);
  const { stdout, stderr } = await ncadm(['--socket', server.adminSocket, 'admin', 'create', name, '--role', role, '--out', out, '-o', 'json']);
  expect(stderr).toBe('');
  return (JSON.parse(stdout) as { files: Files }).files;
}

/** Runs `openssl s_client` up to the end of its (empty) input. Not at once: the server it asks lives in this process. */
function sClient(server: TestServer, words: readonly string[]): Promise<{ code: number | null; output: string }> {
  const at = ['-connect', `127.0.0.1:${server.ports.control}`, '-servername', serverName(server.clusterId)];
  const child = spawn('openssl', ['s_client', ...at, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => (output += bytes.toString()));
  return new Promise((resolve, reject) => child.once('error', reject).once('close', (code) => resolve({ code, output })));
}

function connectAs(server: TestServer, { ca, cert, key }: Pick<Files, 'ca'> & Partial<Files>): ClientHttp2Session {
  const identity = cert === undefined || key === undefined ? {} : { cert: readFileSync(cert), key: readFileSync(key) };
  const session = connect(`https://127.0.0.1:${server.ports.control}`, { ca: readFileSync(ca), ...identity, servername: serverName(server.clusterId), minVersion: 'TLSv1.3' });
  onTestFinished(() => session.destroy());
  return session;
}

/** One unary gRPC call with an empty request. @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
function call(session: ClientHttp2Session, path: string): Promise<{ status: string; code: string; message: Buffer }> {
  return new Promise((resolve, reject) => {
    session.once('error', reject);
    const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' });
    const chunks: Buffer[] = [];
    let ending: Record<string, unknown> = {};
    // A refusal without a message comes in the headers, there are no trailers then.
    stream.on('response', (headers) => (ending = { ...ending, ...headers }));
    stream.on('trailers', (trailers) => (ending = { ...ending, ...trailers }));
    stream.on('data', (chunk: Buffer) => void chunks.push(chunk));
    stream.once('error', reject);
    stream.once('end', () => {
      const [status, code] = [ending['grpc-status'], ending['nc-error-code']].map((value) => (typeof value === 'string' ? value : ''));
      resolve({ status: status!, code: code!, message: Buffer.concat(chunks).subarray(5) });
    });
    // Not compressed, no octets.
    stream.end(Buffer.alloc(5));
  });
}
