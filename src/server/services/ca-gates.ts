import { X509Certificate } from 'node:crypto';
import type { CaGeneration, GetCaStatusResponse } from '../../gen/networkcontroller/v1/admin.js';
import { CaRecord_State, type CaRecord } from '../../gen/networkcontroller/store/v1/records.js';
import { spkiPin } from '../../platform/x509/p256.js';
import type { LocalView } from '../store/local-view.js';
import { latestBundle } from './ca-records.js';
import type { NodeBundles } from './node-bundles.js';
import type { PresenceBoard } from './presence.js';
import type { Tokens } from './tokens.js';

/** What {@link CaGates} looks at beside the records of the CAs. */
export interface CaGatesDeps {
  readonly bundles: NodeBundles;
  readonly presence: PresenceBoard;
  readonly tokens: Tokens;
}

/** Nodes seen within the time that a gate looks back, and those of them that do not know the trust bundle in force. */
interface Acquaintance {
  readonly seen: number;
  /** Names. */
  readonly behind: readonly string[];
}

const { STATE_ACTIVE, STATE_PASSIVE, STATE_PREPARED, STATE_RETIRED } = CaRecord_State;
const STATE_NAMES: ReadonlyMap<CaRecord_State, string> = new Map([
  [STATE_PREPARED, 'prepared'],
  [STATE_ACTIVE, 'active'],
  [STATE_PASSIVE, 'passive'],
  [STATE_RETIRED, 'retired'],
]);
/** Nodes that were away for longer catch up by themselves when they are back. */
const SEEN_MS = 7 * 86_400_000;

/** What a generation of a CA still waits for before its next step, so that the step cuts nobody off. */
export class CaGates {
  readonly #deps: CaGatesDeps;

  constructor(deps: CaGatesDeps) {
    this.#deps = deps;
  }

  /** Every generation of both CAs, with what its next step waits for. */
  status(view: LocalView, nowMs: number): GetCaStatusResponse {
    const all = [...view.cas('grpc'), ...view.cas('network')].map(({ value }) => value);
    const newest = all.findLast(({ purpose, state }) => purpose === 'grpc' && (state === STATE_PREPARED || state === STATE_ACTIVE));
    const { seen, behind } = this.#acquaintance(view, nowMs);
    return {
      generations: all.map((record) => describe(view, record, this.waitsFor(view, record, nowMs), nowMs)),
      bundleVersion: latestBundle(view).version,
      behind: [...behind],
      tokensPinnedToOld: this.#deps.tokens.pinnedBefore(newest?.generation ?? 0),
      nodesSeen: seen,
    };
  }

  /** Why a prepared generation should not be activated, or a passive one not retired, yet: a sentence each. */
  waitsFor(view: LocalView, record: CaRecord, nowMs: number): string[] {
    if (record.state === STATE_PREPARED) return this.#beforeActivation(view, record, nowMs);
    return record.state === STATE_PASSIVE ? beforeRetirement(view, record, nowMs) : [];
  }

  #beforeActivation(view: LocalView, { purpose, generation }: CaRecord, nowMs: number): string[] {
    const { behind } = this.#acquaintance(view, nowMs);
    const tokens = purpose === 'grpc' ? this.#deps.tokens.pinnedBefore(generation) : [];
    return [
      ...(behind.length > 0 ? [`node ${someOf(behind)} was seen in the last 7 days and has not said that it knows it`] : []),
      ...(tokens.length > 0 ? [`the join string of token ${someOf(tokens)} pins an older generation only; revoke or rotate it, or wait until it expires`] : []),
    ];
  }

  #acquaintance(view: LocalView, nowMs: number): Acquaintance {
    const { version } = latestBundle(view);
    const known = this.#deps.bundles.all();
    const seen = this.#seenLately(view, nowMs - SEEN_MS);
    const behind = [...seen].filter(([nodeId]) => (known.get(nodeId) ?? 0) < version).map(([, name]) => name);
    return { seen: seen.size, behind };
  }

  /** Names by node id: of those that the store has seen, and of those that are here or were a moment ago. */
  #seenLately(view: LocalView, sinceMs: number): Map<string, string> {
    const { presence } = this.#deps;
    const names = new Map<string, string>();
    for (const { nodeId, name } of view.nodesSeenSince(sinceMs)) names.set(nodeId, name);
    for (const nodeId of presence.known()) {
      const isLate = presence.isHere(nodeId) || (presence.of(nodeId)?.lastSeenMs ?? 0) > sinceMs;
      const node = isLate && !names.has(nodeId) ? view.nodeById(nodeId)?.value : undefined;
      if (node !== undefined && !node.reserved) names.set(nodeId, node.name);
    }
    return names;
  }
}

/** The word for a state. */
export function stateName(state: CaRecord_State): string {
  return STATE_NAMES.get(state) ?? '';
}

function beforeRetirement(view: LocalView, { purpose, generation }: CaRecord, nowMs: number): string[] {
  const { count, lastEndsAtMs } = view.liveCertificates(purpose, generation, nowMs);
  if (count === 0) return [];
  const end = new Date(lastEndsAtMs).toISOString();
  return [`${count} certificates that it signed are in use, the last until ${end}; nodes replace theirs at two thirds of the lifetime, admins by "ncadm admin create"`];
}

function describe(view: LocalView, { purpose, generation, state, certificate, createdAtMs, activatedAtMs }: CaRecord, waitsFor: string[], nowMs: number): CaGeneration {
  const { publicKey, validTo } = new X509Certificate(certificate);
  return {
    purpose,
    generation,
    state: stateName(state),
    createdAtMs,
    activatedAtMs,
    expiresAtMs: Date.parse(validTo),
    pin: spkiPin(publicKey.export({ type: 'spki', format: 'der' })),
    liveCertificates: view.liveCertificates(purpose, generation, nowMs).count,
    waitsFor,
  };
}

function someOf(names: readonly string[]): string {
  const more = names.length - 5;
  return names.slice(0, 5).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
