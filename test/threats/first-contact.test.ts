import { connect as tlsConnect } from 'node:tls';
import { expect, it, onTestFinished } from 'vitest';
import { joinNode } from '../../src/client/join.js';
import { serverName } from '../../src/domain/certificate.js';
import { BootstrapServiceClient } from '../../src/gen/networkcontroller/v1/bootstrap.js';
import { callUnary, connect } from '../../src/platform/rpc-client.js';
import { toPem } from '../../src/platform/x509/pem.js';
import { clientConfig } from '../support/client-node.js';
import { ManualClock } from '../support/clock.js';
import { ncClient } from '../support/nc-client.js';
import { startTestServer, type TestServer } from '../support/server.js';
import { testCa, testLeaf } from '../support/test-ca.js';
import { startImpostor } from '../support/wires.js';

const at = (joinString: string, port: number): string => joinString.replace(/@.*/, `@127.0.0.1:${port}`);

/** A certificate as the server's own, but of a CA with the same name and another key. */
function forged(server: TestServer) {
  const ca = testCa('nc-grpc-ca g1');
  return { ca, leaf: testLeaf(ca, { names: { dns: [serverName(server.clusterId)] }, usages: ['serverAuth'] }) };
}

it('MITM at first contact, own CA', async () => {
  const server = await startTestServer();
  const { ca, leaf } = forged(server);
  const impostor = await startImpostor(leaf, ca.pem);
  const text = await server.token();

  await expect(server.join(at(text, impostor.port))).rejects.toMatchObject({ code: 'pin_mismatch' });

  expect(impostor.received()).toBe('');
  await expect(server.join(text)).resolves.toBeDefined();
});

it('MITM appends genuine root to own chain', async () => {
  const server = await startTestServer();
  const { caPem } = await server.join(await server.token());
  const { ca, leaf } = forged(server);

  for (const appended of [caPem, ca.pem + caPem]) {
    const impostor = await startImpostor(leaf, appended);
    await expect(server.join(at(await server.token(), impostor.port))).rejects.toMatchObject({ code: 'pin_mismatch' });
    expect(impostor.received()).toBe('');
  }
});

it('Join without pin', async () => {
  const server = await startTestServer();
  const text = await server.token();

  for (const pinless of [text.replace(/\.[\w-]{43}@/, '@'), text.replace(/\.[\w-]{43}@/, '.@')]) {
    await expect(joinNode(clientConfig(), pinless, { attempts: 1 })).rejects.toMatchObject({ code: 'join_string_invalid' });
  }
  const { stdout } = await ncClient(['join', '--help']);
  expect(stdout).toContain('--replace');
  expect(stdout).not.toMatch(/insecure|skip|unsafe|no-pin|no-verify/i);
});

it('TLS downgrade after reload', async () => {
  const clock = new ManualClock(Date.now());
  const server = await startTestServer({ clock, settings: ['certificates: { server: 60s }'] });
  const before = await handshake(server.ports.control, 'TLSv1.3');
  for (const port of [server.ports.control, server.ports.bootstrap]) expect((await handshake(port, 'TLSv1.2')).refusal).toMatch(/ALERT|VERSION/);

  clock.advance(60_000);

  expect((await handshake(server.ports.control, 'TLSv1.3')).serial).not.toBe(before.serial);
  for (const port of [server.ports.control, server.ports.bootstrap]) expect((await handshake(port, 'TLSv1.2')).refusal).toMatch(/ALERT|VERSION/);
});

it('Node certificate used as server / network certificate on control port', async () => {
  const server = await startTestServer();
  const text = await server.token({ maxUses: 2 });
  const member = await server.join(text);
  const { grpc, network } = member.keys;

  const certificate = { pem: toPem(member.grpcCertificate), keyPem: grpc.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
  const node = await startImpostor(certificate, member.caPem);
  const client = connect(BootstrapServiceClient, { address: `127.0.0.1:${node.port}`, tls: { ca: member.caPem, serverName: serverName(server.clusterId) } });
  onTestFinished(() => client.close());
  await expect(callUnary(client, 'healthCheck', {})).rejects.toMatchObject({ code: 'unavailable' });
  await expect(server.join(at(text, node.port))).rejects.toMatchObject({ code: 'pin_mismatch' });
  expect(node.received()).toBe('');

  const withNetworkCertificate = { ...member, grpcCertificate: member.networkCertificate, keys: { ...member.keys, grpc: network } };
  await expect(callUnary(server.control(withNetworkCertificate), 'checkConnState', { token: '' })).rejects.toMatchObject({ code: 'unavailable' });
  await expect(callUnary(server.control(member), 'checkConnState', { token: '' })).resolves.toMatchObject({ bindIp: member.bindIp });
});

/** A handshake of one version only: the serial of what the server shows, or the refusal. */
function handshake(port: number, version: 'TLSv1.2' | 'TLSv1.3'): Promise<{ serial?: string; refusal?: string }> {
  return new Promise((resolve) => {
    const socket = tlsConnect({ host: '127.0.0.1', port, minVersion: version, maxVersion: version, rejectUnauthorized: false, ALPNProtocols: ['h2'] });
    onTestFinished(() => void socket.destroy());
    socket.once('error', (error: NodeJS.ErrnoException) => resolve({ refusal: error.code ?? error.message }));
    socket.once('secureConnect', () => resolve({ serial: socket.getPeerCertificate().serialNumber }));
  });
}
