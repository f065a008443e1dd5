import { prefixOf } from '../../src/server/store/keys.js';
import type { AppliedRevision } from '../../src/server/store/local-view.js';
import type { Call, History, Wish } from './history.js';
import { differentLogs, lastPart, nodesByRequest, nodesPut, repeatedRegistrations, sharedAddresses, unfencedWrites } from './log-checks.js';
import { brokenStream } from './stream-checks.js';

/**
 * Holds what was seen against what the replicas have recorded.
 *
 * @returns Every promise that was broken, in a sentence; empty when all were kept.
 */
export function violations({ calls, logs, streams, leaderWrites }: History): string[] {
  const [longest = []] = [...logs.values()].sort((a, b) => b.length - a.length);
  return [
    ...differentLogs(logs),
    ...sharedAddresses(longest),
    ...repeatedRegistrations(longest),
    ...brokenWords(calls, longest),
    ...streams.flatMap((stream) => brokenStream(stream, longest)),
    ...unfencedWrites(leaderWrites, longest),
  ];
}

/** What was acknowledged is there and stays until somebody else wants it otherwise; what was refused never was. */
function brokenWords(calls: readonly Call[], log: readonly AppliedRevision[]): string[] {
  const puts = nodesPut(log);
  const made = nodesByRequest(log);
  const alive = new Set<string>();
  const tokens = new Set<string>();
  for (const { key, value } of log.flatMap(({ events }) => events)) {
    if (key.startsWith(prefixOf('node'))) {
      if (value === undefined) alive.delete(lastPart(key));
      else alive.add(lastPart(key));
    }
    if (key.startsWith(prefixOf('token')) && value !== undefined) tokens.add(lastPart(key));
  }
  const unwanted = new Set(calls.flatMap(({ wish, ending }) => (wish.kind === 'unregister' && ending.outcome !== 'refused' ? [wish.nodeId] : [])));
  const isKept = ({ wish, ending }: Call): boolean => {
    if (ending.outcome === 'unknown') return true;
    const isOk = ending.outcome === 'ok';
    if (wish.kind === 'token') return !isOk || tokens.has(ending.id);
    if (wish.kind === 'unregister') return isOk !== alive.has(wish.nodeId);
    if (wish.kind === 'rename') return puts.some(({ id, name }) => id === wish.nodeId && name === wish.name) === isOk;
    if (!isOk) return !made.has(wish.requestId);
    const isMade = puts.some(({ id, bindIp, keysHash }) => id === ending.id && bindIp === ending.address && Buffer.from(keysHash).toString('hex') === wish.requestId);
    return isMade && (alive.has(ending.id) || unwanted.has(ending.id));
  };
  return calls.filter((call) => !isKept(call)).map(({ wish, ending }) => `${nameOf(wish)} was ${ending.outcome === 'ok' ? 'acknowledged and is lost' : `refused ("${ending.why}") and carried out`}`);
}

function nameOf(wish: Wish): string {
  if (wish.kind === 'token') return 'a token';
  if (wish.kind === 'register') return `the registration ${wish.requestId}`;
  return wish.kind === 'rename' ? `the name ${wish.name} of ${wish.nodeId}` : `the end of ${wish.nodeId}`;
}
