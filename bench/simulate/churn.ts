import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { joinNode } from '../../src/client/join.js';
import { StateFolder } from '../../src/client/state/state-folder.js';
import { parseClientConfig } from '../../src/platform/config/client-config.js';
import { silentLog } from '../../src/platform/log.js';
import type { Fleets } from './fleets.js';

/** What agents do of themselves. */
export type Churn = 'join' | 'leave' | 'roam' | 'flap' | 'storm';

/** All of them. */
export const CHURNS: readonly Churn[] = ['join', 'leave', 'roam', 'flap', 'storm'];

/** How often each happens. */
const EVERY_MS: Readonly<Record<Churn, number>> = { join: 1_000, leave: 1_000, roam: 1_000, flap: 2_000, storm: 20_000 };
/** Of all agents, those who roam or flap each time. */
const ROAMING = 0.01;
const FLAPPING = 0.002;

/** What churn works on. */
export interface ChurnDeps {
  readonly fleets: Fleets;
  readonly agents: number;
  readonly joinString: string;
}

/** Lets agents come, go, and lose their connections until the signal. Resolves when the last thing begun is done. */
export async function runChurn(kinds: readonly Churn[], deps: ChurnDeps, until: AbortSignal): Promise<void> {
  await Promise.all(kinds.map((kind) => repeat(kind, deps, until)));
}

async function repeat(kind: Churn, deps: ChurnDeps, until: AbortSignal): Promise<void> {
  while (await sleep(EVERY_MS[kind], true, { signal: until }).catch(() => false)) await churnOnce(kind, deps);
}

async function churnOnce(kind: Churn, { fleets, agents, joinString }: ChurnDeps): Promise<void> {
  switch (kind) {
    case 'join':
      return fleets.add(await joinReally(joinString));
    case 'leave':
      return fleets.some('leave', 1);
    case 'roam':
      return fleets.some('roam', Math.ceil(agents * ROAMING));
    case 'flap':
      return fleets.some('flap', Math.ceil(agents * FLAPPING));
    case 'storm':
      return void (await fleets.storm());
  }
}

/** A join as nc-client does it, with a folder of its own that is gone at once. */
async function joinReally(joinString: string) {
  const stateDir = mkdtempSync(join(tmpdir(), 'nc-bench-node-'));
  try {
    await joinNode(parseClientConfig(JSON.stringify({ client: { stateDir, device: 'recorded' } }), 'simulate.yml'), joinString);
    return StateFolder.open(stateDir, silentLog).membership()!;
  } finally {
    rmSync(stateDir, { recursive: true });
  }
}
