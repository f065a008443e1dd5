import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { ServerConfig } from '../../platform/config/server-config.js';
import { examples } from '../../platform/run-command.js';
import { openConfiguredStore } from '../open-configured-store.js';
import { openSnapshots } from '../snapshots/open-snapshots.js';
import { restore, type RestoreReport } from '../snapshots/restore.js';
import { readSnapshotKey } from '../snapshots/sealed-file.js';
import { journalFile, missingKeys } from '../state-files.js';
import type { OfflineSession } from './offline-session.js';

interface Options {
  readonly journal?: string;
  readonly acceptUnknownRevocations?: boolean;
}

/** `nc-server snapshot restore`: makes a cluster again in an empty store, with no server running. */
export function addRestore(parent: Command, session: OfflineSession): void {
  parent
    .command('restore')
    .description('make a snapshot\'s cluster again in the empty store of this configuration; no server may run')
    .argument('[snapshot]', 'its name at the target, or a file by its path; the newest when left out', '')
    .option('--journal <file>', 'what was revoked after the snapshot (default: revocations.log in workDir)')
    .option('--accept-unknown-revocations', 'restore without knowing what was revoked after the snapshot')
    .addHelpText('after', examples('nc-server --config server.yml snapshot restore', 'nc-server --config server.yml snapshot restore ./20260512T184111.000Z-r345-s1.ncsnap'))
    .action(
      session.action<Options, [string]>(async ({ config, options, clock, log }, name) => {
        const journal = options.journal === undefined ? journalFile(config) : resolve(options.journal);
        const report = await withSnapshot(config, name, async (path, key) => {
          const opened = await openConfiguredStore(config, { clock, log });
          try {
            return await restore(opened.store, { path, key, journal, acceptUnknownRevocations: options.acceptUnknownRevocations === true, nowMs: clock.now() });
          } finally {
            await opened.close();
          }
        });
        return { result: resultOf(report), says: saysOf(report, missingKeys(config)) };
      }),
    );
}

async function withSnapshot<T>(config: ServerConfig, name: string, use: (path: string, key: Buffer | undefined) => Promise<T>): Promise<T> {
  const { keyFile } = config.snapshots;
  const key = keyFile === undefined ? undefined : await readSnapshotKey(keyFile);
  if (name.includes('/')) return use(resolve(name), key);
  const snapshots = await openSnapshots(config.snapshots, config.workDir);
  return snapshots.fetch(name, (path) => use(path, key));
}

function resultOf({ snapshot, ...report }: RestoreReport) {
  const { clusterId, revision, createdAtMs } = snapshot;
  return { clusterId, revision, takenAt: new Date(createdAtMs).toISOString(), ...report };
}

function saysOf({ snapshot, ...report }: RestoreReport, missing: readonly string[]): string[] {
  const taken = new Date(snapshot.createdAtMs).toISOString();
  const { records, epoch, tokensRevoked, nodesEnded, certificatesRevoked, apiTokensRevoked } = report;
  return [
    `cluster ${snapshot.clusterId} restored: ${records} records as of ${taken}, revision ${snapshot.revision}; its epoch is now ${epoch}`,
    `${tokensRevoked} open bootstrap tokens revoked: nobody knows which were used since`,
    ...(report.revocationsKnown
      ? [`kept from coming back, by the journal: ${nodesEnded.length} nodes${nodesEnded.length > 0 ? ` (${nodesEnded.join(', ')})` : ''}, ${certificatesRevoked} certificates, ${apiTokensRevoked} API tokens`]
      : [`WARNING: what was revoked after ${taken} is not known and is good again: compare "ncadm node list", "ncadm admin list" and "ncadm api-token list" with the archived audit log, and revoke again`]),
    'nodes that renewed their certificates after the snapshot are refused until they join again with --replace: ncadm events --audit --result certificate_invalid',
    ...missing.map((path) => `WARNING: ${path} is missing; put it back before the server starts`),
  ];
}
