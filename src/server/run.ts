import { Option, type Command } from 'commander';
import { systemClock } from '../platform/clock.js';
import { EXIT, type ExitCode } from '../platform/exit-codes.js';
import { openJsonLines } from '../platform/json-lines.js';
import { untilSignal } from '../platform/lifecycle.js';
import { commandTree, runCommand, withPrintingOptions, type CommandIo } from '../platform/run-command.js';
import { VERSION } from '../platform/version.js';
import { openLog, type ProgramLog } from '../platform/winston-log.js';
import { startServer } from './app.js';
import { addDoctor } from './offline/doctor-command.js';
import { addMigrate } from './offline/migrate-command.js';
import { OfflineSession } from './offline/offline-session.js';
import { addRestore } from './offline/restore-command.js';
import { readServerConfig } from '../platform/config/server-config.js';
import { readJoinSource } from '../platform/join-source.js';
import { enrolRelay } from './relay/enrol.js';
import { startRelay } from './relay/start-relay.js';
import { initServer } from './server-state.js';

const ROLES = ['server', 'relay'] as const;

interface RootOptions {
  readonly config: string;
  readonly role?: (typeof ROLES)[number];
  readonly unsafeNoSnapshot?: boolean;
}

const EXAMPLES = `
Examples:
  nc-server --config server.yml           serve until SIGTERM; the first start makes cluster and CAs
  nc-server --config server.yml init      make them without serving
  nc-server --config server.yml config check
  nc-server --config relay.yml enrol < join-string
  nc-server --config relay.yml --role relay     only relay, for a controller elsewhere (mode: relay in the file says the same)
`;

/**
 * Runs `nc-server`.
 *
 * @param argv Without the program's own name.
 * @returns 0 done, 1 refused, 2 usage.
 */
export function run(argv: readonly string[], io: CommandIo): Promise<ExitCode> {
  return runCommand(program(io), argv, io);
}

function program(io: CommandIo): Command {
  const root = withPrintingOptions(commandTree('nc-server', io))
    .description('The controller: registration, network map, rendezvous, relay and names of one cluster.')
    .version(VERSION, '--version', 'print the version')
    .option('-c, --config <file>', 'the configuration, see server.yml', 'server.yml')
    .addOption(new Option('--role <role>', 'what to be, in the place of "mode" of the configuration').choices(ROLES))
    .addHelpText('after', EXAMPLES)
    .option('--unsafe-no-snapshot', 'change the tables of an older version without a snapshot of what they hold')
    .action(() => serve(root.opts<RootOptions>()));
  root
    .command('enrol')
    .description('make this machine a relay, with the join string of "ncadm relay create" from standard input or --file')
    .option('--file <path>', 'read the join string from this file, and remove the file once it has been used')
    .action((options: { readonly file?: string }) => enrol(root.opts<RootOptions>().config, options.file, io));
  root
    .command('init')
    .description('make the cluster: id, two CAs, WireGuard key, store')
    .action(() => init(root.opts<{ config: string }>().config, io));
  root
    .command('config')
    .description('about the configuration')
    .command('check')
    .description('read it and say what is wrong with it')
    .action(() => {
      const { config } = root.opts<{ config: string }>();
      readServerConfig(config);
      io.stdout.write(`${config}: ok\n`);
    });
  root
    .command('version')
    .description('print the version')
    .action(() => void io.stdout.write(`nc-server ${VERSION}\n`));
  const session = new OfflineSession(io);
  addRestore(root.command('snapshot').description('copies of all records; no server may run'), session);
  const store = root.command('store').description('the records, and what they are kept in');
  for (const add of [addMigrate, addDoctor]) add(store, session);
  return root;
}

/** Makes this machine a relay; it does not relay yet. */
async function enrol(path: string, file: string | undefined, { stdin, stdout, stderr }: CommandIo): Promise<void> {
  const { workDir } = readServerConfig(path);
  if (file === undefined && stdin.isTTY === true) stderr.write('paste the join string and press Enter\n');
  const source = await readJoinSource(file, stdin);
  const name = await enrolRelay(workDir, source.text, { clock: systemClock });
  source.discard();
  stdout.write(`relay ${name} enrolled; start it with: nc-server --config ${path} --role relay\n`);
}

/** Makes what a first start would make. */
async function init(path: string, { stdout }: CommandIo): Promise<void> {
  const config = readServerConfig(path);
  const log = openLog({ program: 'nc-server', console: process.stderr });
  try {
    const { clusterId } = await initServer(config, { clock: systemClock, log });
    stdout.write(`cluster ${clusterId} made; start it with: nc-server --config ${path}\n`);
  } finally {
    await log.close();
  }
}

/** Serves until a signal or until there is no sense in going on. */
async function serve({ config: path, role, unsafeNoSnapshot }: RootOptions): Promise<void> {
  const config = readServerConfig(path);
  const isRelay = (role ?? config.mode) === 'relay';
  const log = openLog({ program: 'nc-server', dir: config.logDir, debug: config.debug });
  const audit = isRelay || config.logDir === undefined ? undefined : openJsonLines({ name: 'nc-server-audit', dir: config.logDir, onFailure: (error) => log.error('audit file not written', { error }) });
  process.once('uncaughtException', (error) => void endOver(error, log));
  // One that comes while the server is still starting counts.
  const signal = untilSignal();
  try {
    log.info('configuration read, starting', { version: VERSION, workDir: config.workDir, ...(isRelay ? { role: 'relay' } : { networks: config.networks.map(({ name }) => name) }) });
    const running = await (isRelay ? startRelay(config, { log }) : startServer(config, { log, audit, unsafeNoSnapshot: unsafeNoSnapshot === true }));
    const end = await Promise.race([signal, running.failed]);
    log.info('stopping', { reason: typeof end === 'string' ? end : end.message });
    await running.stop();
    log.info('stopped');
    if (typeof end !== 'string') throw end;
  } finally {
    await audit?.close();
    await log.close();
  }
}

/** A fault of ours: what memory holds is not to be trusted any more, so a supervisor starts the process afresh from the store. */
async function endOver(error: unknown, log: ProgramLog): Promise<void> {
  log.error('fault of the program, ending', { error });
  await log.close();
  process.exit(EXIT.refused);
}
