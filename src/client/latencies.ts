import { PathKind } from '../gen/networkcontroller/v1/types.js';
import type { AgentServiceGetStatusResponse } from '../gen/networkcontroller/v1/agent.js';
import { pingOnce } from './ping-once.js';

/** Peers that are pinged for a status: it is to be there at once, and a ping each is a process each. */
const MOST = 32;

/**
 * Pings the peers that have a path, all at once; in a large network the first of them.
 *
 * @param ping {@link pingOnce}, unless a test brings its own.
 * @returns Milliseconds by overlay address; without those that did not answer.
 */
export async function latenciesOf({ peers, device }: AgentServiceGetStatusResponse, ping = pingOnce): Promise<Map<string, number>> {
  const latencies = new Map<string, number>();
  if (device === 'recorded') return latencies;
  const reachable = peers.filter(({ path }) => path === PathKind.PATH_KIND_DIRECT || path === PathKind.PATH_KIND_RELAY).slice(0, MOST);
  await Promise.all(
    reachable.map(async ({ bindIp }) => {
      // A status is worth showing without them too, as where there is no ping(8).
      const ms = await ping(bindIp).catch(() => undefined);
      if (ms !== undefined) latencies.set(bindIp, ms);
    }),
  );
  return latencies;
}
