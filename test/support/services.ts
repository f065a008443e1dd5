import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { parseCidr4 } from '../../src/domain/cidr.js';
import { ClusterRecord, NetworkRecord } from '../../src/gen/networkcontroller/store/v1/records.js';
import { silentLog } from '../../src/platform/log.js';
import type { Caller } from '../../src/server/auth/caller.js';
import { AddressPools } from '../../src/server/services/address-pools.js';
import { AddressTaking } from '../../src/server/services/address-taking.js';
import { Nodes } from '../../src/server/services/nodes.js';
import { PresenceBoard } from '../../src/server/services/presence.js';
import { Revocations } from '../../src/server/services/revocations.js';
import { Registrations, type Registration, type RegistrationRequest } from '../../src/server/services/registrations.js';
import { ServiceLeases } from '../../src/server/services/service-leases.js';
import { ServiceRegistry } from '../../src/server/services/service-registry.js';
import { TokenUses } from '../../src/server/services/token-uses.js';
import { Tokens, type TokenRequest } from '../../src/server/services/tokens.js';
import { keys } from '../../src/server/store/keys.js';
import { openStore } from '../../src/server/store/open-store.js';
import { ManualClock } from './clock.js';
import { tmpDir } from './tmp-dir.js';

export const ADMIN: Caller = { kind: 'local', address: 'test' };
export const STRANGER: Caller = { kind: 'anonymous', address: '198.51.100.7' };
export const QUARANTINE_MS = 600_000;

/** The use cases on a real store, with a clock that stands still. */
export async function startServices(options: { cidr?: string; cidr6?: string; clock?: ManualClock } = {}) {
  const clock = options.clock ?? new ManualClock();
  const { file, store, repository, close } = await openStore({ file: join(tmpDir(), 'nc.db'), clock, log: silentLog });
  onTestFinished(close);
  const network = NetworkRecord.fromPartial({ name: 'default', cidr: options.cidr ?? '10.66.0.0/24', cidr6: options.cidr6 ?? '', mtu: 1280, interconnection: true });
  parseCidr4(network.cidr);
  await store.txn({
    if: [],
    then: [
      { put: keys.cluster(), value: ClusterRecord.encode({ id: 'c1', epoch: 'e1', createdAtMs: clock.now(), wgPublicKey: Buffer.alloc(0) }).finish() },
      { put: keys.network('default'), value: NetworkRecord.encode(network).finish() },
    ],
  });
  const pools = new AddressPools(repository);
  const presence = new PresenceBoard({ store, clock, log: silentLog, replica: 'r1' });
  const addresses = new AddressTaking({ pools, presence });
  const issuer = { issueNodeCertificates: () => ({ grpc: certificate(clock), network: certificate(clock) }) };
  const registrations = new Registrations({ repository, addresses, uses: new TokenUses(), issuer, clock });
  const tokens = new Tokens({ repository, pools, clock, pinnedGeneration: () => 1 });
  const revocations = new Revocations({ repository, signer: { makeCrl: ({ number, revoked }) => Buffer.from(`crl ${number} ${revoked.map((entry) => entry.serial).join()}`) }, clock });
  const nodes = new Nodes({ repository, presence, revocations, clock, quarantineMs: QUARANTINE_MS });
  const isHere = (nodeId: string): boolean => presence.isHere(nodeId);
  const leases = new ServiceLeases({ repository, isHere, clock, log: silentLog });
  onTestFinished(() => leases.stop());
  const services = new ServiceRegistry({ repository, leases, isHere, clock });

  const token = async (wanted: Partial<TokenRequest> = {}): Promise<string> => {
    const { record, secret } = await tokens.create({ ...ONE_USE, ...wanted }, ADMIN);
    return `${record.id}.${secret}`;
  };
  const register = async (bootstrapToken: string, wanted: Partial<RegistrationRequest> = {}): Promise<Registration> =>
    registrations.register({ ...aMachine(), bootstrapToken, ...wanted }, STRANGER);
  return { clock, file, store, repository, pools, presence, revocations, registrations, tokens, nodes, leases, services, token, register };
}

const ONE_USE: TokenRequest = {
  network: 'default',
  lifetimeMs: 600_000,
  maxUses: 1,
  label: '',
  nodeName: '',
  bindIp: '',
  labels: [],
  ephemeral: false,
  fromCidrs: [],
};

/** A machine's own part of a registration, with new keys. */
export function aMachine(): Omit<RegistrationRequest, 'bootstrapToken'> {
  return { nodeName: '', hostname: 'machine', grpcSpki: randomBytes(91), networkSpki: randomBytes(91), wgPublicKey: randomBytes(32) };
}

/** Stands for a certificate where a test looks only at what the store holds of it. */
function certificate(clock: ManualClock) {
  return { der: randomBytes(64), serial: randomBytes(16).toString('hex').toUpperCase(), notAfterMs: clock.now() + 24 * 3_600_000, caGeneration: 1 };
}
