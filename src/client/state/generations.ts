import { mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { DomainError } from '../../domain/errors.js';
import { TrustBundle } from '../../gen/networkcontroller/v1/types.js';
import type { Membership } from './membership.js';
import { isThere, readPrivateFile, syncFolder, writeNewFile } from './safe-files.js';

const CURRENT = 'current';

const Facts = v.strictObject({
  nodeId: v.string(),
  name: v.string(),
  network: v.string(),
  clusterId: v.string(),
  bindIp: v.string(),
  bindIp6: v.string(),
  controlEndpoints: v.array(v.string()),
  bootstrapEndpoints: v.array(v.string()),
  joinedAtMs: v.number(),
});

/**
 * Writes `membership` as the next generation and makes it the current one.
 *
 * Keys and certificates belong together, and a file system renames one name at a time. So all of them go
 * into a new folder `gen-N`, which is complete on disk before the link `current` is moved to it in one step. The generation before
 * stays for a command that is reading it at this moment; older ones and torn ones go.
 */
export function saveGeneration(folder: string, membership: Membership): void {
  const number = Math.max(0, ...generationsIn(folder)) + 1;
  const name = `gen-${number}`;
  mkdirSync(join(folder, name), { mode: 0o700 });
  for (const [file, content] of Object.entries(filesOf(membership))) writeNewFile(join(folder, name, file), content);
  syncFolder(join(folder, name));
  const previous = currentGeneration(folder);
  pointTo(folder, name);
  for (const old of generationsIn(folder)) {
    if (old !== number && `gen-${old}` !== previous) rmSync(join(folder, `gen-${old}`), { recursive: true });
  }
}

/**
 * Reads the current generation; undefined when the node has not joined.
 *
 * @throws DomainError `key_file_unsafe` when others can read a file of it, `state_invalid` when a file is missing or damaged.
 */
export function loadGeneration(folder: string): Membership | undefined {
  const name = currentGeneration(folder);
  if (name === undefined) return undefined;
  const file = (part: string): Buffer => readPrivateFile(join(folder, name, part));
  try {
    return {
      keys: {
        grpc: file('grpc.key').toString(),
        network: file('network.key').toString(),
        wireguard: file('wireguard.key').toString().trim(),
      },
      nodeToken: file('node.token').toString().trim(),
      grpcCertificate: file('grpc.crt.der'),
      networkCertificate: file('network.crt.der'),
      bundle: TrustBundle.decode(file('bundle.pb')),
      facts: v.parse(Facts, JSON.parse(file('membership.json').toString())),
    };
  } catch (error) {
    if (error instanceof DomainError) throw error;
    throw new DomainError('state_invalid', `${join(folder, name)} is incomplete or damaged; restore the folder, or join again with --replace`, {
      cause: error,
    });
  }
}

function filesOf(membership: Membership): Record<string, string | Uint8Array> {
  return {
    'grpc.key': membership.keys.grpc,
    'network.key': membership.keys.network,
    'wireguard.key': `${membership.keys.wireguard}\n`,
    'node.token': `${membership.nodeToken}\n`,
    'grpc.crt.der': membership.grpcCertificate,
    'network.crt.der': membership.networkCertificate,
    'bundle.pb': TrustBundle.encode(membership.bundle).finish(),
    'membership.json': `${JSON.stringify(membership.facts, null, 2)}\n`,
  };
}

function currentGeneration(folder: string): string | undefined {
  return isThere(join(folder, CURRENT)) ? readlinkSync(join(folder, CURRENT)) : undefined;
}

function generationsIn(folder: string): number[] {
  return readdirSync(folder).flatMap((name) => /^gen-(\d+)$/.exec(name)?.[1] ?? []).map(Number);
}

function pointTo(folder: string, name: string): void {
  const link = join(folder, `${CURRENT}.new`);
  // What a crash between the two calls below left.
  rmSync(link, { force: true });
  symlinkSync(name, link);
  renameSync(link, join(folder, CURRENT));
  syncFolder(folder);
}
