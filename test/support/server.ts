import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { parseJoinString } from '../../src/domain/join-string.js';
import { serverName } from '../../src/domain/certificate.js';
import { AdminServiceClient, CreateTokenRequest } from '../../src/gen/networkcontroller/v1/admin.js';
import { RegisterRequest, type RegisterResponse } from '../../src/gen/networkcontroller/v1/bootstrap.js';
import { NodeServiceClient } from '../../src/gen/networkcontroller/v1/node.js';
import type { Clock } from '../../src/platform/clock.js';
import { makeFirstContact } from '../../src/platform/first-contact.js';
import { silentLog, type Log } from '../../src/platform/log.js';
import { callUnary, connect } from '../../src/platform/rpc-client.js';
import { generateWireGuardKeys, type WireGuardKeyPair } from '../../src/platform/wireguard/keys.js';
import { makeWireGuardProof } from '../../src/platform/wireguard/proof.js';
import { makeCsr } from '../../src/platform/x509/csr.js';
import { generateP256, type P256KeyPair } from '../../src/platform/x509/p256.js';
import { toPem } from '../../src/platform/x509/pem.js';
import { startServer, type RunningServer } from '../../src/server/app.js';
import { parseServerConfig } from '../../src/platform/config/server-config.js';
import { tmpDir } from './tmp-dir.js';

/** The keys that a machine makes for itself. */
export interface MachineKeys {
  readonly grpc: P256KeyPair;
  readonly network: P256KeyPair;
  readonly wireGuard: WireGuardKeyPair;
}

/** A machine that has joined. */
export interface Member extends RegisterResponse {
  readonly keys: MachineKeys;
  readonly caPem: string;
}

/** A real server on free ports of loopback, in a folder of its own, and the ways to talk to it. */
export interface TestServer extends RunningServer {
  readonly dir: string;
  readonly admin: AdminServiceClient;
  /** Makes a token; its join string. */
  token(wanted?: Partial<CreateTokenRequest>): Promise<string>;
  /** Joins as nc-client would, with new keys unless some are given. */
  join(joinString: string, wanted?: { keys?: MachineKeys } & Partial<RegisterRequest>): Promise<Member>;
  /** The control listener, as a member or with any PEM identity. */
  control(member: Member): NodeServiceClient;
}

/** What a test may choose. `settings` are lines of YAML under `server:`. */
export interface TestServerOptions {
  readonly dir?: string;
  readonly settings?: readonly string[];
  readonly clock?: Clock;
  readonly log?: Log;
}

/** Starts a server; it is stopped when the test is over. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const dir = options.dir ?? tmpDir();
  const server = await startServer(testConfig(dir, options.settings), { log: options.log ?? silentLog, ...(options.clock ? { clock: options.clock } : {}) });
  onTestFinished(() => server.stop());
  const admin = connect(AdminServiceClient, { socketPath: server.adminSocket });
  onTestFinished(() => admin.close());
  return {
    ...server,
    dir,
    admin,
    async token(wanted = {}) {
      return (await callUnary(admin, 'createToken', CreateTokenRequest.fromPartial(wanted))).join;
    },
    join: joinMachine,
    control(member) {
      const client = connect(NodeServiceClient, controlTarget(server, member));
      onTestFinished(() => client.close());
      return client;
    },
  };
}

/** A configuration for loopback with free ports. */
export function testConfig(dir: string, settings: readonly string[] = []) {
  const lines = ['ip: 127.0.0.1', 'bindAddress: 127.0.0.1', 'port: 0', 'grpcPort: 0', 'bootstrapPort: 0', 'httpsPort: 0', 'workDir: work', 'adminSocket: run/admin.sock', 'metrics: { listen: "" }'];
  const chosen = new Set(settings.map((line) => line.split(':')[0]));
  const all = [...lines.filter((line) => !chosen.has(line.split(':')[0])), ...settings];
  return parseServerConfig(`server:\n${all.map((line) => `  ${line}\n`).join('')}`, join(dir, 'server.yml'));
}

/** How a member reaches the control listener. */
export function controlTarget(server: { readonly ports: { readonly control: number } }, member: Member) {
  const identity = { certificate: toPem(member.grpcCertificate), key: pemOf(member.keys.grpc.privateKey) };
  return { address: `127.0.0.1:${server.ports.control}`, tls: { ca: member.caPem, serverName: serverName(member.clusterId), identity } };
}

/** Makes a machine's keys. */
export function machineKeys(): MachineKeys {
  return { grpc: generateP256(), network: generateP256(), wireGuard: generateWireGuardKeys() };
}

/** Registers as nc-client would: first contact, proof, exchange. */
export async function joinMachine(text: string, wanted: { keys?: MachineKeys } & Partial<RegisterRequest> = {}): Promise<Member> {
  const { keys = machineKeys(), ...rest } = wanted;
  const { token, pins, endpoints } = parseJoinString(text);
  const contact = await makeFirstContact(endpoints, pins, { nowMs: Date.now() });
  const { client, offer } = contact;
  try {
    const [grpcCsr, networkCsr] = [makeCsr(keys.grpc, 'node'), makeCsr(keys.network, 'node')];
    const wgPublicKey = keys.wireGuard.publicKey;
    const wgProof = makeWireGuardProof(keys.wireGuard.privateKey, offer.serverKey, { nonce: offer.nonce, wgPublicKey, grpcCsr, networkCsr });
    const request = RegisterRequest.fromPartial({
      bootstrapToken: `${token.id}.${token.secret.reveal()}`,
      hostname: 'machine',
      grpcCsr,
      networkCsr,
      wgPublicKey,
      wgProof,
      cookie: offer.cookie,
      ...rest,
    });
    return { ...(await callUnary(client, 'register', request)), keys, caPem: contact.caPem };
  } finally {
    client.close();
  }
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

