import { BACKDATE_MS, renewAtMs } from '../domain/certificate.js';
import { DomainError } from '../domain/errors.js';
import type { RecoverRequest } from '../gen/networkcontroller/v1/bootstrap.js';
import type { RenewRequest, RenewResponse } from '../gen/networkcontroller/v1/node.js';
import type { TrustBundle } from '../gen/networkcontroller/v1/types.js';
import type { Clock } from '../platform/clock.js';
import type { Log } from '../platform/log.js';
import { CaBundle, readCertificate } from '../platform/x509/ca-bundle.js';
import { signP256 } from '../platform/x509/p256.js';
import { checkGrant } from './check-grant.js';
import type { MembershipHolder } from './membership-holder.js';
import { openMemberKeys, renewMemberKeys } from '../platform/member-keys.js';
import { LASTING_REFUSALS } from './node-session.js';
import type { Membership } from './state/membership.js';

/** What {@link Renewal} works with. */
export interface RenewalDeps {
  readonly membership: MembershipHolder;
  /** The connection to a controller, while there is one. */
  session(): { renew(request: RenewRequest): Promise<RenewResponse> } | undefined;
  /** Asks without a certificate that is still good. */
  recover(request: RecoverRequest): Promise<RenewResponse>;
  /** Takes a newer trust bundle over, if it can be believed. */
  takeBundle(bundle: TrustBundle): boolean;
  /** New certificates are in force and on disk. */
  onRenewed(): Promise<void>;
  /** The controller will not take this node back. */
  onEnd(refusal: DomainError): void;
  readonly clock: Clock;
  readonly log: Log;
  /** 0 to 1, for jitter. */
  readonly random: () => number;
}

interface Schedule {
  /** When to renew. */
  readonly dueMs: number;
  /** When the gRPC certificate ends, and with it the everyday way to the controller. */
  readonly endMs: number;
  /** Of the certificate that lives shorter. */
  readonly lifetimeMs: number;
}

/** The wall clock is asked this often, a sixtieth of a short lifetime more often: no timer counts the hours that a machine sleeps. */
const LOOK_MS = { shortest: 50, longest: 60_000 } as const;
const FIRST_PAUSE_MS = 30_000;
/** The pause after a failure grows up to this part of the lifetime. */
const LONGEST_PAUSE = 1 / 20;

/**
 * Keeps the node's two certificates alive: at two thirds of their lifetime it makes new keys and asks for certificates for them. After the
 * end it asks with the node token and the key registered last instead, which gives the same node with the same address.
 *
 * Until the new certificates have been checked and are on disk the old ones stay in force, so nothing that goes wrong costs
 * more than the attempt.
 */
export class Renewal {
  readonly #deps: RenewalDeps;
  #schedule: Schedule;
  #refused = false;
  #failures = 0;
  #lastError = '';
  #notBeforeMs = 0;
  #looking = false;
  #stopped = false;
  #cancel: () => void = () => {};

  constructor(deps: RenewalDeps) {
    this.#deps = deps;
    this.#schedule = scheduleOf(deps.membership.current, deps.random());
  }

  /** Looks at once, for the certificate may have ended while no agent ran, and from then on. */
  start(): void {
    this.#lookIn(0);
  }

  /** Why the certificates could not be renewed, or empty. */
  get lastError(): string {
    return this.#lastError;
  }

  /** Starts no other attempt and lets none that is under way change anything. Idempotent. */
  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  /** The controller does not take the certificate, though by the clock here it should: asks for another without it. */
  recoverSoon(): void {
    this.#refused = true;
    if (!this.#looking) this.#lookIn(LOOK_MS.shortest);
  }

  /** Other CAs are believed: the certificate may be worth nothing with them, or what was refused may be granted. */
  trustChanged(): void {
    this.#notBeforeMs = 0;
    if (!this.#looking) this.#lookIn(LOOK_MS.shortest);
  }

  #lookAgain(): void {
    const { shortest, longest } = LOOK_MS;
    this.#lookIn(Math.min(longest, Math.max(shortest, this.#schedule.lifetimeMs / 60)));
  }

  #lookIn(ms: number): void {
    this.#cancel();
    if (this.#stopped) return;
    this.#cancel = this.#deps.clock.after(ms, () => {
      this.#looking = true;
      void this.#look().finally(() => {
        this.#looking = false;
        this.#lookAgain();
      });
    });
  }

  async #look(): Promise<void> {
    const nowMs = this.#deps.clock.now();
    const cutOff = this.#refused || nowMs >= this.#schedule.endMs || !isBelieved(this.#deps.membership.current);
    // Without a connection there is nobody to ask yet, and the certificate is still good.
    const due = cutOff || (nowMs >= this.#schedule.dueMs && this.#deps.session() !== undefined);
    if (!due || nowMs < this.#notBeforeMs) return;
    try {
      await this.#renew(cutOff);
    } catch (error) {
      this.#onFailure(error);
    }
  }

  async #renew(withoutCertificate: boolean): Promise<void> {
    const { membership, clock, log, random } = this.#deps;
    const keys = renewMemberKeys(membership.current.keys);
    const opened = openMemberKeys(keys, 'node');
    const answer = await (withoutCertificate ? this.#recover(opened) : this.#ask(opened));
    if (this.#stopped) return;
    if (answer.bundle !== undefined) this.#deps.takeBundle(answer.bundle);
    const { grpcCertificate, networkCertificate } = answer;
    const next = { ...membership.current, keys, grpcCertificate, networkCertificate };
    checkGrant({ ...next, ...next.facts }, { keys: opened, clusterId: next.facts.clusterId, network: next.facts.network, nowMs: clock.now() });
    membership.replace(next);
    this.#schedule = scheduleOf(next, random());
    this.#refused = false;
    this.#failures = 0;
    this.#lastError = '';
    const { serialNumber: serial } = readCertificate(grpcCertificate);
    log.info('certificates renewed', { serial, until: new Date(this.#schedule.endMs).toISOString(), recovered: withoutCertificate });
    await this.#deps.onRenewed();
  }

  #ask({ grpcCsr, networkCsr }: RenewRequest): Promise<RenewResponse> {
    const session = this.#deps.session();
    if (session === undefined) throw new DomainError('unavailable', 'renewal: want a connection to the controller, have none');
    return session.renew({ grpcCsr, networkCsr });
  }

  #recover({ grpcCsr, networkCsr }: RenewRequest): Promise<RenewResponse> {
    const { keys, nodeToken } = this.#deps.membership.current;
    const signature = signP256(Buffer.concat([grpcCsr, networkCsr]), openMemberKeys(keys, 'node').grpc.privateKey);
    return this.#deps.recover({ nodeToken, grpcCsr, networkCsr, signature });
  }

  #onFailure(error: unknown): void {
    if (this.#stopped) return;
    if (error instanceof DomainError && LASTING_REFUSALS.has(error.code)) {
      this.stop();
      this.#deps.onEnd(error);
      return;
    }
    const nowMs = this.#deps.clock.now();
    const pauseMs = this.#pauseMs(nowMs);
    this.#failures++;
    this.#notBeforeMs = nowMs + pauseMs;
    this.#lastError = (error as Error).message;
    this.#deps.log.warn('certificates not renewed; will be tried again', { reason: this.#lastError, againInMs: Math.round(pauseMs), until: new Date(this.#schedule.endMs).toISOString() });
  }

  /** Grows while the certificate is good; a node that is cut off does not wait longer than it must. */
  #pauseMs(nowMs: number): number {
    const part = this.#schedule.lifetimeMs * LONGEST_PAUSE;
    const longest = nowMs >= this.#schedule.endMs ? Math.min(FIRST_PAUSE_MS, part) : part;
    return Math.min(longest, FIRST_PAUSE_MS * 2 ** this.#failures) * (0.5 + this.#deps.random() / 2);
  }
}

/** Whether the trust bundle still has the CA of the gRPC certificate: without it no controller takes the certificate. */
function isBelieved({ grpcCertificate, bundle }: Membership): boolean {
  return new CaBundle(bundle.grpc?.certificates ?? []).issuerOf(readCertificate(grpcCertificate)) !== undefined;
}

/** Both certificates are renewed together, when the first of them is due. */
function scheduleOf({ grpcCertificate, networkCertificate }: Membership, jitter: number): Schedule {
  const [grpc, network] = [spanOf(grpcCertificate), spanOf(networkCertificate)];
  return {
    dueMs: Math.min(renewAtMs(grpc.fromMs, grpc.endMs, jitter), renewAtMs(network.fromMs, network.endMs, jitter)),
    endMs: grpc.endMs,
    lifetimeMs: Math.min(lifetimeOf(grpc), lifetimeOf(network)),
  };
}

interface Span {
  readonly fromMs: number;
  readonly endMs: number;
}

function spanOf(der: Uint8Array): Span {
  const { validFrom, validTo } = readCertificate(der);
  return { fromMs: Date.parse(validFrom), endMs: Date.parse(validTo) };
}

/** From the issue on; a certificate is backdated for peers whose clocks are behind. */
function lifetimeOf({ fromMs, endMs }: Span): number {
  return Math.max(1, endMs - fromMs - BACKDATE_MS);
}
