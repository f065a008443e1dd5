import { existsSync } from 'node:fs';
import { open, rm, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { DomainError } from '../../domain/errors.js';
import type { ServerConfig } from '../../platform/config/server-config.js';
import type { EtcdSettings } from '../../platform/config/store-settings.js';
import { makePrivateDir } from '../../platform/pem-files.js';
import { examples } from '../../platform/run-command.js';
import { lookAtEtcd } from '../open-configured-store.js';
import { openSnapshots } from '../snapshots/open-snapshots.js';
import { journalFile, storeFile } from '../state-files.js';
import { sqliteHealth, type SqliteHealth } from '../store/sqlite-health.js';
import { etcdFindings } from './etcd-findings.js';
import type { OfflineInvocation, OfflineSession } from './offline-session.js';
import { diskFindings, fileFindings, journalFinding, snapshotFinding, type DiskFacts, type StoreFinding } from './store-findings.js';

const SYNCS = 15;

/** `nc-server store doctor`: looks at the store, a server running on it or not, and says what to do. */
export function addDoctor(parent: Command, session: OfflineSession): void {
  parent
    .command('doctor')
    .description('look at the store of this configuration and say what to do; a server may run')
    .addHelpText('after', examples('nc-server --config server.yml store doctor'))
    .action(
      session.action<object, []>(async (invocation) => {
        const findings = await examine(invocation);
        return { result: { findings }, says: findings.flatMap(({ check, result, says, mend }) => [`${result.padEnd(4)}  ${check.padEnd(9)}  ${says}`, ...(mend === '' ? [] : [`                 ${mend}`])]) };
      }),
    );
}

async function examine({ config, clock }: OfflineInvocation<object>): Promise<StoreFinding[]> {
  const { folder, fileBytes, findings } = config.store.engine === 'etcd' ? await examineEtcd(config, config.store) : examineFile(storeFile(config));
  if (folder === undefined) return findings;
  const disk = await diskFacts(folder);
  const snapshots = await openSnapshots(config.snapshots, config.workDir);
  const [newest] = await snapshots.list();
  return [...findings, ...diskFindings(disk, fileBytes), snapshotFinding(newest, config.snapshots.everyMs, clock.now()), journalFinding(existsSync(journalFile(config)))];
}

/** What was found of the store itself, and where the disk is that it or its copy needs. */
interface Examined {
  readonly findings: StoreFinding[];
  readonly folder: string | undefined;
  readonly fileBytes: number;
}

function examineFile(file: string): Examined {
  if (!existsSync(file)) return { findings: [{ check: 'store', result: 'fail', says: `there is none at ${file}`, mend: 'start nc-server once, or restore a snapshot' }], folder: undefined, fileBytes: 0 };
  const health = healthOf(file);
  return 'check' in health ? { findings: [health], folder: dirname(file), fileBytes: 0 } : { findings: [...fileFindings(health)], folder: dirname(file), fileBytes: health.fileBytes };
}

async function examineEtcd(config: ServerConfig, settings: EtcdSettings): Promise<Examined> {
  const findings = [...etcdFindings(await lookAtEtcd(settings))];
  await makePrivateDir(config.workDir);
  return { findings, folder: config.workDir, fileBytes: 0 };
}

function healthOf(file: string): SqliteHealth | StoreFinding {
  try {
    const health = sqliteHealth(file);
    if (health !== undefined) return health;
    throw new DomainError('store_failed', 'it is gone');
  } catch (error) {
    return { check: 'store', result: 'fail', says: `cannot be read: ${(error as Error).message}`, mend: 'stop nc-server, move the db folder away, and restore the newest snapshot: ncadm snapshot restore' };
  }
}

async function diskFacts(folder: string): Promise<DiskFacts> {
  const { bavail, bsize } = await statfs(folder);
  const path = join(folder, 'doctor.tmp');
  const file = await open(path, 'w', 0o600);
  const times: number[] = [];
  try {
    for (let i = 0; i < SYNCS; i++) {
      const since = performance.now();
      await file.write(Buffer.alloc(4096), 0, 4096, 0);
      await file.datasync();
      times.push(performance.now() - since);
    }
  } finally {
    await file.close();
    await rm(path, { force: true });
  }
  times.sort((a, b) => a - b);
  return { freeBytes: bavail * bsize, syncMs: { middle: times[SYNCS >> 1] ?? 0, longest: times.at(-1) ?? 0 } };
}
