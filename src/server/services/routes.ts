import { DomainError } from '../../domain/errors.js';
import { EXIT_ROUTE, MAX_ROUTES, parseOfferedRoute, routesOverlap } from '../../domain/route.js';
import { NetworkRecord, NodeRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import { readCertificate } from '../../platform/x509/ca-bundle.js';
import type { Caller } from '../auth/caller.js';
import type { NetworkCertificateRequest } from '../pki/pki.js';
import type { Committed, Decision, LocalView, Repository, Versioned } from '../store/local-view.js';
import type { Compare, Operation } from '../store/store.js';
import { auditOperation } from './audit.js';
import { certificateRow, type IssuedCertificate } from './certificate-rows.js';
import { revocationOf } from './node-removal.js';
import { findNode } from './nodes.js';
import type { Revocations } from './revocations.js';

/** The part of the PKI that states what is behind a node. */
export interface RouteCertifier {
  issueNetworkCertificate(request: NetworkCertificateRequest): IssuedCertificate;
}

/** A prefix behind a node. */
export interface NodeRoute {
  readonly node: NodeRecord;
  readonly prefix: string;
  readonly advertised: boolean;
  readonly approved: boolean;
}

/**
 * The networks behind nodes: offered by a node, approved by an admin, in use when both.
 *
 * What is approved stands in the node's network certificate, which is made anew for the same key with the approval and reaches the peers with
 * it; they believe the certificate and not the map. What is withdrawn takes the certificates that state it along.
 */
export class Routes {
  readonly #repository: Repository;
  readonly #certifier: RouteCertifier;
  readonly #revocations: Revocations;
  readonly #clock: Clock;
  readonly #log: Log;

  /** @param deps `clock` is the machine's: it dates certificates. */
  constructor(deps: { repository: Repository; certifier: RouteCertifier; revocations: Revocations; clock: Clock; log: Log }) {
    this.#repository = deps.repository;
    this.#certifier = deps.certifier;
    this.#revocations = deps.revocations;
    this.#clock = deps.clock;
    this.#log = deps.log;
  }

  /** Every prefix that a node offers or that was approved for it, of one network or (empty) of all. */
  list(network: string): NodeRoute[] {
    const { view } = this.#repository;
    const networks = network === '' ? view.networks().map(({ value }) => value.name) : [network];
    return networks.flatMap((name) => [...view.nodesOf(name)].flatMap(({ value }) => routesOf(value)));
  }

  /** Takes in what a node offers; what is no route is left out, and only a difference is a write. */
  async advertise(nodeId: string, offered: readonly string[]): Promise<void> {
    const routes = [...new Set(offered)].filter(isRoute).sort().slice(0, MAX_ROUTES);
    try {
      await this.#repository.update((view) => {
        const node = view.nodeById(nodeId);
        if (node === undefined || node.value.advertisedRoutes.join() === routes.join()) return { if: [], then: [], result: undefined };
        const record: NodeRecord = { ...node.value, advertisedRoutes: routes };
        return { if: [{ key: node.key, modRev: node.modRev }], then: [{ put: node.key, value: NodeRecord.encode(record).finish() }], result: undefined };
      });
    } catch (error) {
      this.#log.warn('routes of a node not noted, its next report will', { nodeId, error: String(error) });
    }
  }

  /**
   * Approves a prefix that a node offers. Doing it twice is doing it once.
   *
   * @throws DomainError `node_unknown`, `route_unknown`, `route_overlap`, `invalid_argument`, `rate_limited`.
   */
  approve(target: string, network: string, prefix: string, caller: Caller): Promise<Committed<NodeRoute>> {
    const route = parseOfferedRoute(prefix, 'prefix');
    return this.#repository.update((view) => {
      const node = findNode(view, target, network);
      const { routes, advertisedRoutes, name } = node.value;
      if (routes.includes(route)) return { if: [], then: [], result: routeOf(node.value, route) };
      if (!advertisedRoutes.includes(route)) {
        throw new DomainError('route_unknown', `prefix: node ${name} offers ${advertisedRoutes.join(', ') || 'none'}, not ${route}; ${adviceFor(route)}`);
      }
      return this.#decide(view, node, [...routes, route].sort(), { requireRoom: true, method: 'ApproveRoute', route, caller });
    });
  }

  /**
   * Takes an approval back.
   *
   * @throws DomainError `node_unknown`, `route_unknown`, `invalid_argument`.
   */
  revoke(target: string, network: string, prefix: string, caller: Caller): Promise<Committed<NodeRoute>> {
    const route = parseOfferedRoute(prefix, 'prefix');
    return this.#repository.update((view) => {
      const node = findNode(view, target, network);
      const { routes, name } = node.value;
      if (!routes.includes(route)) throw new DomainError('route_unknown', `prefix: want an approved route of node ${name} (${routes.join(', ') || 'it has none'}), got ${route}`);
      return this.#decide(view, node, routes.filter((each) => each !== route), { requireRoom: false, method: 'RevokeRoute', route, caller });
    });
  }

  #decide(
    view: LocalView,
    node: Versioned<NodeRecord>,
    routes: readonly string[],
    { requireRoom, method, route, caller }: { requireRoom: boolean; method: 'ApproveRoute' | 'RevokeRoute'; route: string; caller: Caller },
  ): Decision<NodeRoute> {
    const nowMs = this.#clock.now();
    const network = requireNetwork(view, node.value.network);
    if (requireRoom) requireFree(view, node.value, route);
    const withRoutes: NodeRecord = { ...node.value, routes: [...routes] };
    const issued = this.#certify(withRoutes, nowMs);
    const record: NodeRecord = { ...withRoutes, networkCertificate: Buffer.from(issued.der), networkSerial: issued.serial };
    const withdrawn = method === 'RevokeRoute' ? this.#withdraw(view, node.value.id, route, nowMs) : { if: [], then: [] };
    return {
      // The network's record is written as it is: of two approvals at once that exclude each other one has to look again.
      if: [{ key: node.key, modRev: node.modRev }, { key: network.key, modRev: network.modRev }, ...withdrawn.if],
      then: [
        { put: node.key, value: NodeRecord.encode(record).finish() },
        { put: network.key, value: NetworkRecord.encode(network.value).finish() },
        certificateRow(record, 'network', issued),
        ...withdrawn.then,
        auditOperation(caller, { object: `node/${record.id}`, method, network: record.network, reason: route }, nowMs),
      ],
      result: routeOf(record, route),
    };
  }

  /** The certificate is of the key that the node has proved already. */
  #certify({ id, network, networkCertificate, wgPublicKey, bindIp, bindIp6, routes }: NodeRecord, nowMs: number): IssuedCertificate {
    const networkSpki = readCertificate(networkCertificate).publicKey.export({ type: 'spki', format: 'der' });
    const addresses = [bindIp, bindIp6].filter((address) => address !== '');
    return this.#certifier.issueNetworkCertificate({ nodeId: id, network, networkSpki, wgPublicKey, addresses, routes, nowMs });
  }

  #withdraw(view: LocalView, nodeId: string, route: string, nowMs: number): { if: Compare[]; then: Operation[] } {
    const stating = view.certificatesOf('node', nodeId).filter(({ value }) => value.revokedAtMs === 0 && value.routes.includes(route));
    const list = this.#revocations.publication(view, stating.map(({ value }) => ({ serial: value.serial, revokedAtMs: nowMs })), nowMs);
    return {
      if: [...stating.map(({ key, modRev }) => ({ key, modRev })), ...list.if],
      then: [...stating.map((certificate) => revocationOf(certificate, nowMs)), ...list.then],
    };
  }
}

function isRoute(text: string): boolean {
  try {
    return parseOfferedRoute(text) === text;
  } catch (error) {
    if (error instanceof DomainError) return false;
    throw error;
  }
}

function routesOf(node: NodeRecord): NodeRoute[] {
  return [...new Set([...node.routes, ...node.advertisedRoutes])].sort().map((prefix) => routeOf(node, prefix));
}

function routeOf(node: NodeRecord, prefix: string): NodeRoute {
  return { node, prefix, advertised: node.advertisedRoutes.includes(prefix), approved: node.routes.includes(prefix) };
}

function requireNetwork(view: LocalView, name: string): Versioned<NetworkRecord> {
  const network = view.network(name);
  if (network === undefined) throw new DomainError('network_unknown', `network ${name} is gone`);
  return network;
}

/** Two ways to one address would be none; an address of an overlay is reached through the overlay. */
function requireFree(view: LocalView, node: NodeRecord, route: string): void {
  const overlay = view.networks().find(({ value }) => routesOverlap(value.cidr, route));
  if (overlay !== undefined) {
    throw new DomainError('route_overlap', `prefix: ${route} shares addresses with network ${overlay.value.name} (${overlay.value.cidr}) itself; offer a prefix outside of it`);
  }
  for (const { value } of view.nodesOf(node.network)) {
    const other = value.id === node.id ? undefined : value.routes.find((each) => routesOverlap(each, route));
    if (other !== undefined) throw new DomainError('route_overlap', `prefix: ${route} shares addresses with ${other}, which is approved for node ${value.name}; revoke that first`);
  }
}

function adviceFor(route: string): string {
  return route === EXIT_ROUTE ? 'set exitNode: true in its client.yml and restart its agent' : 'name it under routes in its client.yml and restart its agent';
}
