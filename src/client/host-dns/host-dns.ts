import { parseDnsName } from '../../domain/dns-name.js';
import { networkNames } from '../../domain/zone-records.js';
import type { Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import type { NetworkMap } from '../map-store.js';
import type { MapNames } from '../map-names.js';
import { NameStub } from './name-stub.js';
import { ResolvConf } from './resolv-conf.js';
import { Resolved } from './resolved.js';

const RESOLV_CONF = '/etc/resolv.conf';
/** Loopback addresses that nothing else uses by custom: 127.0.0.53 is systemd-resolved's. */
const STUB_ADDRESSES = ['127.0.0.54', '127.0.0.55', '127.0.0.56', '127.0.0.57'];
/** DHCP clients and the like write resolv.conf too; ours comes back this soon, so that two writers do not race. */
const LOOK_MS = 30_000;

/** What {@link HostDns} needs to know. */
export interface HostDnsDeps {
  readonly interfaceName: string;
  /** Where resolv.conf is kept while ours is there. */
  readonly backupPath: string;
  readonly names: MapNames;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Makes this machine's own programs resolve the names of the network, as long as the agent runs.
 *
 * systemd-resolved is told where to ask for them; elsewhere a name server of the agent's own comes first in resolv.conf. It is a convenience:
 * whatever fails is said and the network goes on without, and the agent itself never needs it.
 */
export class HostDns {
  readonly #deps: HostDnsDeps;
  readonly #file: ResolvConf;
  readonly #resolved: Resolved;
  #map: NetworkMap | undefined;
  #stub: NameStub | undefined;
  #usesResolved = false;
  #problem = '';
  #started: Promise<void> | undefined;
  #cancelLook = (): void => {};

  constructor(deps: HostDnsDeps) {
    this.#deps = deps;
    this.#file = new ResolvConf({ path: RESOLV_CONF, backupPath: deps.backupPath, interfaceName: deps.interfaceName });
    this.#resolved = new Resolved(deps.interfaceName);
  }

  /** Why this machine does not resolve the names, or empty. */
  get problem(): string {
    return this.#problem;
  }

  /** The interface is up with this map; the first time sets the machine up. */
  show(map: NetworkMap): void {
    this.#map = map;
    this.#started ??= this.#start(map).catch((error: unknown) => this.#fail(error as Error));
  }

  /** Leaves the machine as it was. Idempotent. */
  async stop(): Promise<void> {
    this.#cancelLook();
    await this.#started;
    const stub = this.#stub;
    this.#stub = undefined;
    if (stub === undefined) return;
    this.#file.restore();
    if (this.#usesResolved) await this.#resolved.restore();
    await stub.stop();
  }

  async #start({ network }: NetworkMap): Promise<void> {
    const { clock, log, names } = this.#deps;
    const sources = {
      answer: names.answer.bind(names),
      controller: () => nameServerOf(this.#map),
      nameservers: () => this.#file.nameservers().filter((server) => !STUB_ADDRESSES.includes(server)),
    };
    this.#stub = await NameStub.start(STUB_ADDRESSES, sources, clock);
    const at = this.#stub.address;
    this.#usesResolved = await Resolved.isHere();
    if (this.#usesResolved) {
      const zone = parseDnsName(network.zone);
      await this.#resolved.take(at, [zone, ...[network, ...network.others].flatMap((each) => networkNames(each, zone).apexes)]);
    } else {
      this.#file.take(at);
      this.#cancelLook = clock.every(LOOK_MS, () => this.#takeAgain(at));
    }
    log.info('this machine resolves the names of the network', { at, by: this.#usesResolved ? 'systemd-resolved' : RESOLV_CONF });
  }

  #takeAgain(at: string): void {
    try {
      if (!this.#file.isOurs) this.#file.take(at);
      this.#problem = '';
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #fail({ message }: Error): void {
    if (this.#problem === '') this.#deps.log.warn('names of the network do not resolve on this machine', { reason: message });
    this.#problem = `names of the network do not resolve on this machine: ${message}`;
  }
}

/** The controller's name server, where it knows names that the map does not tell: those of the others in a network where nobody reaches them. */
function nameServerOf(map: NetworkMap | undefined): string {
  return map === undefined || map.network.interconnection ? '' : (map.network.controller?.bindIp ?? '');
}

/** Puts back what an agent that was killed could not. */
export function restoreHostDns({ interfaceName, backupPath }: Pick<HostDnsDeps, 'interfaceName' | 'backupPath'>): void {
  new ResolvConf({ path: RESOLV_CONF, backupPath, interfaceName }).restore();
}
