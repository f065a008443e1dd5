import { AddressRecord, NodeRecord } from '../../src/gen/networkcontroller/store/v1/records.js';
import { prefixOf, ROOT } from '../../src/server/store/keys.js';
import type { AppliedRevision } from '../../src/server/store/local-view.js';
import type { StoreEvent } from '../../src/server/store/store.js';
import type { History, LeaderWrite } from './history.js';

/** Replicas must agree on every revision, and may only differ in how far they have come. */
export function differentLogs(logs: History['logs']): string[] {
  const known = new Map<bigint, { replica: string; text: string }>();
  const found: string[] = [];
  const ends = [...logs].map(([replica, log]) => ({ replica, from: log[0]?.rev ?? 0n, to: log.at(-1)?.rev ?? 0n, revs: new Set(log.map(({ rev }) => rev)) }));
  for (const [replica, log] of logs) {
    for (const [i, { rev, events }] of log.entries()) {
      if (i > 0 && rev <= log[i - 1]!.rev) found.push(`${replica}: revision ${rev} comes after ${log[i - 1]!.rev}`);
      const text = events.map(textOf).join('; ');
      const first = known.get(rev);
      if (first === undefined) known.set(rev, { replica, text });
      else if (first.text !== text) found.push(`revision ${rev} is "${first.text}" on ${first.replica} and "${text}" on ${replica}`);
    }
  }
  for (const rev of known.keys()) {
    for (const { replica, from, to, revs } of ends) if (rev >= from && rev <= to && !revs.has(rev)) found.push(`${replica} has no revision ${rev}`);
  }
  return found;
}

function textOf({ type, key, value }: StoreEvent): string {
  return `${type} ${key} ${Buffer.from(value ?? []).toString('base64')}`;
}

/** At no revision may two nodes have one address, or a node have one that is recorded as another's. */
export function sharedAddresses(log: readonly AppliedRevision[]): string[] {
  const nodes = new Map<string, NodeRecord>();
  const owners = new Map<string, string>();
  const holders = new Map<string, Set<string>>();
  const found: string[] = [];
  for (const { rev, events } of log) {
    const touched = new Set<string>();
    for (const { key, value } of events) {
      if (key.startsWith(prefixOf('node'))) for (const address of moveNode(nodes, holders, key, value)) touched.add(address);
      if (!key.startsWith(prefixOf('address'))) continue;
      const address = addressOf(key);
      if (value === undefined) owners.delete(address);
      else owners.set(address, AddressRecord.decode(value).nodeId);
      touched.add(address);
    }
    for (const address of touched) {
      const [holder, ...others] = holders.get(address) ?? [];
      if (others.length > 0) found.push(`at revision ${rev} ${address} has two owners: ${[holder, ...others].join(' and ')}`);
      else if (holder !== undefined && owners.get(address) !== holder) found.push(`at revision ${rev} ${holder} has ${address}, which is recorded as of ${owners.get(address) ?? 'nobody'}`);
    }
  }
  return found;
}

/** Makes a node what `value` says. @returns The addresses that it had and has. */
function moveNode(nodes: Map<string, NodeRecord>, holders: Map<string, Set<string>>, key: string, value: Uint8Array | undefined): string[] {
  const before = nodes.get(key);
  const after = value === undefined ? undefined : NodeRecord.decode(value);
  if (after === undefined) nodes.delete(key);
  else nodes.set(key, after);
  if (before !== undefined) for (const address of addressesOf(before)) holders.get(address)?.delete(before.id);
  if (after !== undefined) for (const address of addressesOf(after)) holders.set(address, (holders.get(address) ?? new Set()).add(after.id));
  return [before, after].flatMap((node) => (node === undefined ? [] : addressesOf(node)));
}

function addressesOf({ network, bindIp }: NodeRecord): string[] {
  return bindIp === '' ? [] : [`${network} ${bindIp}`];
}

/** "<network> <address>" of an address's key. */
function addressOf(key: string): string {
  const [, network, , address] = key.slice(ROOT.length).split('/');
  return `${network} ${address}`;
}

/** However often a request is sent and whatever becomes of its answers, it makes one node. */
export function repeatedRegistrations(log: readonly AppliedRevision[]): string[] {
  const made = nodesByRequest(log);
  return [...made].filter(([, ids]) => ids.size > 1).map(([request, ids]) => `request ${request} made ${ids.size} nodes: ${[...ids].join(', ')}`);
}

/** A leader's write counts only while its own term lasts. */
export function unfencedWrites(writes: readonly LeaderWrite[], log: readonly AppliedRevision[]): string[] {
  return writes.flatMap(({ leader, key, since, rev }) => {
    const last = log.filter((revision) => revision.rev < rev).flatMap(({ rev: at, events }) => events.filter((event) => event.key === key).map((event) => ({ at, event }))).at(-1);
    const isLeader = last?.event.value !== undefined && last.at === since;
    return isLeader ? [] : [`${leader} wrote revision ${rev} as the leader since ${since}, and was it no more`];
  });
}

/** The ids of the nodes that each request has made; a request goes by the hash of its keys, hex. */
export function nodesByRequest(log: readonly AppliedRevision[]): Map<string, Set<string>> {
  const made = new Map<string, Set<string>>();
  for (const node of nodesPut(log)) {
    const request = Buffer.from(node.keysHash).toString('hex');
    if (request !== '') made.set(request, (made.get(request) ?? new Set()).add(node.id));
  }
  return made;
}

/** Every version of every node. */
export function nodesPut(log: readonly AppliedRevision[]): NodeRecord[] {
  const puts = log.flatMap(({ events }) => events.filter(({ key, value }) => value !== undefined && key.startsWith(prefixOf('node'))));
  return puts.map(({ value }) => NodeRecord.decode(value!));
}

/** What is behind the last slash of a key. */
export function lastPart(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}
