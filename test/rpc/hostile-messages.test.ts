import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metadata, status, type Client, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AdminServiceClient, AdminServiceService, CreateTokenRequest, ListNodesRequest, ListTokensRequest } from '../../src/gen/networkcontroller/v1/admin.js';
import { BootstrapServiceClient, BootstrapServiceService } from '../../src/gen/networkcontroller/v1/bootstrap.js';
import { NodeServiceClient, NodeServiceService } from '../../src/gen/networkcontroller/v1/node.js';
import { Service } from '../../src/gen/networkcontroller/v1/types.js';
import { parseJoinString } from '../../src/domain/join-string.js';
import { serverName } from '../../src/domain/certificate.js';
import { silentLog } from '../../src/platform/log.js';
import { callUnary, connect } from '../../src/platform/rpc-client.js';
import { ERROR_CODE_KEY, RESULT_CODE_KEY } from '../../src/platform/rpc-metadata.js';
import { makeCsr } from '../../src/platform/x509/csr.js';
import { startServer, type RunningServer } from '../../src/server/app.js';
import { controlTarget, joinMachine, machineKeys, testConfig, type Member } from '../support/server.js';
import { HOSTILE_TEXTS, extremeMessages, fieldOf, mutants, randomMessages, seeded } from '../support/hostile-bytes.js';

interface Method {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestSerialize: (request: never) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => unknown;
}

/** How a call ended: with an answer, or with what the caller is told. */
interface Outcome {
  readonly answered: boolean;
  readonly grpc: status;
  readonly details: string;
  readonly code: string;
  readonly result: string;
}

const ANSWERED: Outcome = { answered: true, grpc: status.OK, details: '', code: '', result: '' };
const passing = (bytes: Buffer): Buffer => bytes;

const dir = mkdtempSync(join(tmpdir(), 'nc-hostile-'));
let server: RunningServer;
let admin: AdminServiceClient;
let joinString: string;
let member: Member;
const clients: Client[] = [];

beforeAll(async () => {
  server = await startServer(testConfig(dir, ['limits: { guessesPerMinute: 100000 }']), { log: silentLog });
  admin = opened(connect(AdminServiceClient, { socketPath: server.adminSocket }));
  joinString = await newToken();
  member = await joinMachine(await newToken());
});

afterAll(async () => {
  for (const client of clients) client.close();
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

function opened<C extends Client>(client: C): C {
  clients.push(client);
  return client;
}

async function newToken(): Promise<string> {
  return (await callUnary(admin, 'createToken', CreateTokenRequest.fromPartial({}))).join;
}

function bootstrapClient(): Client {
  return opened(connect(BootstrapServiceClient, { address: `127.0.0.1:${server.ports.bootstrap}`, tls: { ca: member.caPem, serverName: serverName(server.clusterId) } }));
}

function nodeClient(): Client {
  return opened(connect(NodeServiceClient, controlTarget(server, member)));
}

/** Sends bytes as they are; a stream counts as answered with its first message, or when it waits quietly. */
function send(client: Client, method: Method, bytes: Buffer): Promise<Outcome> {
  const { path } = method;
  if (!method.responseStream) {
    return new Promise((resolve) => {
      client.makeUnaryRequest(path, passing, passing, bytes, new Metadata(), { deadline: Date.now() + 20_000 }, (error) => resolve(error === null ? ANSWERED : refusal(error)));
    });
  }
  return new Promise((resolve) => {
    const call = client.makeServerStreamRequest(path, passing, passing, bytes, new Metadata(), { deadline: Date.now() + 400 });
    call.once('data', () => {
      resolve(ANSWERED);
      call.cancel();
    });
    call.once('end', () => resolve(ANSWERED));
    call.on('error', (error: ServiceError) => resolve(error.code === status.DEADLINE_EXCEEDED ? ANSWERED : refusal(error)));
  });
}

function refusal(error: ServiceError): Outcome {
  const told = (key: string): string => String(error.metadata?.get(key)[0] ?? '');
  return { answered: false, grpc: error.code, details: error.details, code: told(ERROR_CODE_KEY), result: told(RESULT_CODE_KEY) };
}

/** A refusal that names the caller's fault: one of ours of class 400, or gRPC's own word about bytes that are no message. */
function isClean(outcome: Outcome): boolean {
  if (outcome.answered) return true;
  if (outcome.code === '') return /^Error deserializing request/.test(outcome.details) || outcome.grpc === status.RESOURCE_EXHAUSTED;
  return outcome.result === '400' && outcome.grpc !== status.INTERNAL && outcome.grpc !== status.UNKNOWN;
}

async function counts(): Promise<string> {
  const { nodes } = await callUnary(admin, 'listNodes', ListNodesRequest.fromPartial({ pageSize: 1_000 }));
  const { tokens } = await callUnary(admin, 'listTokens', ListTokensRequest.fromPartial({ all: true, pageSize: 1_000 }));
  return JSON.stringify({ nodes: nodes.map((node) => node.id).sort(), tokens: tokens.map((token) => token.id).sort() });
}

function hostileInputs(method: Method, valid: Buffer): Buffer[] {
  const random = seeded(method.path);
  return [...randomMessages(random, 8), ...mutants(random, valid, 12), ...extremeMessages(random, valid, 14)];
}

/** What a well-meant caller of a method might send; empty where there is nothing to fill in. */
function validMessage(name: string, method: Method): Buffer {
  const { token } = parseJoinString(joinString);
  const keys = machineKeys();
  const service = Service.fromPartial({ name: 'registry', network: 'default', port: 5000, protocol: 'tcp', metadata: { zone: 'a' }, ttlSeconds: 30, leaseSeconds: 10 });
  const page = { pageSize: 10, pageToken: '' };
  const named = { node: 'nobody', network: 'default' };
  const requests: Readonly<Record<string, object>> = {
    register: {
      bootstrapToken: `${token.id}.${token.secret.reveal()}`, nodeName: 'web', hostname: 'web', agentVersion: '1',
      grpcCsr: makeCsr(keys.grpc, 'node'), networkCsr: makeCsr(keys.network, 'node'), wgPublicKey: keys.wireGuard.publicKey, wgProof: Buffer.alloc(32, 1), cookie: Buffer.alloc(72, 2),
    },
    recover: { nodeToken: member.nodeToken, grpcCsr: makeCsr(keys.grpc, 'node'), networkCsr: makeCsr(keys.network, 'node'), signature: Buffer.alloc(64, 3) },
    getTrustBundle: { afterVersion: 0 },
    watch: { epoch: member.epoch, fromRevision: 0n, agentVersion: '1' },
    report: { appliedRevision: 1n, bundleVersion: 1, candidates: [{ address: '192.0.2.1:1', kind: 1 }], paths: [{ nodeId: member.nodeId, path: 3, endpoint: '192.0.2.1:1', rttUs: 9, lastHandshakeMs: 1 }], tunnelUp: true, agentVersion: '1' },
    signal: { signals: [{ nodeId: member.nodeId, kind: 1, attempt: 1, candidates: [{ address: '192.0.2.1:1', kind: 1 }], symmetricNat: false, relays: [{ name: 'paris', rttUs: 9 }] }] },
    renew: { grpcCsr: makeCsr(keys.grpc, 'node'), networkCsr: makeCsr(keys.network, 'node') },
    checkConnState: { token: member.nodeToken },
    getRegistedIp: { token: member.nodeToken },
    unRegister: { token: member.nodeToken },
    createApiToken: { scopes: ['services:read'], node: '', network: 'default', label: 'x', lifetimeMs: 86_400_000 },
    revokeApiToken: { id: '0123456789abcdef' },
    registerService: { service: { ...service, nodeId: member.nodeId } },
    renewServices: { services: [{ id: 'nothing', health: 'failing', healthReason: 'no answer' }] },
    deregisterService: { id: 'nothing' },
    watchServices: { network: 'default', filter: { name: 'registry', type: 'mq', channel: 'stable' } },
    getStatus: { summaryOnly: false, ...page, network: 'default' },
    createToken: CreateTokenRequest.fromPartial({ expireMs: 60_000, label: 'x' }),
    listTokens: { network: 'default', all: true, ...page },
    getToken: { id: token.id },
    revokeToken: { id: '0123456789abcdef' },
    rotateToken: { id: token.id, graceMs: 1_000 },
    listNodes: { network: 'default', ...page, state: 1 },
    getNode: named,
    renameNode: { node: member.nodeId, network: 'default', name: 'web-9' },
    unregisterNode: named,
    revokeNode: { ...named, reason: 'lost' },
    addService: { service: { ...service, address: '192.0.2.9' } },
    listServices: { network: 'default', name: 'registry', filter: { name: 'registry', type: '', channel: '' }, ...page },
    removeService: { service: 'registry', network: 'default' },
    watchEvents: { fromRevision: 0n, follow: false, limit: 5 },
    listAudit: { actor: '', object: '', result: '', ...page },
    createAdmin: { name: 'olga', role: 'viewer', csr: makeCsr(keys.grpc, 'admin'), ttlMs: 60_000 },
    listAdmins: {},
    revokeAdmin: { admin: 'nobody' },
    // The other CA signs the server's own certificate, which the clients of these tests go on trusting.
    prepareCa: { purpose: 'network' },
    activateCa: { purpose: 'network', compromised: false },
    retireCa: { purpose: 'network', generation: 9, compromised: false },
  };
  return method.requestSerialize({ ...(method.requestDeserialize(Buffer.alloc(0)) as object), ...requests[name] } as never);
}

/** Sends every hostile input, looking after each whether a refusal left a trace. */
async function assault(client: () => Client, name: string, method: Method, mend: () => Promise<void> = async () => {}): Promise<void> {
  const outcomes: Outcome[] = [];
  let before = await counts();
  let open = client();
  for (const bytes of hostileInputs(method, validMessage(name, method))) {
    const outcome = await send(open, method, bytes);
    expect(isClean(outcome), `${name} ${bytes.toString('hex').slice(0, 400)}: ${JSON.stringify(outcome)}`).toBe(true);
    if (outcome.answered) {
      await mend();
      open = client();
    }
    const after = await counts();
    if (!outcome.answered) expect(after, `${name} ${bytes.toString('hex').slice(0, 400)}`).toBe(before);
    before = after;
    outcomes.push(outcome);
  }
  // Bytes that never get as far as a handler would prove nothing about it.
  expect(outcomes.filter((outcome) => outcome.answered || outcome.code !== '').length, name).toBeGreaterThan(5);
}

const methodsOf = (definition: object): [string, Method][] => Object.entries(definition) as [string, Method][];

describe('a stranger on the bootstrap listener', () => {
  it.each(methodsOf(BootstrapServiceService))('gets a clean answer for any bytes sent to %s, and changes nothing', async (name, method) => {
    const client = bootstrapClient();
    const before = await counts();

    await assault(() => client, name, method);

    expect(await counts()).toBe(before);
    expect(await callUnary(client as BootstrapServiceClient, 'healthCheck', {})).toMatchObject({ state: 'running' });
  });

  it('is refused a message above the limit before it is read', async () => {
    const outcome = await send(bootstrapClient(), BootstrapServiceService.register as unknown as Method, fieldOf(2, Buffer.alloc(64 * 1024, 0x61)));

    expect(outcome).toMatchObject({ answered: false, grpc: status.RESOURCE_EXHAUSTED });
  });

  it('is refused every method of the other listeners', async () => {
    for (const [name, method] of [...methodsOf(NodeServiceService), ...methodsOf(AdminServiceService)]) {
      if (method.path.endsWith('/HealthCheck')) continue;
      const outcome = await send(bootstrapClient(), method, Buffer.alloc(0));
      expect(outcome, name).toMatchObject({ answered: false, grpc: status.UNIMPLEMENTED });
    }
  });

  it.each(['nodeName', 'hostname', 'agentVersion', 'bootstrapToken'] as const)('with a true proof is registered or refused cleanly, whatever text is its %s', async (field) => {
    for (const text of HOSTILE_TEXTS) {
      const before = await counts();
      const refused = await joinMachine(joinString, { [field]: text }).then(() => undefined, (error: unknown) => error);
      if (refused === undefined) {
        expect(field).not.toBe('bootstrapToken');
        joinString = await newToken();
        continue;
      }
      expect(refused).toMatchObject({ code: expect.stringMatching(/^(invalid_argument|token_invalid|message_too_large)$/) });
      expect(await counts()).toBe(before);
    }
  });

  it('leaves the token that all those registrations named unspent', async () => {
    await expect(joinMachine(joinString)).resolves.toMatchObject({ clusterId: server.clusterId });
    joinString = await newToken();
  });
});

describe('a member on the control listener', () => {
  it.each(methodsOf(NodeServiceService))('gets a clean answer for any bytes sent to %s', async (name, method) => {
    let client = nodeClient();
    const rejoin = async (): Promise<void> => {
      member = await joinMachine(await newToken());
      client = nodeClient();
    };

    await assault(() => client, name, method, name === 'unRegister' ? rejoin : undefined);

    expect(await callUnary(client as NodeServiceClient, 'checkConnState', { token: '' })).toMatchObject({ code: '200', bindIp: member.bindIp });
  });
});

describe('an admin on the socket', () => {
  it.each(methodsOf(AdminServiceService))('gets a clean answer for any bytes sent to %s', async (name, method) => {
    await assault(() => admin, name, method);

    expect(await callUnary(admin, 'getStatus', { summaryOnly: true, pageSize: 0, pageToken: '', network: '' })).toBeDefined();
    await expect(callUnary(nodeClient() as NodeServiceClient, 'checkConnState', { token: '' })).resolves.toMatchObject({ bindIp: member.bindIp });
  });
});
