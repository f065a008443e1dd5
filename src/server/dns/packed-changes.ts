import type { ZoneChange, ZoneNode } from '../../domain/zone-input.js';

/**
 * A change as it goes from thread to thread, or a row of nodes of one network as bare texts: the network's name, then four for each node.
 *
 * Between threads an object costs several times what its texts do, and of nodes there may be a million.
 */
export type PackedChange = Exclude<ZoneChange, { readonly kind: 'node' }> | readonly string[];

/** Texts of a node in a row. */
const FIELDS = 4;

/** Packs changes; their order stays. */
export function packChanges(changes: Iterable<ZoneChange>): PackedChange[] {
  const packed: PackedChange[] = [];
  let row: string[] | undefined;
  for (const change of changes) {
    if (change.kind !== 'node') {
      packed.push(change);
      row = undefined;
      continue;
    }
    const { id, network, name, bindIp, bindIp6 } = change.node;
    if (row?.[0] !== network) packed.push((row = [network]));
    row.push(id, name, bindIp, bindIp6);
  }
  return packed;
}

/** The changes again, one by one. */
export function* unpackChanges(packed: Iterable<PackedChange>): Generator<ZoneChange> {
  for (const change of packed) {
    if ('kind' in change) yield change;
    else for (let at = 1; at < change.length; at += FIELDS) yield { kind: 'node', node: nodeAt(change, at) };
  }
}

function nodeAt(row: readonly string[], at: number): ZoneNode {
  const [id = '', name = '', bindIp = '', bindIp6 = ''] = row.slice(at, at + FIELDS);
  return { id, network: row[0]!, name, bindIp, bindIp6 };
}

/** The items in arrays of `size`, the last one shorter; none of nothing. */
export function* portionsOf<T>(items: Iterable<T>, size: number): Generator<T[]> {
  let portion: T[] = [];
  for (const item of items) {
    portion.push(item);
    if (portion.length < size) continue;
    yield portion;
    portion = [];
  }
  if (portion.length > 0) yield portion;
}
