import { isNodeToken } from '../../../domain/node-token.js';
import { DomainError } from '../../../domain/errors.js';
import type { ExplainEnd, ExplainRequest, ExplainResponse } from '../../../gen/networkcontroller/v1/admin.js';
import { PathKind } from '../../../gen/networkcontroller/v1/types.js';
import type { NetworkRecord, NodeRecord } from '../../../gen/networkcontroller/store/v1/records.js';
import type { Clock } from '../../../platform/clock.js';
import { formatAge } from '../../../platform/measures.js';
import { CaBundle, readCertificate } from '../../../platform/x509/ca-bundle.js';
import { readCrl } from '../../../platform/x509/crl.js';
import { verifyNetworkCertificate, type NetworkTrust } from '../../../platform/x509/network-certificate.js';
import type { MapFeed } from '../../feed/map-feed.js';
import type { LocalView, Repository, Versioned } from '../../store/local-view.js';
import { latestBundle } from '../ca-records.js';
import { nodeStatus, type LiveFacts } from '../node-status.js';
import { findNode } from '../nodes.js';
import { STATE } from '../presence.js';
import { natKind, type Pair, type PairCertificate, type PairEnd } from './pair.js';
import { stepsOf, type Step } from './steps.js';

/** How long both agents may take to try their paths and tell. */
const ANSWER_MS = 6_000;
const DEFAULT_NETWORK = 'default';

/** What explanations are made from. */
export interface ExplanationDeps {
  readonly repository: Repository;
  readonly live: LiveFacts & { lastHandshakeMs(nodeId: string): number };
  readonly feed: Pick<MapFeed, 'send'>;
  readonly clusterId: string;
  readonly clock: Clock;
}

/** Says why one node can or cannot reach another: from the store, from what is known of the present, and from the agents themselves. */
export class Explanations {
  readonly #deps: ExplanationDeps;

  constructor(deps: ExplanationDeps) {
    this.#deps = deps;
  }

  /**
   * Explains one direction; both agents, where they are connected, are asked to try their path first.
   *
   * @throws DomainError `invalid_argument` for one node twice, or the controller.
   */
  async explain({ from, to, network }: ExplainRequest): Promise<ExplainResponse> {
    const { view } = this.#deps.repository;
    const found = [from, to].map((target) => find(view, target, network));
    const missing = [from, to].filter((_, i) => found[i] === undefined);
    const [a, b] = found;
    if (a === undefined || b === undefined) return verdictOf(missing.map((target) => this.#unregistered(target)));
    requireTwoNodes(a.value, b.value);
    const told = await Promise.all([this.#ask(a.value.id, b.value.id), this.#ask(b.value.id, a.value.id)]);
    const pair = this.#pair([a, b], told);
    return { ...verdictOf(stepsOf(pair), pair), from: this.#end(pair.from), to: this.#end(pair.to) };
  }

  /** Asks a connected agent for its path to another node, tried out now. */
  async #ask(nodeId: string, peerId: string): Promise<PairEnd['told']> {
    const { feed, live } = this.#deps;
    const isAsked = feed.send(nodeId, { $case: 'pathsWanted', value: { nodeIds: [peerId] } });
    return isAsked ? live.reports.nextPath(nodeId, peerId, ANSWER_MS) : undefined;
  }

  #pair([a, b]: readonly [Versioned<NodeRecord>, Versioned<NodeRecord>], told: readonly [PairEnd['told'], PairEnd['told']]): Pair {
    const { repository, clock } = this.#deps;
    const nowMs = clock.now();
    const bundle = latestBundle(repository.view);
    const trust = this.#trust(bundle.network?.certificates ?? [], nowMs);
    return {
      from: this.#gather(a, b.value.id, trust, told[0]),
      to: this.#gather(b, a.value.id, trust, told[1]),
      network: networkOf(repository.view, a.value.network),
      bundleVersion: bundle.version,
      nowMs,
    };
  }

  #gather({ value: record, modRev }: Versioned<NodeRecord>, otherId: string, trust: NetworkTrust, told: PairEnd['told']): PairEnd {
    const { reports, presence, endpointOf, lastHandshakeMs } = this.#deps.live;
    const { id } = record;
    const row = this.#deps.repository.view.nodeRow(id);
    const here = presence.of(id);
    const endpoint = endpointOf(id) ?? here?.endpoint ?? '';
    const candidates = reports.candidatesOf(id);
    return {
      record,
      rev: modRev,
      state: here?.state ?? STATE.idle,
      lastSeenMs: here?.lastSeenMs ?? row?.lastSeenMs ?? 0,
      controllerHandshakeMs: lastHandshakeMs(id),
      endpoint,
      nat: natKind(endpoint, candidates, reports.symmetricNat(id)),
      candidates,
      appliedRevision: reports.appliedRevision(id),
      bundleVersion: reports.bundleVersion(id),
      certificate: judge(record.networkCertificate, trust),
      path: reports.pathBetween(id, otherId),
      told,
    };
  }

  #trust(certificates: readonly Uint8Array[], nowMs: number): NetworkTrust {
    const { repository, clusterId } = this.#deps;
    const bundle = new CaBundle([...certificates]);
    const list = repository.view.crl()?.value.der;
    return { bundle, clusterId, nowMs, crl: list === undefined ? undefined : readCrl(list, bundle.certificates) };
  }

  #end({ record, nat, candidates, path, told, controllerHandshakeMs }: PairEnd): ExplainEnd {
    const row = this.#deps.repository.view.nodeRow(record.id);
    return {
      node: row && nodeStatus(row, this.#deps.live),
      nat,
      endpoints: candidates.map(({ address }) => address),
      path: path?.path ?? PathKind.PATH_KIND_NONE,
      pathEndpoint: path?.endpoint ?? '',
      pathSinceMs: path?.sinceMs ?? 0,
      lastHandshakeMs: path?.lastHandshakeMs ?? 0,
      rttUs: told?.rttUs ?? 0,
      controllerHandshakeMs,
    };
  }

  /** The audit log remembers how the membership of an id ended. */
  #unregistered(target: string): Step {
    const { repository, clock } = this.#deps;
    const [last] = repository.view.pageAudit({ object: `node/${target}` }, '', 1).items;
    const nodes = '"ncadm node list" shows those there are';
    if (last === undefined) {
      // A token that nobody has may still be somebody's elsewhere.
      const shown = isNodeToken(target) ? 'this node token' : `the id or name ${JSON.stringify(target)}`;
      return { check: 'registered', result: 'fail', says: `no node has ${shown}`, mend: `${nodes}; one that was unregistered or revoked is known by its id only` };
    }
    const { method, actor, atMs, reason } = last.value;
    const how = method === 'RevokeNode' ? 'was revoked' : 'was unregistered';
    const says = `node ${target} ${how} ${formatAge(atMs, clock.now())} by ${actor}${reason === '' ? '' : ` (${reason})`}`;
    return { check: 'registered', result: 'fail', says, mend: 'join it again with a new token: "ncadm token create"' };
  }
}

/** A node by id or token, or by name in the network asked for, else in the default one, else in the only one that has it. */
function find(view: LocalView, target: string, network: string): Versioned<NodeRecord> | undefined {
  const places = network === '' ? [DEFAULT_NETWORK, ...view.networks().map(({ value }) => value.name)] : [network];
  for (const place of places) {
    try {
      return findNode(view, target, place);
    } catch (error) {
      if (!(error instanceof DomainError && ['node_unknown', 'token_invalid'].includes(error.code))) throw error;
    }
  }
  return undefined;
}

function requireTwoNodes(a: NodeRecord, b: NodeRecord): void {
  if (a.id === b.id) throw new DomainError('invalid_argument', `to: want another node than ${a.name}, got the same one twice`);
  const own = [a, b].find(({ reserved }) => reserved);
  if (own !== undefined) throw new DomainError('invalid_argument', `node: want two nodes, got ${own.name}, which is the controller; "ncadm node show" tells how it sees a node`);
}

function networkOf(view: LocalView, name: string): NetworkRecord {
  const record = view.network(name);
  if (record === undefined) throw new DomainError('network_unknown', `network ${name} is gone`);
  return record.value;
}

function judge(der: Uint8Array, trust: NetworkTrust): PairCertificate {
  try {
    const { validFrom, validTo } = readCertificate(der);
    const times = { notBeforeMs: Date.parse(validFrom), notAfterMs: Date.parse(validTo) };
    return { ...times, problem: problemOf(() => verifyNetworkCertificate(der, trust)) };
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return { notBeforeMs: 0, notAfterMs: 0, problem: error.message };
  }
}

function problemOf(verify: () => unknown): string {
  try {
    verify();
    return '';
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return error.message.replace(/^network certificate: /, '');
  }
}

/** The whole in one word and one sentence. */
function verdictOf(steps: readonly Step[], pair?: Pair): ExplainResponse {
  const answer = (verdict: string, says: string, mend = ''): ExplainResponse => ({ verdict, says, mend, steps: [...steps], from: undefined, to: undefined });
  const failed = steps.find(({ result }) => result === 'fail');
  if (failed !== undefined || pair === undefined) return answer('unreachable', failed?.says ?? '', failed?.mend);
  const [from, to] = [pair.from.record.name, pair.to.record.name];
  const doubt = steps.find(({ check, result }) => result === 'warn' && ['map', 'handshake', 'answer'].includes(check));
  const answered = pair.from.told?.tried === true && pair.from.told.rttUs > 0;
  if (doubt !== undefined && !answered) return answer('unclear', doubt.says, doubt.mend);
  const how = pair.from.path?.path === PathKind.PATH_KIND_DIRECT ? 'directly' : 'through the relay';
  return answer('reachable', `${from} reaches ${to} ${how}`);
}
