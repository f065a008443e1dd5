import type { AddressPlan } from '../../domain/address-plan.js';
import type { AddedRecord } from '../../domain/dns-records.js';
import { parseDnsName } from '../../domain/dns-name.js';
import { Zone } from '../../domain/zone.js';
import type { ZoneChange } from '../../domain/zone-input.js';
import type { Signer } from '../../platform/dns/dnssec/signer.js';
import { Responder } from '../../platform/dns/responder.js';
import { planOf } from '../services/address-pools.js';
import type { StoredNodes } from '../store/stored-nodes.js';
import { StoredNodeNames } from './stored-node-names.js';

/** What one kind of client sees. */
interface View {
  readonly zone: Zone;
  readonly responder: Responder;
  /** Networks whose nodes it shows. */
  readonly plans: Map<string, AddressPlan>;
}

/** What a zone is made with beside its name. */
interface ViewOptions {
  /** What is said to whoever asks for our version; nothing when left out. */
  readonly version?: string | undefined;
  /** Where nodes are looked up; those of changes are kept when it is left out. */
  readonly nodes?: StoredNodes | undefined;
}

/** A change of added records, which may be for one network or for all. */
type RecordChange = Extract<ZoneChange, { kind: 'record' | 'records' }>;

/**
 * The zone as each network sees it, and as everybody else does.
 *
 * Nodes of a network see its nodes, services and records, and the records that are for all: others' addresses would lead
 * them nowhere. Whoever asks from no network, such as a program on this machine, sees the nodes and services of all
 * networks, and the records that are for all.
 */
export class ZoneViews {
  readonly #name: string;
  readonly #options: ViewOptions;
  readonly #outside: View;
  readonly #inside = new Map<string, View>();
  /** What a view that is made later must be told: networks, and added records. */
  readonly #networks = new Map<string, Extract<ZoneChange, { kind: 'network' }>>();
  readonly #records = new Map<string, RecordChange>();
  #revision = 0n;
  #signer: Signer | undefined;

  /** @throws DomainError `invalid_argument` for a zone that is no name. */
  constructor(name: string, options: ViewOptions = {}) {
    this.#name = name;
    this.#options = options;
    this.#outside = viewOf(name, options);
  }

  /** The zone as everybody outside of the networks sees it. */
  get outside(): Zone {
    return this.#outside.zone;
  }

  /** Who answers nodes of `network`; those of none when left out or unknown. */
  responderFor(network: string | undefined): Responder {
    const inside = network === undefined || network === '' ? undefined : this.#inside.get(network);
    return (inside ?? this.#outside).responder;
  }

  /** Makes a change wherever it shows. @throws DomainError `invalid_argument` for values that no record can carry. */
  apply(change: ZoneChange): void {
    switch (change.kind) {
      case 'node':
        return this.#applyTo(change, [this.#viewOf(change.node.network)]);
      case 'service':
        return this.#applyTo(change, [this.#viewOf(change.service.network)]);
      case 'record':
        this.#records.set(`record ${change.record.id}`, change);
        return this.#applyRecords(change);
      case 'records':
        this.#records.set(change.source, change);
        return this.#applyRecords(change);
      case 'recordRemoved':
        this.#records.delete(`record ${change.id}`);
        return this.#applyTo(change, this.#inside.values());
      case 'network':
        this.#networks.set(change.network.name, change);
        for (const { plans } of [this.#outside, this.#viewOf(change.network.name)]) plans.set(change.network.name, planOf(change.network));
        return this.#applyTo(change, this.#inside.values());
      case 'networkRemoved':
        this.#networks.delete(change.name);
        this.#inside.delete(change.name);
        this.#outside.plans.delete(change.name);
        return this.#applyTo(change, this.#inside.values());
      default:
        return this.#applyTo(change, this.#inside.values());
    }
  }

  /** Says which revision all of them show. */
  setRevision(revision: bigint): void {
    this.#revision = revision;
    for (const { zone } of this.#all()) zone.setRevision(revision);
  }

  /** Signs answers from now on for clients that want it. */
  signWith(signer: Signer | undefined): void {
    this.#signer = signer;
    for (const { responder } of this.#all()) responder.signWith(signer);
  }

  *#all(): Iterable<View> {
    yield this.#outside;
    yield* this.#inside.values();
  }

  #applyTo(change: ZoneChange, views: Iterable<View>): void {
    this.#outside.zone.apply(change);
    for (const { zone } of views) zone.apply(change);
  }

  #applyRecords(change: RecordChange): void {
    applyVisible(this.#outside.zone, change, '');
    for (const [network, { zone }] of this.#inside) applyVisible(zone, change, network);
  }

  /** The view of a network, made at its first mention. */
  #viewOf(network: string): View {
    const known = this.#inside.get(network);
    if (known !== undefined) return known;
    const made = viewOf(this.#name, this.#options);
    this.#inside.set(network, made);
    for (const change of this.#networks.values()) made.zone.apply(change);
    for (const change of this.#records.values()) applyVisible(made.zone, change, network);
    made.zone.setRevision(this.#revision);
    made.responder.signWith(this.#signer);
    return made;
  }
}

function viewOf(name: string, { version, nodes }: ViewOptions): View {
  const plans = new Map<string, AddressPlan>();
  const zone = new Zone(name, nodes && new StoredNodeNames(nodes, parseDnsName(name, 'zone'), plans));
  return { zone, responder: new Responder(zone, version), plans };
}

function applyVisible(zone: Zone, change: RecordChange, network: string): void {
  if (change.kind === 'records') zone.apply({ ...change, records: change.records.filter((record) => isVisible(record, network)) });
  else if (isVisible(change.record, network)) zone.apply(change);
}

function isVisible(record: AddedRecord, network: string): boolean {
  return (record.network ?? '') === '' || record.network === network;
}
