import { join } from 'node:path';
import { Metadata, Server, ServerCredentials, status, type sendUnaryData, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AdminServiceClient, AdminServiceService, WatchEventsRequest, WatchEventsResponse, type ListAdminsResponse } from '../../src/gen/networkcontroller/v1/admin.js';
import { BootstrapServiceClient } from '../../src/gen/networkcontroller/v1/bootstrap.js';
import { callStream, callUnary, connect } from '../../src/platform/rpc-client.js';
import { ERROR_CODE_KEY } from '../../src/platform/rpc-metadata.js';
import { bootstrapService, startTlsTestListener } from '../support/rpc-listener.js';
import { testCa } from '../support/test-ca.js';
import { tmpDir } from '../support/tmp-dir.js';
import { until } from '../support/until.js';

/** A server that is not ours: its refusals carry whatever it likes. */
async function foreignServer(methods: UntypedServiceImplementation): Promise<AdminServiceClient> {
  const server = new Server();
  const absent = Object.fromEntries(Object.keys(AdminServiceService).map((name) => [name, (_call: unknown, reply: sendUnaryData<unknown>) => reply({ code: status.UNIMPLEMENTED })]));
  server.addService(AdminServiceService, { ...absent, ...methods });
  const socketPath = join(tmpDir(), 'x.sock');
  await new Promise<void>((resolve, reject) => server.bindAsync(`unix:${socketPath}`, ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve())));
  onTestFinished(() => server.forceShutdown());
  const client = connect(AdminServiceClient, { socketPath });
  onTestFinished(() => client.close());
  return client;
}

/** A method that always ends with this status. */
function refusing(code: status, details: string, told?: string): UntypedServiceImplementation {
  const metadata = new Metadata();
  if (told !== undefined) metadata.set(ERROR_CODE_KEY, told);
  return { listAdmins: (_call: unknown, reply: sendUnaryData<unknown>) => reply({ code, details, metadata }) };
}

/** A method that answers with an empty list. */
function answering(onCall: () => void): UntypedServiceImplementation {
  return {
    listAdmins(_call: unknown, reply: sendUnaryData<ListAdminsResponse>) {
      onCall();
      reply(null, { admins: [] });
    },
  };
}

/** Events without end, and whether the server still sends them. */
function endlessEvents(): { methods: UntypedServiceImplementation; open: () => number } {
  let open = 0;
  const watchEvents = (call: { write(message: WatchEventsResponse): boolean; on(event: string, listener: () => void): void }): void => {
    open++;
    call.on('cancelled', () => open--);
    call.write(WatchEventsResponse.fromPartial({ revision: 1n }));
  };
  return { methods: { watchEvents } as unknown as UntypedServiceImplementation, open: () => open };
}

describe('a status without a code of ours', () => {
  it.each<[string, status, string]>([
    ['a call that was cut off', status.UNAVAILABLE, 'unavailable'],
    ['a call that was cancelled', status.CANCELLED, 'unavailable'],
    ['a deadline', status.DEADLINE_EXCEEDED, 'timeout'],
    ['a stranger', status.UNAUTHENTICATED, 'unauthenticated'],
    ['somebody who may not', status.PERMISSION_DENIED, 'permission_denied'],
    ['a message above the limit', status.RESOURCE_EXHAUSTED, 'message_too_large'],
    ['a method that nobody serves', status.UNIMPLEMENTED, 'internal'],
    ['anything else', status.DATA_LOSS, 'internal'],
  ])('for %s is told under the nearest of ours', async (_what, code, expected) => {
    const client = await foreignServer(refusing(code, 'words'));

    await expect(callUnary(client, 'listAdmins', {})).rejects.toMatchObject({ name: 'DomainError', code: expected, message: 'words' });
  });

  it('but with a code that nobody knows is not taken at its word', async () => {
    const client = await foreignServer(refusing(status.UNAVAILABLE, 'made_up: words', 'made_up'));

    await expect(callUnary(client, 'listAdmins', {})).rejects.toMatchObject({ code: 'unavailable', message: 'made_up: words' });
  });

  it('is told in one line, however its author broke it', async () => {
    const client = await foreignServer(refusing(status.UNAVAILABLE, '  first\n\tsecond\r\n'));

    await expect(callUnary(client, 'listAdmins', {})).rejects.toMatchObject({ message: 'first second' });
  });

  it('is believed with a code of ours, whose words stand without it', async () => {
    const client = await foreignServer(refusing(status.UNKNOWN, 'node_unknown: no node web', 'node_unknown'));

    await expect(callUnary(client, 'listAdmins', {})).rejects.toMatchObject({ code: 'node_unknown', message: 'no node web' });
  });
});

describe('a server that is not the one expected', () => {
  it.each([
    ['has a certificate of another CA', (target: { ca: string; serverName: string }) => ({ ...target, ca: testCa().pem })],
    ['goes by another name', (target: { ca: string; serverName: string }) => ({ ...target, serverName: 'server.c2.nc.internal' })],
  ])('is told nothing when it %s', async (_what, changed) => {
    let asked = 0;
    const listener = await startTlsTestListener({ services: [bootstrapService({ healthCheck: async () => ({ code: String(++asked), version: '', state: '' }) })] });
    const client = connect(BootstrapServiceClient, { address: listener.target.address, tls: changed(listener.target.tls) });
    onTestFinished(() => client.close());

    await expect(callUnary(client, 'healthCheck', {})).rejects.toMatchObject({ code: 'unavailable' });

    expect(asked).toBe(0);
  });
});

describe('a call that is given up', () => {
  it('before it begins reaches nobody', async () => {
    let asked = 0;
    const client = await foreignServer(answering(() => asked++));

    await expect(callUnary(client, 'listAdmins', {}, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'unavailable' });

    expect(asked).toBe(0);
  });

  it('after its answer changes nothing', async () => {
    const over = new AbortController();
    const client = await foreignServer(answering(() => {}));

    const answer = await callUnary(client, 'listAdmins', {}, { signal: over.signal });
    over.abort();

    expect(answer).toEqual({ admins: [] });
  });

  it('as a stream ends with unavailable, also before its first message', async () => {
    const { methods } = endlessEvents();
    const stream = callStream(await foreignServer(methods), 'watchEvents', WatchEventsRequest.fromPartial({}), { signal: AbortSignal.abort() });

    await expect(stream.next()).rejects.toMatchObject({ name: 'DomainError', code: 'unavailable' });
  });

  it('in the middle of a stream ends it at the server too', async () => {
    const { methods, open } = endlessEvents();
    const over = new AbortController();
    const stream = callStream(await foreignServer(methods), 'watchEvents', WatchEventsRequest.fromPartial({}), { signal: over.signal });
    expect((await stream.next()).value).toMatchObject({ revision: 1n });

    over.abort();

    await expect(stream.next()).rejects.toMatchObject({ code: 'unavailable' });
    await until(() => open() === 0, 'the server to see the end');
  });

  it('by leaving the loop ends the stream at the server, without an error', async () => {
    const { methods, open } = endlessEvents();
    for await (const event of callStream(await foreignServer(methods), 'watchEvents', WatchEventsRequest.fromPartial({}))) {
      expect(event.revision).toBe(1n);
      break;
    }

    await until(() => open() === 0, 'the server to see the end');
  });
});
