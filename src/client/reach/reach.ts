import { getServers } from 'node:dns';
import { isIPv4 } from 'node:net';
import { parseHostPort } from '../../domain/host-port.js';
import { EXIT_ROUTE } from '../../domain/route.js';
import type { Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import { Turns } from '../../platform/turns.js';
import type { NetworkMap } from '../map-store.js';
import { resolveEndpoints } from '../resolve-endpoints.js';
import { ExitRouting } from './exit-routing.js';
import { KernelSettings } from './kernel-settings.js';
import { PacketFilter } from './packet-filter.js';

/** What of client.yml decides how far this machine reaches and who reaches through it. */
export interface ReachSettings {
  readonly interfaceName: string;
  readonly routes: readonly string[];
  readonly exitNode: boolean;
  readonly redirectGateway: string;
}

/** What {@link Reach} works with. */
export interface ReachDeps {
  readonly settings: ReachSettings;
  /** Where the kernel's settings are kept while they are changed. */
  readonly backupPath: string;
  /** host:port of what the agent itself must reach while everything else leaves through an exit. */
  needed(): readonly string[];
  readonly clock: Clock;
  readonly log: Log;
}

/** Somebody may flush all tables, and the controller's name may come to mean another address. */
const LOOK_MS = 30_000;

/** The prefixes that a node of these settings offers a way to. */
export function offeredRoutes({ routes, exitNode }: Pick<ReachSettings, 'routes' | 'exitNode'>): string[] {
  return [...routes, ...(exitNode ? [EXIT_ROUTE] : [])];
}

/**
 * The surroundings of the tunnel on this machine: its table of nftables, the networks behind it, the exit that it leaves through.
 *
 * What fails is said and tried again with the next change of the map; the tunnel itself goes on.
 */
export class Reach {
  readonly #deps: ReachDeps;
  readonly #filter: PacketFilter;
  readonly #kernel: KernelSettings;
  readonly #exit = new ExitRouting();
  #problem = '';
  #map: NetworkMap | undefined;
  #cancelLook = (): void => {};
  readonly #turns = new Turns();

  constructor(deps: ReachDeps) {
    this.#deps = deps;
    this.#filter = new PacketFilter(deps.settings.interfaceName);
    this.#kernel = new KernelSettings(deps.backupPath);
  }

  /** Why the surroundings are not as they should be, or empty. */
  get problem(): string {
    return this.#problem;
  }

  /** Makes the machine fit the map that the interface was configured from, and keeps it so. */
  shape(map: NetworkMap): Promise<void> {
    if (this.#map === undefined) this.#cancelLook = this.#deps.clock.every(LOOK_MS, () => void this.#shapeInTurn());
    this.#map = map;
    return this.#shapeInTurn();
  }

  /** Leaves the machine as it was. Idempotent. */
  async stop(): Promise<void> {
    this.release();
    await this.#turns.done();
    await this.#exit.remove();
    await this.#filter.remove();
    this.#kernel.restore();
  }

  /** Ends the keeping, and leaves everything as it is now. */
  release(): void {
    this.#cancelLook();
    this.#map = undefined;
  }

  #shapeInTurn(): Promise<void> {
    return this.#turns.take(() => this.#tryToShape());
  }

  async #tryToShape(): Promise<void> {
    if (this.#map === undefined) return;
    try {
      await this.#shape(this.#map);
      this.#problem = '';
    } catch (error) {
      const { message } = error as Error;
      if (!this.#problem.includes(message)) this.#deps.log.warn('packets are not filtered or led as they should be', { reason: message });
      this.#problem = `packets are not filtered or led as they should be: ${message}`;
    }
  }

  async #shape(map: NetworkMap): Promise<void> {
    const { settings, needed } = this.#deps;
    const { interfaceName, redirectGateway } = settings;
    const routes = approvedRoutes(map, settings);
    const redirects = redirectGateway !== '';
    if (routes.length === 0 && !redirects) this.#kernel.restore();
    else this.#kernel.take({ forwarding: routes.length > 0, markInCheck: redirects });
    const { cidr, cidr6 } = map.network;
    await this.#filter.load({ interfaceName, cidr, cidr6, routes, redirects, guardsForwarding: this.#kernel.turnedForwardingOn });
    if (!redirects) return this.#exit.remove();
    const outside = await addressesOf([...endpointsOf(map), ...needed()]);
    await this.#exit.set({ interfaceName, outside: [...outside, ...nameServers()], hasExit: exitPeer(map, redirectGateway) !== undefined });
  }
}

/** Puts back what an agent that was killed could not. */
export async function restoreReach(deps: Pick<ReachDeps, 'settings' | 'backupPath' | 'clock' | 'log'>): Promise<void> {
  await new Reach({ ...deps, needed: () => [] }).stop();
}

/** Of what this machine offers, what the controller has approved: it never forwards to anywhere that its own client.yml does not name. */
export function approvedRoutes({ self }: Pick<NetworkMap, 'self'>, settings: Pick<ReachSettings, 'routes' | 'exitNode'>): string[] {
  return offeredRoutes(settings).filter((route) => self?.routes.includes(route) === true);
}

/** The peer of that name that is an approved exit; undefined when there is none now. */
export function exitPeer({ peers, network }: Pick<NetworkMap, 'peers' | 'network'>, name: string): NetworkMap['peers'][number] | undefined {
  return network.interconnection ? peers.find((peer) => peer.name === name && peer.routes.includes(EXIT_ROUTE)) : undefined;
}

function endpointsOf({ network, controlEndpoints }: NetworkMap): string[] {
  const { endpoints = [], probeEndpoints = [], httpsEndpoints = [] } = network.controller ?? {};
  return [...endpoints, ...probeEndpoints, ...httpsEndpoints, ...controlEndpoints];
}

async function addressesOf(endpoints: readonly string[]): Promise<string[]> {
  return (await resolveEndpoints(endpoints)).map((endpoint) => parseHostPort(endpoint).host).filter((host) => isIPv4(host));
}

/** Those of this machine, which may be reached from its own network only. */
function nameServers(): string[] {
  return getServers().filter((server) => isIPv4(server) && !server.startsWith('127.'));
}
