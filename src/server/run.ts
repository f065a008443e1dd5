import type { Command } from 'commander';
import { systemClock } from '../platform/clock.js';
import { EXIT, type ExitCode } from '../platform/exit-codes.js';
import { openJsonLines } from '../platform/json-lines.js';
import { untilSignal } from '../platform/lifecycle.js';
import type { Terminal } from '../platform/output.js';
import { commandTree, runCommand } from '../platform/run-command.js';
import { VERSION } from '../platform/version.js';
import { openLog, type ProgramLog } from '../platform/winston-log.js';
import { startServer } from './app.js';
import { readServerConfig } from '../platform/config/server-config.js';
import { initServer } from './server-state.js';

const EXAMPLES = `
Examples:
  nc-server --config server.yml           serve until SIGTERM; the first start makes cluster and CAs
  nc-server --config server.yml init      make them without serving
  nc-server --config server.yml config check
`;

/**
 * Runs `nc-server`.
 *
 * @param argv Without the program's own name.
 * @returns 0 done, 1 refused, 2 usage.
 */
export function run(argv: readonly string[], terminal: Terminal): Promise<ExitCode> {
  return runCommand(program(terminal), argv, terminal);
}

function program(terminal: Terminal): Command {
  const root = commandTree('nc-server', terminal)
    .description('The controller: registration, network map, rendezvous, relay and names of one cluster.')
    .version(VERSION, '--version', 'print the version')
    .option('-c, --config <file>', 'the configuration, see server.yml', 'server.yml')
    .addHelpText('after', EXAMPLES)
    .action(() => serve(root.opts<{ config: string }>().config));
  root
    .command('init')
    .description('make the cluster: id, two CAs, WireGuard key, store')
    .action(() => init(root.opts<{ config: string }>().config, terminal));
  root
    .command('config')
    .description('about the configuration')
    .command('check')
    .description('read it and say what is wrong with it')
    .action(() => {
      const { config } = root.opts<{ config: string }>();
      readServerConfig(config);
      terminal.stdout.write(`${config}: ok\n`);
    });
  root
    .command('version')
    .description('print the version')
    .action(() => void terminal.stdout.write(`nc-server ${VERSION}\n`));
  return root;
}

/** Makes what a first start would make. */
async function init(path: string, terminal: Terminal): Promise<void> {
  const config = readServerConfig(path);
  const log = openLog({ program: 'nc-server', console: process.stderr });
  try {
    const { clusterId } = await initServer(config, { clock: systemClock, log });
    terminal.stdout.write(`cluster ${clusterId} made; start it with: nc-server --config ${path}\n`);
  } finally {
    await log.close();
  }
}

/** Serves until a signal or until the store gives up. */
async function serve(path: string): Promise<void> {
  const config = readServerConfig(path);
  const log = openLog({ program: 'nc-server', dir: config.logDir, debug: config.debug });
  const audit = config.logDir === undefined ? undefined : openJsonLines({ name: 'nc-server-audit', dir: config.logDir, onFailure: (error) => log.error('audit file not written', { error }) });
  process.once('uncaughtException', (error) => void endOver(error, log));
  // One that comes while the server is still starting counts.
  const signal = untilSignal();
  try {
    log.info('configuration read, starting', { version: VERSION, workDir: config.workDir, networks: config.networks.map(({ name }) => name) });
    const server = await startServer(config, { log, audit });
    const end = await Promise.race([signal, server.failed]);
    log.info('stopping', { reason: typeof end === 'string' ? end : end.message });
    await server.stop();
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
