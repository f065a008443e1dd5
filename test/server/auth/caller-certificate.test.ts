import { X509Certificate } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DomainError } from '../../../src/domain/errors.js';
import { NodeServiceClient } from '../../../src/gen/networkcontroller/v1/node.js';
import { callUnary, connect, type RpcTarget } from '../../../src/platform/rpc-client.js';
import type { Connection } from '../../../src/server/auth/authenticate.js';
import { callerCertificate } from '../../../src/server/auth/caller-certificate.js';
import { nodeService, startTlsTestListener, type TestListener } from '../../support/rpc-listener.js';
import { testCa, testLeaf } from '../../support/test-ca.js';
import { until } from '../../support/until.js';

const URI = 'nc://c1/node/n-1';

/** A listener with mutual TLS that writes down whose each call was. */
async function listener(refused = new Set<string>()): Promise<TestListener & { seen: Connection[] }> {
  const seen: Connection[] = [];
  const made = await startTlsTestListener({
    mutual: true,
    services: [nodeService({ healthCheck: () => Promise.resolve({ code: '200' }) })],
    authenticate: async (connection) => {
      seen.push(connection);
      if (refused.has(connection.certificate?.serialNumber ?? '')) throw new DomainError('certificate_invalid', 'revoked');
      return { kind: 'node', nodeId: 'n-1', network: 'default', serial: '1', address: connection.address };
    },
  });
  return { ...made, seen };
}

function clientOf(target: RpcTarget): NodeServiceClient {
  const client = connect(NodeServiceClient, target);
  onTestFinished(() => client.close());
  return client;
}

describe('the certificate of a caller', () => {
  it('lets nobody in who shows none, or one of another CA', async () => {
    const { target, as, seen } = await listener();

    await expect(callUnary(clientOf(target), 'healthCheck', {})).rejects.toMatchObject({ code: 'unavailable' });
    await expect(callUnary(clientOf(as(testLeaf(testCa()))), 'healthCheck', {})).rejects.toMatchObject({ code: 'unavailable' });

    expect(seen).toEqual([]);
  });

  it('is judged anew for each call on one connection, though it is read once', async () => {
    const refused = new Set<string>();
    const { as, ca, seen, server } = await listener(refused);
    const leaf = testLeaf(ca, { names: { uris: [URI] } });
    const client = clientOf(as(leaf));
    await callUnary(client, 'healthCheck', {});

    refused.add(leaf.serial.toUpperCase());

    await expect(callUnary(client, 'healthCheck', {})).rejects.toMatchObject({ code: 'certificate_invalid' });
    expect(seen).toHaveLength(2);
    expect(seen[1]?.certificate).toBe(seen[0]?.certificate);
    expect(server.connections().accepted).toBe(1);
  });

  it('is that of the connection, for two callers that take turns and for one who comes back with another', async () => {
    const { as, ca, seen, server } = await listener();
    const [one, other] = [testLeaf(ca, { names: { uris: [URI] } }), testLeaf(ca, { names: { uris: ['nc://c1/node/n-2'] } })];
    const [first, second] = [clientOf(as(one)), clientOf(as(other))];
    for (const client of [first, second, first, second]) await callUnary(client, 'healthCheck', {});

    first.close();
    await until(() => server.connections().open === 1, 'the first connection to be closed');
    await callUnary(clientOf(as(other)), 'healthCheck', {});

    expect(seen.map(({ certificate }) => certificate?.serialNumber.toLowerCase())).toEqual([one, other, one, other, other].map(({ serial }) => serial.toLowerCase()));
    expect(seen.map(({ certificate }) => certificate?.subjectaltname?.at(-1))).toEqual(['1', '2', '1', '2', '2']);
  });

  it('is none where TLS asks for none', async () => {
    const seen: Connection[] = [];
    const { target } = await startTlsTestListener({
      services: [nodeService({ healthCheck: () => Promise.resolve({ code: '200' }) })],
      authenticate: (connection) => {
        seen.push(connection);
        return Promise.resolve({ kind: 'node', nodeId: 'n-1', network: 'default', serial: '1', address: '' });
      },
    });

    await callUnary(clientOf(target), 'healthCheck', {});

    expect(seen.map(({ certificate }) => certificate)).toEqual([undefined]);
  });

  it('is read with its serial, all its names and its end', () => {
    const notAfterMs = Date.UTC(2030, 1, 3, 4, 5, 6);
    const { der, serial } = testLeaf(testCa(), { names: { uris: [URI], dns: ['a.test'] }, notAfterMs });

    const read = callerCertificate(new X509Certificate(der));

    expect(read.serialNumber.toLowerCase()).toBe(serial.toLowerCase());
    expect(Date.parse(read.valid_to)).toBe(notAfterMs);
    expect(read.subjectaltname).toContain(`URI:${URI}`);
    expect(read.subjectaltname).toContain('DNS:a.test');
  });
});
