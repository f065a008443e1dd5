import { TrustBundle } from '../../gen/networkcontroller/v1/types.js';
import { BundleRecord, CaRecord, CaRecord_State } from '../../gen/networkcontroller/store/v1/records.js';
import type { CaPurpose } from '../pki/ca.js';
import type { CaStanding, Pki, PkiStanding } from '../pki/pki.js';
import { keys } from '../store/keys.js';
import type { LocalView } from '../store/local-view.js';
import type { Operation } from '../store/store.js';

const { STATE_ACTIVE, STATE_RETIRED } = CaRecord_State;

/** The writes that put down the CAs of a new cluster and the first trust bundle. */
export function firstAuthorities(pki: Pki, nowMs: number): Operation[] {
  const records = (['grpc', 'network'] as const).map((purpose) => {
    const { generation, certificate } = pki.authority(purpose, pki.standing[purpose].active);
    return CaRecord.fromPartial({ purpose, generation, state: STATE_ACTIVE, certificate: certificate.raw, createdAtMs: nowMs, activatedAtMs: nowMs });
  });
  return [...records.map(putCa), putBundle(pki.trustBundle(1), nowMs)];
}

/** What the store says of both CAs: everything but what is retired is believed, one generation signs. */
export function standingOf(view: LocalView): PkiStanding {
  return { grpc: standingOfOne(view, 'grpc'), network: standingOfOne(view, 'network') };
}

/** The trust bundles after `version`, oldest first. */
export function bundlesAfter(view: LocalView, version: number): TrustBundle[] {
  return view.bundles(version).map(({ value }) => TrustBundle.decode(value.bundle));
}

/** The trust bundle in force. @throws Error when the store holds none, which no start leaves so. */
export function latestBundle(view: LocalView): TrustBundle {
  const latest = view.bundles(0).at(-1);
  if (latest === undefined) throw new Error('the store holds no trust bundle');
  return TrustBundle.decode(latest.value.bundle);
}

/** Writes one generation's record. */
export function putCa(record: CaRecord): Operation {
  return { put: keys.ca(record.purpose, record.generation), value: CaRecord.encode(record).finish() };
}

/** Writes a version of what to trust; it goes to every agent as a change of the map. */
export function putBundle(bundle: TrustBundle, nowMs: number): Operation {
  const record: BundleRecord = { version: bundle.version, bundle: Buffer.from(TrustBundle.encode(bundle).finish()), createdAtMs: nowMs };
  return { put: keys.bundle(bundle.version), value: BundleRecord.encode(record).finish() };
}

function standingOfOne(view: LocalView, purpose: CaPurpose): CaStanding {
  const known = view.cas(purpose).map(({ value }) => value);
  const trusted = known.filter(({ state }) => state !== STATE_RETIRED).map(({ generation }) => generation);
  const active = known.find(({ state }) => state === STATE_ACTIVE);
  if (active === undefined) throw new Error(`the store names no ${purpose} CA that signs`);
  return { active: active.generation, trusted };
}
