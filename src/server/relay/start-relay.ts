import { DomainError } from '../../domain/errors.js';
import { systemClock, type Clock } from '../../platform/clock.js';
import type { ServerConfig } from '../../platform/config/server-config.js';
import { Lifecycle } from '../../platform/lifecycle.js';
import type { Log } from '../../platform/log.js';
import { Turns } from '../../platform/turns.js';
import { parseWireGuardKey } from '../../platform/wireguard/keys.js';
import type { Rendezvous } from '../rendezvous/rendezvous.js';
import { startRendezvous } from '../rendezvous/start-rendezvous.js';
import { ControllerLink } from './controller-link.js';
import { Permitted } from './permitted.js';
import { RelayState, type RelayMembership } from './relay-state.js';

/** A relay that relays. */
export interface RunningRelay {
  readonly name: string;
  /** UDP. */
  readonly port: number;
  /** Resolves, with the refusal, when the controller will not have this relay any more. */
  readonly failed: Promise<Error>;
  stats(): ReturnType<Rendezvous['stats']>;
  /** Idempotent. */
  stop(): Promise<void>;
}

/** Changes within this time are written together. */
const SAVE_AFTER_MS = 500;

/**
 * Starts the relay role: WireGuard handshakes and blind relaying on one UDP port, for the nodes that the controller has named. No store, no
 * tokens, no CA key. This is its composition root.
 *
 * @throws DomainError `not_initialised` before the enrolment; `key_file_unsafe`, `state_invalid`, `port_taken`, `config_invalid`.
 */
export async function startRelay(config: ServerConfig, deps: { readonly log: Log; readonly clock?: Clock }): Promise<RunningRelay> {
  const { log, clock = systemClock } = deps;
  const parts = new Lifecycle(log);
  const state = await RelayState.open(config.workDir);
  const membership = await state.membership();
  if (membership === undefined) throw new DomainError('not_initialised', `${config.workDir}: this machine is no relay yet; pipe the join string of "ncadm relay create" into "nc-server enrol"`);
  const rendezvous = await parts.start('relay', () => openMeetingPoint(config, membership, { log, clock }));
  const permitted = new Permitted(rendezvous);
  const known = await state.map();
  if (known !== undefined) permitted.take(known);
  const saving = await parts.start('map on disk', () => new Saving(() => state.saveMap(permitted.snapshot()), { log, clock }));
  let fail: (refusal: Error) => void = () => {};
  const failed = new Promise<Error>((resolve) => (fail = resolve));
  const link = new ControllerLink({
    state,
    membership,
    clock,
    log,
    onMessage: (message) => {
      permitted.take(message);
      if (message.complete) saving.soon();
    },
    onEnd: (refusal) => {
      void saving.stop().then(() => state.forgetMap()).finally(() => fail(refusal));
    },
  });
  await parts.start('link to the controller', () => link);
  link.start();
  log.info('relaying', { name: membership.name, port: rendezvous.port, knownNodes: permitted.size });
  return { name: membership.name, port: rendezvous.port, failed, stats: () => rendezvous.stats(), stop: () => parts.stop() };
}

/** Nothing is at a relay's end of a tunnel: no address, no names. */
function openMeetingPoint(config: ServerConfig, { keys }: RelayMembership, deps: { log: Log; clock: Clock }): Promise<Rendezvous> {
  return startRendezvous({
    ...deps,
    privateKey: parseWireGuardKey(keys.wireguard.trim()),
    host: config.bindAddress,
    port: config.port,
    probePort: config.port === 0 ? 0 : config.port + 1,
    events: { onEndpoint: () => {}, onHandshake: () => {}, onDnsQuery: () => Promise.resolve(undefined) },
  });
}

/** Writes a moment after a change, and again if there was another meanwhile. */
class Saving {
  readonly #write: () => Promise<void>;
  readonly #deps: { readonly log: Log; readonly clock: Clock };
  #cancel: (() => void) | undefined;
  readonly #writes = new Turns();
  #stopped = false;

  constructor(write: () => Promise<void>, deps: { readonly log: Log; readonly clock: Clock }) {
    this.#write = write;
    this.#deps = deps;
  }

  soon(): void {
    if (this.#stopped) return;
    this.#cancel ??= this.#deps.clock.after(SAVE_AFTER_MS, () => {
      this.#cancel = undefined;
      this.#writes.take(this.#write).catch((error: unknown) => this.#deps.log.warn('map not written; a restart begins with an older one', { error: String(error) }));
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.#writes.done();
  }
}
