import type { Command } from 'commander';
import { DomainError } from '../../domain/errors.js';
import { readServerConfig, type ServerConfig } from '../../platform/config/server-config.js';
import { examples } from '../../platform/run-command.js';
import { openConfiguredStore } from '../open-configured-store.js';
import { fillStore } from '../snapshots/fill-store.js';
import type { KeyAndValue } from '../snapshots/record-digest.js';
import { recordsOf } from '../snapshots/snapshot-format.js';
import { missingKeys } from '../state-files.js';
import { keys } from '../store/keys.js';
import { decodeRecord } from '../store/records.js';
import type { OpenStore } from '../store/open-store.js';
import type { Store } from '../store/store.js';
import type { OfflineAnswer, OfflineInvocation, OfflineSession } from './offline-session.js';

interface Options {
  readonly to: string;
}

/** `nc-server store migrate`: moves a cluster to another, empty store, with no server running. */
export function addMigrate(parent: Command, session: OfflineSession): void {
  parent
    .command('migrate')
    .description('copy all records from the store of this configuration to the empty store of another; no server may run')
    .requiredOption('--to <file>', 'the configuration with the other store')
    .addHelpText('after', examples('nc-server --config server.yml store migrate --to server-etcd.yml'))
    .action(session.action<Options, []>((invocation) => migrate(invocation, readServerConfig(invocation.options.to))));
}

async function migrate({ config, clock, log }: OfflineInvocation<Options>, target: ServerConfig): Promise<OfflineAnswer> {
  return withStore(await openConfiguredStore(config, { clock, log }), async (from) => {
    const clusterId = await clusterOf(from);
    return withStore(await openConfiguredStore(target, { clock, log }), async (to) => {
      const { records, epoch } = await fillStore(to, `migration of cluster ${clusterId}`, all(from), clock.now());
      return {
        result: { clusterId, records, epoch },
        says: [
          `cluster ${clusterId} copied: ${records} records, read back and equal; its epoch is now ${epoch}`,
          'start nc-server with the other configuration only: the store before still holds the cluster as it was, and must not be served any more',
          ...missingKeys(target).map((path) => `WARNING: ${path} is missing; copy it before the server starts`),
        ],
      };
    });
  });
}

async function withStore<T>(opened: OpenStore, use: (store: Store) => Promise<T>): Promise<T> {
  try {
    return await use(opened.store);
  } finally {
    await opened.close();
  }
}

async function clusterOf(store: Store): Promise<string> {
  const found = await store.get(keys.cluster(), { linearizable: true });
  if (found === undefined) throw new DomainError('not_initialised', 'store: holds no cluster that could be copied');
  return decodeRecord('cluster', found.key, found.value).id;
}

async function* all(store: Store): AsyncGenerator<KeyAndValue> {
  for await (const page of recordsOf(store)) yield* page;
}
