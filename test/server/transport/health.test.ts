import { Client, credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { service as healthDefinition } from 'grpc-health-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { adminService, startTlsTestListener, startUnixTestListener, SERVER_NAME } from '../../support/rpc-listener.js';
import { testLeaf } from '../../support/test-ca.js';

interface HealthAnswer {
  readonly status: string;
}

function healthClient(address: string, creds = credentials.createInsecure()): Client {
  const client = new Client(address, creds, { 'grpc.ssl_target_name_override': SERVER_NAME, 'grpc.use_local_subchannel_pool': 1 });
  onTestFinished(() => client.close());
  return client;
}

/** grpc.health.v1.Health/Check, as any health prober calls it. */
function check(client: Client, service = ''): Promise<string> {
  const method = healthDefinition['Check']!;
  return new Promise((resolve, reject) =>
    client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize as (bytes: Buffer) => HealthAnswer,
      { service },
      new Metadata(),
      { deadline: Date.now() + 5_000 },
      (error: ServiceError | null, answer?: HealthAnswer) => (error ? reject(error) : resolve(answer?.status ?? '')),
    ),
  );
}

describe('grpc.health.v1', () => {
  it('answers for each service of a listener by name, and for no other', async () => {
    const { socketPath } = await startUnixTestListener([adminService({})]);
    const client = healthClient(`unix:${socketPath}`);

    await expect(check(client, 'networkcontroller.v1.AdminService')).resolves.toBe('SERVING');
    await expect(check(client, 'networkcontroller.v1.NodeService')).rejects.toMatchObject({ code: status.NOT_FOUND });
  });

  it('answers strangers on the bootstrap listener', async () => {
    const { server, ca } = await startTlsTestListener({ services: [] });

    await expect(check(healthClient(`127.0.0.1:${server.port}`, credentials.createSsl(Buffer.from(ca.pem))))).resolves.toBe('SERVING');
  });

  it('answers whoever TLS lets in on the control listener', async () => {
    const { server, ca } = await startTlsTestListener({ services: [], mutual: true });
    const leaf = testLeaf(ca, { usages: ['clientAuth'] });
    const creds = credentials.createSsl(Buffer.from(ca.pem), Buffer.from(leaf.keyPem), Buffer.from(leaf.pem));

    await expect(check(healthClient(`127.0.0.1:${server.port}`, creds))).resolves.toBe('SERVING');
    await expect(check(healthClient(`127.0.0.1:${server.port}`, credentials.createSsl(Buffer.from(ca.pem))))).rejects.toThrow();
  });

  it('answers on the admin socket, and says NOT_SERVING from the moment the server stops', async () => {
    const { server, socketPath } = await startUnixTestListener([]);
    const client = healthClient(`unix:${socketPath}`);
    await expect(check(client)).resolves.toBe('SERVING');
    const seen: string[] = [];
    const watch = client.makeServerStreamRequest(
      healthDefinition['Watch']!.path,
      healthDefinition['Watch']!.requestSerialize,
      healthDefinition['Watch']!.responseDeserialize as (bytes: Buffer) => HealthAnswer,
      { service: '' },
    );
    watch.on('data', (answer: HealthAnswer) => seen.push(answer.status)).on('error', () => {});
    await new Promise((resolve) => watch.once('data', resolve));

    await server.stop();

    expect(seen).toEqual(['SERVING', 'NOT_SERVING']);
  });
});
