import { renewAtMs, serverName } from '../../domain/certificate.js';
import { DomainError } from '../../domain/errors.js';
import { STREAM_SILENCE_MS } from '../../domain/stream-silence.js';
import { RelayServiceClient, type RelayServiceWatchResponse } from '../../gen/networkcontroller/v1/relay.js';
import type { TrustBundle } from '../../gen/networkcontroller/v1/types.js';
import type { Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import { openMemberKeys, renewMemberKeys } from '../../platform/member-keys.js';
import { callStream, callUnary, connect, type RpcTarget } from '../../platform/rpc-client.js';
import { VERSION } from '../../platform/version.js';
import { CaBundle, readCertificate } from '../../platform/x509/ca-bundle.js';
import { toPem } from '../../platform/x509/pem.js';
import { readTrustBundle } from '../../platform/x509/trust-bundle.js';
import { checkRelayGrant } from './relay-grant.js';
import type { RelayMembership, RelayState } from './relay-state.js';

/** What the link to the controller works with. */
export interface ControllerLinkDeps {
  readonly state: RelayState;
  readonly membership: RelayMembership;
  readonly clock: Clock;
  readonly log: Log;
  /** A message of the stream. */
  onMessage(message: RelayServiceWatchResponse): void;
  /** The controller will not have this relay any more. */
  onEnd(refusal: DomainError): void;
}

const PAUSES_MS = [200, 1000, 2000, 5000];
/** How often the wall clock is asked whether a renewal is due, at most; a sixtieth of a shorter lifetime. */
const LOOK_MS = { shortest: 50, longest: 60_000 } as const;

/** Holds the stream from a controller, whichever answers, and keeps the certificates with which it is asked for alive. */
export class ControllerLink {
  readonly #deps: ControllerLinkDeps;
  #membership: RelayMembership;
  readonly #jitter = Math.random();
  #current: AbortController | undefined;
  #stopped = false;
  #failures = 0;
  #cancelPause = (): void => {};
  #cancelLook = (): void => {};
  #running: Promise<void> | undefined;

  constructor(deps: ControllerLinkDeps) {
    this.#deps = deps;
    this.#membership = deps.membership;
  }

  /** Begins; the relay works meanwhile with what it knows. */
  start(): void {
    this.#running = this.#run();
    this.#lookLater();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelPause();
    this.#cancelLook();
    this.#current?.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let at = 0; !this.#stopped; at++) {
      const endpoints = this.#membership.controlEndpoints;
      const address = endpoints[at % endpoints.length] ?? '';
      try {
        await this.#follow(address);
      } catch (error) {
        if (!this.#survives(error, address)) return;
      }
      await this.#pause();
    }
  }

  /** Whether there is a reason to go on after a failure. */
  #survives(error: unknown, address: string): boolean {
    if (!(error instanceof DomainError)) throw error;
    if (error.code === 'relay_unknown') {
      this.#deps.onEnd(error);
      return false;
    }
    if (!this.#stopped) this.#deps.log.warn('no stream from the controller; relaying goes on with what is known', { address, reason: error.message });
    return true;
  }

  async #follow(address: string): Promise<void> {
    const { clock, log } = this.#deps;
    const client = connect(RelayServiceClient, this.#target(address));
    const current = new AbortController();
    this.#current = current;
    let cancelSilence = clock.after(STREAM_SILENCE_MS, () => current.abort());
    try {
      for await (const message of callStream(client, 'watch', { version: VERSION }, { signal: current.signal })) {
        cancelSilence();
        cancelSilence = clock.after(STREAM_SILENCE_MS, () => current.abort());
        if (message.reset) log.info('stream from the controller', { address });
        this.#failures = 0;
        await this.#take(message);
      }
    } finally {
      cancelSilence();
      client.close();
    }
  }

  async #take(message: RelayServiceWatchResponse): Promise<void> {
    const { controlEndpoints, bundle } = message;
    const isElsewhere = controlEndpoints.length > 0 && controlEndpoints.join() !== this.#membership.controlEndpoints.join();
    if (isElsewhere) await this.#keep({ controlEndpoints });
    if (bundle !== undefined) await this.#takeBundle(bundle);
    this.#deps.onMessage(message);
  }

  /** Takes a newer trust bundle over, if the one in force vouches for it. */
  async #takeBundle(bundle: TrustBundle): Promise<void> {
    if (bundle.version <= this.#membership.bundle.version) return;
    try {
      readTrustBundle(bundle, new CaBundle(this.#membership.bundle.grpc?.certificates ?? []));
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      this.#deps.log.warn('trust bundle ignored', { reason: error.message });
      return;
    }
    await this.#keep({ bundle });
  }

  async #keep(change: Partial<RelayMembership>): Promise<void> {
    this.#membership = { ...this.#membership, ...change };
    await this.#deps.state.save(this.#membership);
  }

  #pause(): Promise<void> {
    const longest = PAUSES_MS[Math.min(this.#failures++, PAUSES_MS.length - 1)]!;
    if (this.#stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#deps.clock.after(longest * (0.5 + Math.random() / 2), resolve);
      this.#cancelPause = () => {
        cancel();
        resolve();
      };
    });
  }

  #lookLater(): void {
    const { validFrom, validTo } = readCertificate(this.#membership.grpcCertificate);
    const [fromMs, endMs] = [Date.parse(validFrom), Date.parse(validTo)];
    const lookMs = Math.min(LOOK_MS.longest, Math.max(LOOK_MS.shortest, (endMs - fromMs) / 60));
    this.#cancelLook = this.#deps.clock.after(lookMs, () => void this.#look(renewAtMs(fromMs, endMs, this.#jitter)));
  }

  async #look(dueMs: number): Promise<void> {
    if (this.#deps.clock.now() >= dueMs) {
      await this.#renew().catch((error: unknown) => this.#deps.log.warn('certificates not renewed; will be tried again', { reason: (error as Error).message }));
    }
    if (!this.#stopped) this.#lookLater();
  }

  /** New keys but the WireGuard key's, on which every tunnel hangs. Until the answer is checked and on disk the old ones stay. */
  async #renew(): Promise<void> {
    const { clock, log } = this.#deps;
    const keys = renewMemberKeys(this.#membership.keys);
    const opened = openMemberKeys(keys, 'relay');
    const client = connect(RelayServiceClient, this.#target(this.#membership.controlEndpoints[0] ?? ''));
    try {
      const answer = await callUnary(client, 'renew', { grpcCsr: opened.grpcCsr, networkCsr: opened.networkCsr });
      if (answer.bundle !== undefined) await this.#takeBundle(answer.bundle);
      const { grpcCertificate, networkCertificate } = answer;
      checkRelayGrant({ ...this.#membership, grpcCertificate, networkCertificate }, opened, clock.now());
      await this.#keep({ keys, grpcCertificate, networkCertificate });
      log.info('certificates renewed', { until: readCertificate(grpcCertificate).validTo });
      this.#current?.abort();
    } finally {
      client.close();
    }
  }

  #target(address: string): RpcTarget {
    const { bundle, clusterId, grpcCertificate, keys } = this.#membership;
    const ca = new CaBundle(bundle.grpc?.certificates ?? []).pem;
    return { address, tls: { ca, serverName: serverName(clusterId), identity: { certificate: toPem(grpcCertificate), key: keys.grpc } } };
  }
}
