/** Relays by name with the time to each and back, µs; the controller's own relay has the empty name. */
export type Distances = ReadonlyMap<string, number>;

/** The controller's own relay. */
export const OWN_RELAY = '';

/** Another relay is worth a new session only when it is so much nearer: µs, and the part of the way. */
const LEAST_GAIN_US = 4000;
const LEAST_GAIN = 0.15;

/**
 * Chooses the relay between two nodes: the one with the shortest way from one to the other.
 *
 * @param own     What this node reaches.
 * @param theirs  What the peer says that it reaches; empty when it has not said.
 * @param current The relay in use, kept unless another is clearly nearer.
 * @returns A relay that both reach; without one the controller's own, or when that is away the nearest of ours.
 */
export function nearestRelay(own: Distances, theirs: Distances, current: string): string {
  const way = (name: string): number => (own.get(name) ?? Infinity) + (theirs.get(name) ?? Infinity);
  const nearest = leastOf(own.keys(), way);
  if (nearest === undefined || way(nearest) === Infinity) return withoutWord(own, theirs, current);
  if (way(current) === Infinity) return nearest;
  const gainUs = way(current) - way(nearest);
  return gainUs > LEAST_GAIN_US && gainUs > way(current) * LEAST_GAIN ? nearest : current;
}

/** The peer has not said what it reaches, or nothing that we reach. */
function withoutWord(own: Distances, theirs: Distances, current: string): string {
  if (theirs.size === 0 && own.has(current)) return current;
  if (own.has(OWN_RELAY)) return OWN_RELAY;
  return leastOf(own.keys(), (name) => own.get(name) ?? Infinity) ?? OWN_RELAY;
}

function leastOf(names: Iterable<string>, cost: (name: string) => number): string | undefined {
  return [...names].sort((a, b) => cost(a) - cost(b) || (a < b ? -1 : 1))[0];
}
