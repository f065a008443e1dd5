import { setTimeout as sleep } from 'node:timers/promises';
import { RenameNodeRequest, type AdminServiceClient } from '../../src/gen/networkcontroller/v1/admin.js';
import { callUnary } from '../../src/platform/rpc-client.js';
import { monotonicMs } from './fleet.js';

/** Where arrivals are asked for. */
interface Arrivals {
  arrivals(revision: bigint): Promise<readonly number[]>;
}

let changes = 0;

/** Gives a node another name, which is a change of everybody's map. @returns its revision, and when it was asked for, monotonic ms. */
export async function changeNode(admin: AdminServiceClient, node: string): Promise<{ readonly revision: bigint; readonly atMs: number }> {
  const atMs = monotonicMs();
  const name = `changed-${atMs.toFixed(0)}-${changes++}`;
  const { revision } = await callUnary(admin, 'renameNode', RenameNodeRequest.fromPartial({ node, name }));
  return { revision, atMs };
}

/**
 * Waits until as many agents have a change as there are.
 *
 * @returns How long after it was asked for each of them had it, ms; fewer than `agents` when `limitMs` is over.
 */
export async function latenciesOf(fleet: Arrivals, change: { readonly revision: bigint; readonly atMs: number }, agents: number, limitMs = 30_000): Promise<number[]> {
  const begun = performance.now();
  let arrivals: readonly number[] = [];
  do {
    await sleep(50);
    arrivals = await fleet.arrivals(change.revision);
  } while (arrivals.length < agents && performance.now() - begun < limitMs);
  return arrivals.map((atMs) => atMs - change.atMs);
}
