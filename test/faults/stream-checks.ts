import { NodeRecord } from '../../src/gen/networkcontroller/store/v1/records.js';
import { prefixOf } from '../../src/server/store/keys.js';
import type { AppliedRevision } from '../../src/server/store/local-view.js';
import type { AgentStream, Told } from './history.js';
import { lastPart } from './log-checks.js';

/** Deltas rise, and none of those that concern the agent's network is left out, but for what a reset and a new map cover. */
export function brokenStream({ agent, network, told }: AgentStream, log: readonly AppliedRevision[]): string[] {
  const due = changesOf(network, log);
  const found: string[] = [];
  let at: bigint | undefined;
  let mayStartOver = true;
  const advance = (rev: bigint): void => {
    for (const missed of due.keys()) if (missed > at! && missed < rev) found.push(`${agent} was not told of revision ${missed} before ${rev}`);
    at = rev;
  };
  for (const message of told) {
    if (message.kind === 'reset') mayStartOver = true;
    else if (message.kind === 'map') {
      if (!mayStartOver) found.push(`${agent} got a whole map at ${message.rev} and no reset before it`);
      [at, mayStartOver] = [message.rev, false];
    } else if (at === undefined) found.push(`${agent} got a ${message.kind} of ${message.rev} before any map`);
    else if (message.kind === 'delta') found.push(...brokenDelta(agent, message, at, due)), advance(message.rev > at ? message.rev : at);
    // All up to it and itself has been told.
    else if (message.rev > at) advance(message.rev + 1n), (at = message.rev);
  }
  return found;
}

function brokenDelta(agent: string, { rev, nodes }: Extract<Told, { kind: 'delta' }>, at: bigint, due: ReadonlyMap<bigint, readonly string[]>): string[] {
  if (rev <= at) return [`${agent} was told of revision ${rev} after ${at}`];
  const want = [...(due.get(rev) ?? [])].sort().join(' ');
  const got = [...nodes].sort().join(' ');
  return want === got ? [] : [`${agent} was told that revision ${rev} changed "${got}", and it changed "${want}"`];
}

/** The nodes of `network` that each revision changed; the controller's own is none. */
function changesOf(network: string, log: readonly AppliedRevision[]): Map<bigint, string[]> {
  const due = new Map<bigint, string[]>();
  for (const { rev, events } of log) {
    const nodes = events.filter(({ key, value }) => key.startsWith(prefixOf('node', network)) && (value === undefined || !NodeRecord.decode(value).reserved));
    if (nodes.length > 0) due.set(rev, nodes.map(({ key }) => lastPart(key)));
  }
  return due;
}
