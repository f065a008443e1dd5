import { sign } from 'node:crypto';
import { BACKDATE_MS, renewAtMs } from '../domain/certificate.js';
import type { RecoverRequest } from '../gen/networkcontroller/v1/bootstrap.js';
import type { RenewRequest, RenewResponse } from '../gen/networkcontroller/v1/node.js';
import type { Clock } from '../platform/clock.js';
import type { Log } from '../platform/log.js';
import { readCertificate } from '../platform/x509/ca-bundle.js';
import { checkGrant } from './check-grant.js';
import type { MembershipHolder } from './membership-holder.js';
import { makeNodeKeys, openNodeKeys, type OpenedKeys } from './node-keys.js';
import type { PeerTrust } from './map-store.js';

/** What a {@link Renewal} is made of. */
export interface RenewalDeps {
  readonly membership: MembershipHolder;
  readonly trust: Pick<PeerTrust, 'takeBundle'>;
  readonly clock: Clock;
  readonly log: Log;
  /** 0 to 1, for jitter. */
  readonly random: () => number;
  /** Asks with the certificate in force. */
  renew(request: RenewRequest): Promise<RenewResponse>;
  /** Asks without one, when it has ended. */
  recover(request: RecoverRequest): Promise<RenewResponse>;
  /** New certificates are in force and on disk: connections with the old ones should end. */
  onRenewed(): void;
}

const LONGEST_LOOK_MS = 60_000;
const SHORTEST_LOOK_MS = 200;

/**
 * Replaces both certificates, and the keys under them, when two thirds of their time are over.
 *
 * The wall clock is asked often instead of once for long, because a machine that sleeps stops every timer. A certificate that
 * ended meanwhile is recovered with the node token and the key it was of.
 */
export class Renewal {
  readonly #deps: RenewalDeps;
  readonly #jitter: number;
  #cancel: () => void = () => {};
  #stopped = false;
  #retryAtMs = 0;
  #lastError = '';

  constructor(deps: RenewalDeps) {
    this.#deps = deps;
    this.#jitter = deps.random();
  }

  /** Why the certificates could not be renewed, or empty. */
  get lastError(): string {
    return this.#lastError;
  }

  /** Looks at once, for the certificate may have ended while no agent ran, and from then on. */
  start(): void {
    void this.#look().finally(() => {
      if (!this.#stopped) this.#cancel = this.#deps.clock.after(this.#pauseMs(), () => this.start());
    });
  }

  /** Idempotent. */
  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  #pauseMs(): number {
    return Math.min(LONGEST_LOOK_MS, Math.max(SHORTEST_LOOK_MS, this.#validity().lifetimeMs / 100));
  }

  async #look(): Promise<void> {
    const { clock, log } = this.#deps;
    const { renewAt, lifetimeMs, notAfterMs } = this.#validity();
    const nowMs = clock.now();
    if (nowMs < Math.max(renewAt, this.#retryAtMs)) return;
    try {
      await this.#replace(nowMs >= notAfterMs);
      this.#lastError = '';
      log.info('certificates renewed');
    } catch (error) {
      this.#lastError = (error as Error).message;
      this.#retryAtMs = nowMs + lifetimeMs / 60;
      log.warn('certificates not renewed; trying again', { reason: this.#lastError });
    }
  }

  async #replace(ended: boolean): Promise<void> {
    const { membership, trust, renew, recover, clock, onRenewed } = this.#deps;
    const { keys, nodeToken, facts } = membership.current;
    // The WireGuard key stays: it is what peers and the address are bound to.
    const newKeys = { ...makeNodeKeys(), wireguard: keys.wireguard };
    const opened = openNodeKeys(newKeys);
    const answer = ended ? await recover(recoverRequest(nodeToken, keys.grpc, opened)) : await renew({ grpcCsr: opened.grpcCsr, networkCsr: opened.networkCsr });
    if (answer.bundle !== undefined) trust.takeBundle(answer.bundle);
    const { bundle } = membership.current;
    const { grpcCertificate, networkCertificate } = answer;
    checkGrant({ ...facts, nodeToken, bundle, grpcCertificate, networkCertificate }, { keys: opened, clusterId: facts.clusterId, nowMs: clock.now() });
    membership.replace({ ...membership.current, keys: newKeys, grpcCertificate, networkCertificate });
    onRenewed();
  }

  #validity(): { renewAt: number; notAfterMs: number; lifetimeMs: number } {
    const { validFrom, validTo } = readCertificate(this.#deps.membership.current.grpcCertificate);
    const [notBeforeMs, notAfterMs] = [Date.parse(validFrom), Date.parse(validTo)];
    return { renewAt: renewAtMs(notBeforeMs, notAfterMs, this.#jitter), notAfterMs, lifetimeMs: notAfterMs - notBeforeMs - BACKDATE_MS };
  }
}

/** The node token alone is worth nothing: the key that was registered last signs too. */
function recoverRequest(nodeToken: string, registeredKey: string, { grpcCsr, networkCsr }: OpenedKeys): RecoverRequest {
  return { nodeToken, grpcCsr, networkCsr, signature: sign('sha256', Buffer.concat([grpcCsr, networkCsr]), registeredKey) };
}
