import { credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DomainError } from '../../../src/domain/errors.js';
import { AdminServiceClient, AdminServiceService, type GetTokenResponse } from '../../../src/gen/networkcontroller/v1/admin.js';
import { BootstrapServiceClient, RegisterRequest, RegisterResponse, type HealthCheckResponse } from '../../../src/gen/networkcontroller/v1/bootstrap.js';
import { NodeServiceClient } from '../../../src/gen/networkcontroller/v1/node.js';
import { callUnary, connect, type RpcTarget } from '../../../src/platform/rpc-client.js';
import type { Caller } from '../../../src/server/auth/caller.js';
import { service } from '../../../src/server/transport/service.js';
import { adminService, bootstrapService, handlers, startTlsTestListener, startUnixTestListener, type TestListener } from '../../support/rpc-listener.js';
import { until } from '../../support/until.js';

const HEALTHY: HealthCheckResponse = { code: '200', version: '', state: 'running' };

function bootstrapClient(target: RpcTarget): BootstrapServiceClient {
  const client = connect(BootstrapServiceClient, target);
  onTestFinished(() => client.close());
  return client;
}

/** Calls without our client, to see the wire. */
async function rawHealthCheck({ server, ca }: TestListener, metadata = new Metadata()): Promise<ServiceError | undefined> {
  const client = new BootstrapServiceClient(`127.0.0.1:${server.port}`, credentials.createSsl(Buffer.from(ca.pem)), { 'grpc.ssl_target_name_override': 'server.c1.nc.internal' });
  onTestFinished(() => client.close());
  return new Promise((resolve) => client.healthCheck({}, metadata, (error) => resolve(error ?? undefined)));
}

describe('a unary call that is refused', () => {
  it('carries status, code, LiteKube’s class and request id on the wire', async () => {
    const listener = await startTlsTestListener({
      services: [bootstrapService({ healthCheck: () => Promise.reject(new DomainError('pool_exhausted', 'no address left in 10.66.0.0/24')) })],
    });

    const error = await rawHealthCheck(listener);

    expect(error).toMatchObject({ code: status.RESOURCE_EXHAUSTED, details: 'pool_exhausted: no address left in 10.66.0.0/24' });
    expect(error?.metadata.get('nc-error-code')).toEqual(['pool_exhausted']);
    expect(error?.metadata.get('nc-result-code')).toEqual(['500']);
    expect(error?.metadata.get('nc-request-id')).toEqual([listener.lines[0]?.fields['requestId']]);
  });

  it('is the same refusal again at the client', async () => {
    const listener = await startTlsTestListener({
      services: [bootstrapService({ register: () => Promise.reject(new DomainError('token_expired', 'the token expired at 12:00 – “late”')) })],
    });

    const registered = callUnary(bootstrapClient(listener.target), 'register', RegisterRequest.fromPartial({}));

    await expect(registered).rejects.toMatchObject({ name: 'DomainError', code: 'token_expired', message: 'the token expired at 12:00 – “late”' });
  });

  it('tells nothing of a fault of ours but the id under which the log has the stack', async () => {
    const listener = await startTlsTestListener({
      services: [bootstrapService({ healthCheck: () => Promise.reject(new TypeError('cannot read secretThing of undefined')) })],
    });

    const error = await rawHealthCheck(listener);

    const [line] = listener.lines;
    expect(error).toMatchObject({ code: status.INTERNAL, details: `internal: internal error, request ${String(line?.fields['requestId'])}` });
    expect(JSON.stringify(error?.metadata.getMap())).not.toContain('secretThing');
    expect(line).toMatchObject({ level: 'error', fields: { code: 'internal', error: expect.objectContaining({ stack: expect.stringContaining('secretThing') }) } });
  });

  it('is refused as internal when its method has no policy, whoever calls', async () => {
    const method = { ...AdminServiceService.getToken, path: '/networkcontroller.v1.AdminService/Forgotten' };
    let reached = false;
    const getToken = async (): Promise<GetTokenResponse> => {
      reached = true;
      return { token: undefined };
    };
    const forgotten = service({ getToken: method }, { getToken });
    const { socketPath } = await startUnixTestListener([forgotten]);
    const client = connect(AdminServiceClient, { socketPath });
    onTestFinished(() => client.close());

    const called = new Promise((_resolve, reject) =>
      client.makeUnaryRequest(method.path, method.requestSerialize, method.responseDeserialize, { id: 'x' }, (error) => reject(error ?? new Error('answered'))),
    );

    await expect(called).rejects.toMatchObject({ code: status.INTERNAL });
    expect(reached).toBe(false);
  });

  it('is refused for a method of another listener', async () => {
    const listener = await startTlsTestListener({ services: [bootstrapService({})] });
    const client = connect(AdminServiceClient, listener.target);
    onTestFinished(() => client.close());

    await expect(callUnary(client, 'getToken', { id: 'x' })).rejects.toMatchObject({ cause: { code: status.UNIMPLEMENTED } });
  });

  it('stays anonymous whatever it claims in metadata', async () => {
    const listener = await startTlsTestListener({ services: [adminService({ getToken: () => Promise.resolve({ token: undefined }) })] });
    const metadata = new Metadata();
    for (const key of ['x-nc-identity', 'nc-caller', 'authorization', 'x-forwarded-client-cert']) metadata.set(key, 'admin');
    const client = connect(AdminServiceClient, listener.target);
    onTestFinished(() => client.close());

    const called = new Promise((resolve, reject) => client.getToken({ id: 'x' }, metadata, (error, response) => (error ? reject(error) : resolve(response))));

    await expect(called).rejects.toMatchObject({ code: status.UNAUTHENTICATED, details: 'unauthenticated: GetToken: want a client certificate, got none' });
  });

  it('is refused for a message over the limit, and the next one is served', async () => {
    const listener = await startTlsTestListener({ services: [bootstrapService({ healthCheck: () => Promise.resolve(HEALTHY) })], messageBytes: 16 * 1024 });
    const client = bootstrapClient(listener.target);

    const huge = callUnary(client, 'register', RegisterRequest.fromPartial({ bootstrapToken: 'x'.repeat(17 * 1024) }));

    await expect(huge).rejects.toMatchObject({ code: 'message_too_large' });
    expect(listener.lines).toMatchObject([{ message: 'rpc refused', fields: { method: '/networkcontroller.v1.BootstrapService/Register', address: '127.0.0.1', code: 'message_too_large' } }]);
    await expect(callUnary(client, 'healthCheck', {})).resolves.toEqual(HEALTHY);
  });
});

describe('a unary call', () => {
  it('leaves one line in the log: method, caller, code, time, request id, and nothing that was said', async () => {
    const listener = await startTlsTestListener({ services: [bootstrapService({ register: () => Promise.resolve(RegisterResponse.fromPartial({ nodeToken: 'ANSWER' })) })] });

    await callUnary(bootstrapClient(listener.target), 'register', RegisterRequest.fromPartial({ bootstrapToken: 'QUESTION' }));

    expect(listener.lines).toHaveLength(1);
    expect(listener.lines[0]).toEqual({
      level: 'info',
      message: 'rpc',
      fields: {
        method: '/networkcontroller.v1.BootstrapService/Register',
        caller: 'anonymous',
        address: '127.0.0.1',
        code: 'ok',
        ms: expect.any(Number),
        requestId: expect.stringMatching(/^[0-9a-f]{16}$/),
      },
    });
    expect(JSON.stringify(listener.lines)).not.toMatch(/QUESTION|ANSWER/);
  });

  it('leaves it at debug when it is one that is made again and again while nothing happens', async () => {
    const listener = await startTlsTestListener({ services: [bootstrapService({ healthCheck: () => Promise.resolve(HEALTHY) })] });

    await callUnary(bootstrapClient(listener.target), 'healthCheck', {});

    expect(listener.lines).toMatchObject([{ level: 'debug', message: 'rpc', fields: { method: '/networkcontroller.v1.BootstrapService/HealthCheck', code: 'ok' } }]);
  });

  it('ends as timeout when nobody answers in time', async () => {
    const listener = await startTlsTestListener({ services: [bootstrapService({ healthCheck: () => new Promise(() => {}) })], drainMs: 10 });

    await expect(callUnary(bootstrapClient(listener.target), 'healthCheck', {}, { deadlineMs: 50 })).rejects.toMatchObject({ code: 'timeout' });
  });

  it('can be given up by its caller', async () => {
    const listener = await startTlsTestListener({ services: [bootstrapService({ healthCheck: () => new Promise(() => {}) })], drainMs: 10 });
    const abort = new AbortController();

    const called = callUnary(bootstrapClient(listener.target), 'healthCheck', {}, { signal: abort.signal });
    await until(() => listener.server.connections().open === 1);
    abort.abort();

    await expect(called).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('ends as unavailable where nobody listens', async () => {
    const listener = await startTlsTestListener({ services: [] });
    await listener.server.stop();

    await expect(callUnary(bootstrapClient(listener.target), 'healthCheck', {})).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('goes past a proxy that the environment names', async () => {
    const listener = await startTlsTestListener({ services: [bootstrapService({ healthCheck: () => Promise.resolve(HEALTHY) })] });
    for (const name of ['http_proxy', 'https_proxy', 'grpc_proxy']) process.env[name] = 'http://127.0.0.1:1';
    onTestFinished(() => ['http_proxy', 'https_proxy', 'grpc_proxy'].forEach((name) => delete process.env[name]));

    await expect(callUnary(bootstrapClient(listener.target), 'healthCheck', {})).resolves.toEqual(HEALTHY);
  });

  it('is the machine’s own admin through the unix socket', async () => {
    let caller: Caller | undefined;
    const getToken = async (_request: unknown, from: Caller): Promise<GetTokenResponse> => {
      caller = from;
      return { token: undefined };
    };
    const { socketPath } = await startUnixTestListener([adminService({ getToken })]);
    const client = connect(AdminServiceClient, { socketPath });
    onTestFinished(() => client.close());

    await callUnary(client, 'getToken', { id: 'x' });

    expect(caller).toEqual({ kind: 'local', address: '' });
  });
});

it('has a handler for each method of a service, or does not compile', () => {
  expect(Object.keys(handlers(NodeServiceClient.service, {}))).toEqual(Object.keys(NodeServiceClient.service));
});
