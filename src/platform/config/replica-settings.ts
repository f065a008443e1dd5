import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import * as v from 'valibot';
import { labelFrom, parseLabel } from '../../domain/names.js';
import { parsed, section, type Fault } from '../yaml-config.js';

/** What this server is among the servers of a cluster. */
export interface ReplicaSettings {
  /** What people call it; the same after a restart. */
  readonly name: string;
  /** Empty for none. Agents prefer servers of their own. */
  readonly dataCentre: string;
  /** An observer reads, watches and answers names; it never writes. */
  readonly role: 'full' | 'observer';
}

const label = parsed(parseLabel, 'a lower-case DNS label');

/** The group `replica`. */
export const REPLICA = section({
  name: v.optional(label),
  dataCentre: v.optional(label),
  role: v.optional(v.picklist(['full', 'observer'], '"full" or "observer"'), 'full'),
});

type ReplicaKeys = v.InferOutput<typeof REPLICA>;

/** What is wrong between the keys. @param engine Of the store. */
export function* replicaFaults({ role }: ReplicaKeys, engine: string): Iterable<Fault> {
  if (role === 'observer' && engine === 'sqlite') yield { key: ['replica', 'role'], message: 'want "full", since with a store in SQLite there is nobody else to write, got "observer"' };
}

/** The group with nothing left out. @param workDir Absolute; tells servers of one machine apart. */
export function replicaSettings({ name, dataCentre, role }: ReplicaKeys, workDir: string): ReplicaSettings {
  return { name: name ?? nameOf(workDir), dataCentre: dataCentre ?? '', role };
}

function nameOf(workDir: string): string {
  const host = labelFrom(hostname()).slice(0, 48) || 'server';
  return `${host}-${createHash('sha256').update(workDir).digest('hex').slice(0, 8)}`;
}
