import { readFileSync, renameSync } from 'node:fs';
import * as v from 'valibot';
import type { Log } from '../../platform/log.js';
import { isThere, replaceFile } from './safe-files.js';

/** How many lists of control endpoints are remembered, newest first: an old one may outlive a bad new one. */
const KEPT_LISTS = 3;

const Schema = v.object({
  control: v.array(v.array(v.string())),
  lastControl: v.string(),
  direct: v.record(v.string(), v.string()),
  listenPort: v.optional(v.number(), 0),
  awake: v.optional(v.array(v.string()), []),
});

/** What is worth knowing at the next start about where others are. Hints only: nothing here is trusted. */
export interface KnownEndpoints {
  /** Lists of control endpoints the controller pushed, newest first. */
  readonly control: readonly (readonly string[])[];
  /** The control endpoint that worked last, or empty. */
  readonly lastControl: string;
  /** Node id → the direct endpoint that worked last. */
  readonly direct: Readonly<Record<string, string>>;
  /** The UDP port of our own interface, 0 for unknown: peers, and NATs on the way, know it. */
  readonly listenPort: number;
  /** Node ids of the peers that were in use, where there are too many to have all configured. */
  readonly awake: readonly string[];
}

const NONE: KnownEndpoints = { control: [], lastControl: '', direct: {}, listenPort: 0, awake: [] };

/** Reads the file; a damaged one is put aside, a missing one knows nothing. */
export function loadKnownEndpoints(path: string, log: Log): KnownEndpoints {
  if (!isThere(path)) return NONE;
  try {
    return v.parse(Schema, JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    renameSync(path, `${path}.damaged`);
    log.warn('the list of known endpoints is damaged and was put aside', { path: `${path}.damaged` });
    return NONE;
  }
}

/** Writes the file in one step. */
export function saveKnownEndpoints(path: string, known: KnownEndpoints): void {
  replaceFile(path, `${JSON.stringify(known, null, 2)}\n`);
}

/** Puts a newly pushed list of control endpoints in front, once, and forgets the oldest. */
export function withControlList(known: KnownEndpoints, list: readonly string[]): KnownEndpoints {
  const others = known.control.filter((old) => old.join() !== list.join());
  return list.length === 0 ? known : { ...known, control: [list, ...others].slice(0, KEPT_LISTS) };
}
