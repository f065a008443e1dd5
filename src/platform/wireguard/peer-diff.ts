import type { DevicePeer, PeerState } from './device.js';

/** Bytes of one argument list: far under Linux's ARG_MAX, and some 500 peers. @see execve(2) */
const MAX_ARGUMENT_BYTES = 64 * 1024;

/**
 * What `wg set <interface>` must be told so that the peers become `want`, one list per peer that differs.
 *
 * A live peer keeps the endpoint it has, which it may have learnt by roaming, and its keepalive is raised but never
 * lowered, because steering turns it on for good. A peer that nobody wants goes.
 */
export function peerDiff(have: ReadonlyMap<string, PeerState>, want: readonly DevicePeer[]): string[][] {
  const wanted = new Set(want.map((peer) => peer.publicKey));
  const foreign = [...have.keys()].filter((publicKey) => !wanted.has(publicKey));
  return [
    ...foreign.map((publicKey) => ['peer', publicKey, 'remove']),
    ...want.map((peer) => onePeer(have.get(peer.publicKey), peer)).filter((words) => words.length > 2),
  ];
}

/**
 * The same from what was told before, without a look at the interface. A peer that is the same object, or says the same, is not told again.
 *
 * @param before Public key → peer.
 */
export function peerChanges(before: ReadonlyMap<string, DevicePeer>, want: ReadonlyMap<string, DevicePeer>): string[][] {
  const gone = [...before.keys()].filter((publicKey) => !want.has(publicKey));
  const words = gone.map((publicKey) => ['peer', publicKey, 'remove']);
  for (const [publicKey, peer] of want) {
    const told = before.get(publicKey);
    if (told === peer) continue;
    // The endpoint may be another by now, and is not ours to set: any will do to say that there is one.
    const change = onePeer(told && { ...told, endpoint: told.endpoint ?? peer.endpoint }, peer);
    if (change.length > 2) words.push(change);
  }
  return words;
}

/** The words that add `peer` as it shall be from the start. */
export function newPeer(peer: DevicePeer): string[] {
  return onePeer(undefined, peer);
}

/** Joins lists into as few as fit an argument list. */
export function chunkArguments(lists: readonly (readonly string[])[]): string[][] {
  const chunks: string[][] = [];
  let bytes = Infinity;
  for (const words of lists) {
    const size = words.reduce((sum, word) => sum + word.length + 1, 0);
    if (bytes + size > MAX_ARGUMENT_BYTES) {
      chunks.push([]);
      bytes = 0;
    }
    chunks.at(-1)?.push(...words);
    bytes += size;
  }
  return chunks;
}

/** As much of a peer as is compared. */
type Known = Pick<PeerState, 'allowedIps' | 'persistentKeepalive'> & { readonly endpoint?: string | undefined };

function onePeer(have: Known | undefined, want: DevicePeer): string[] {
  const words = ['peer', want.publicKey];
  if (have?.endpoint === undefined && want.endpoint !== undefined) words.push('endpoint', want.endpoint);
  if ((have?.persistentKeepalive ?? 0) < want.persistentKeepalive) words.push('persistent-keepalive', String(want.persistentKeepalive));
  if (have === undefined || !sameSet(have.allowedIps, want.allowedIps)) words.push('allowed-ips', want.allowedIps.join(','));
  return words;
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && new Set([...a, ...b]).size === a.length;
}
