import { afterEach, describe, expect, it } from 'vitest';
import { randomBytes } from 'node:crypto';
import type { DomainError } from '../../../src/domain/errors.js';
import { silentLog } from '../../../src/platform/log.js';
import { generateWireGuardKeys } from '../../../src/platform/wireguard/keys.js';
import { makeWireGuardProof } from '../../../src/platform/wireguard/proof.js';
import { startWorker } from '../../../src/platform/worker.js';
import { makeCsr } from '../../../src/platform/x509/csr.js';
import { generateP256 } from '../../../src/platform/x509/p256.js';
import type { KeyClaim } from '../../../src/server/pki/key-claim.js';
import { KeyProofs, type KeyProofOptions } from '../../../src/server/pki/key-proofs.js';
import { ProofThread } from '../../../src/server/pki/proof-thread.js';

const code = (expected: string) => expect.objectContaining({ code: expected });
const opened: KeyProofs[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((proofs) => proofs.stop()));
});

/** In the caller's own thread, and in one for it. */
const PLACES = [
  ['where it is asked for', { byItself: Number.POSITIVE_INFINITY }],
  ['in a thread', { byItself: 0, threads: 1 }],
] as const;

describe.each(PLACES)('a check of keys, %s,', (_where, options) => {
  it.each<[string, (claim: Required<KeyClaim>) => Partial<KeyClaim>, string]>([
    ['a proof of another WireGuard key', ({ wireGuard }) => ({ wireGuard: { ...wireGuard!, proof: randomBytes(32) } }), 'proof_invalid'],
    ['a proof with another nonce', ({ wireGuard }) => ({ wireGuard: { ...wireGuard!, nonce: randomBytes(16) } }), 'proof_invalid'],
    ['a proof for other requests', () => ({ grpcCsr: makeCsr(generateP256(), 'node') }), 'proof_invalid'],
    ['a WireGuard key of low order', ({ wireGuard }) => ({ wireGuard: { ...wireGuard!, publicKey: Buffer.alloc(32) } }), 'proof_invalid'],
    ['a WireGuard key that is cut off', ({ wireGuard }) => ({ wireGuard: { ...wireGuard!, publicKey: Buffer.alloc(31, 1) } }), 'invalid_argument'],
    ['a WireGuard key in another spelling', ({ wireGuard }) => ({ wireGuard: { ...wireGuard!, publicKey: Buffer.alloc(32, 0xff) } }), 'invalid_argument'],
    ['no request at all', () => ({ grpcCsr: new Uint8Array(), wireGuard: undefined }), 'csr_invalid'],
    ['a request that is cut off', ({ networkCsr }) => ({ networkCsr: networkCsr.subarray(0, -1), wireGuard: undefined }), 'csr_invalid'],
    ['a request signed by another key', ({ networkCsr }) => ({ networkCsr: forged(networkCsr), wireGuard: undefined }), 'csr_invalid'],
    ['a request beyond all measure', () => ({ networkCsr: Buffer.alloc(4_096, 0x30), wireGuard: undefined }), 'csr_invalid'],
  ])('refuses %s', async (_what, change, refusal) => {
    const { claim } = machine();

    await expect(proofs(options).prove({ ...claim, ...change(claim) })).rejects.toEqual(code(refusal));
  });

  it('gives the keys of the requests, and no bytes beside them', async () => {
    const { claim, spkis } = machine();

    const keys = await proofs(options).prove(claim);

    expect([keys.grpcSpki, keys.networkSpki].map((spki) => Buffer.from(spki))).toEqual(spkis);
  });

  it('needs no WireGuard key where none is claimed', async () => {
    const { claim, spkis } = machine();

    const keys = await proofs(options).prove({ grpcCsr: claim.grpcCsr, networkCsr: claim.networkCsr });

    expect(Buffer.from(keys.grpcSpki)).toEqual(spkis[0]);
  });

  it('answers each of many with its own keys, the good and the bad', async () => {
    const checks = proofs(options);
    const machines = Array.from({ length: 30 }, machine);

    const answers = await Promise.allSettled(machines.map(({ claim }, i) => checks.prove(i % 3 === 0 ? { ...claim, grpcCsr: claim.networkCsr } : claim)));

    const told = answers.map((answer) => (answer.status === 'fulfilled' ? hex(answer.value.grpcSpki) : (answer.reason as DomainError).code));
    expect(told).toEqual(machines.map(({ spkis }, i) => (i % 3 === 0 ? 'proof_invalid' : hex(spkis[0]!))));
  });

  it('answers in the order in which it was asked', async () => {
    const checks = proofs(options);
    const order: number[] = [];

    await Promise.all(Array.from({ length: 12 }, async (_, i) => checks.prove(machine().claim).then(() => order.push(i))));

    expect(order).toEqual(Array.from({ length: 12 }, (_, i) => i));
  });
});

describe('a thread that checks keys', () => {
  it('is started when more come in a second than are done by the way', async () => {
    const started: ProofThread[] = [];
    const checks = proofs({ byItself: 2, threads: 1, newThread: (onLost) => keep(started, new ProofThread(onLost)) });

    const { claim } = machine();
    const asked: Promise<unknown>[] = [];
    while (started.length === 0) asked.push(checks.prove(claim));

    await expect(Promise.all(asked)).resolves.toBeDefined();
    expect(asked.length).toBeGreaterThan(2);
  });

  it('gets company as long as there may be more', async () => {
    const started: ProofThread[] = [];
    const checks = proofs({ byItself: 0, threads: 3, newThread: (onLost) => keep(started, new ProofThread(onLost)) });

    await Promise.all(Array.from({ length: 20 }, () => checks.prove(machine().claim)));

    expect(started).toHaveLength(3);
  });

  it('refuses what it had when it dies, says so in the log, and another one takes what comes then', async () => {
    const errors: string[] = [];
    const log = { ...silentLog, error: (message: string) => void errors.push(message) };
    let isFirst = true;
    const newThread = (onLost: (reason: string) => void): ProofThread => {
      const worker = isFirst ? startWorker('./dying-worker', import.meta.url, {}) : undefined;
      isFirst = false;
      return new ProofThread(onLost, worker);
    };
    const checks = proofs({ log, byItself: 0, threads: 1, newThread });
    const { claim, spkis } = machine();

    const lost = await Promise.allSettled([checks.prove(claim), checks.prove(machine().claim)]);

    for (const answer of lost) expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'unavailable', message: expect.stringContaining('out of order') as string } });
    expect(errors).toHaveLength(1);
    const keys = await checks.prove(claim);
    expect(Buffer.from(keys.grpcSpki)).toEqual(spkis[0]);
  });

  it('refuses what it has not answered when it is stopped, and leaves no line in the log', async () => {
    const errors: string[] = [];
    const log = { ...silentLog, error: (message: string) => void errors.push(message) };
    const checks = proofs({ log, byItself: 0, threads: 1 });
    const waiting = checks.prove(machine().claim);
    const answer = expect(waiting).rejects.toEqual(code('unavailable'));

    await checks.stop();

    await answer;
    expect(errors).toEqual([]);
  });
});

function proofs(options: Partial<KeyProofOptions>): KeyProofs {
  const checks = new KeyProofs({ log: silentLog, ...options });
  opened.push(checks);
  return checks;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function keep<T>(list: T[], item: T): T {
  list.push(item);
  return item;
}

/** What a new machine claims, and its two keys. */
function machine(): { claim: Required<KeyClaim>; spkis: Buffer[] } {
  const [grpc, network, wireGuard, serverKeys] = [generateP256(), generateP256(), generateWireGuardKeys(), generateWireGuardKeys()];
  const [grpcCsr, networkCsr, nonce] = [makeCsr(grpc, 'node'), makeCsr(network, 'node'), randomBytes(16)];
  const proof = makeWireGuardProof(wireGuard.privateKey, serverKeys.publicKey, { nonce, wgPublicKey: wireGuard.publicKey, grpcCsr, networkCsr });
  return { claim: { grpcCsr, networkCsr, wireGuard: { proof, nonce, serverKeys, publicKey: wireGuard.publicKey } }, spkis: [grpc.spki, network.spki] };
}

/** The same request with another signature over it. */
function forged(csr: Uint8Array): Uint8Array {
  const other = Buffer.from(csr);
  const at = other.length - 10;
  other.writeUInt8(other.readUInt8(at) ^ 1, at);
  return other;
}
