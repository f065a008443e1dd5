import { InvalidArgumentError, type Command } from 'commander';
import { DomainError } from '../../domain/errors.js';
import { parseJoinString } from '../../domain/join-string.js';
import type { AgentServiceGetStatusResponse } from '../../gen/networkcontroller/v1/agent.js';
import { prepareAgent } from '../agent-process.js';
import { withAgent } from '../agent-client.js';
import { joinNode } from '../join.js';
import { readJoinSource } from '../../platform/join-source.js';
import { runAgent } from '../run-agent.js';
import { examples } from '../../platform/run-command.js';
import type { NodeInvocation, Session } from '../session.js';
import { silentLog } from '../../platform/log.js';
import { StateFolder } from '../state/state-folder.js';
import { printJoined } from '../views/joined-view.js';

interface JoinCommandOptions {
  readonly file?: string;
  readonly keep?: true;
  readonly name?: string;
  readonly replace?: true;
  readonly foreground?: true;
  readonly up: boolean;
  readonly dns: boolean;
}

/** `nc-client join`: from a join string to an address, certificates and a tunnel. */
export function addJoin(parent: Command, session: Session): void {
  parent
    .command('join')
    .description('join a network with a join string from standard input, from --file or from the file that NC_JOIN_FILE names')
    .argument('[words...]', 'none: a join string here could be read by every user of this machine')
    .option('--file <path>', 'read the join string from this file, and remove the file once it has been used')
    .option('--keep', 'do not remove the file')
    .option('--name <label>', 'the name to ask for; without one the controller makes one from the host\'s')
    .option('--replace', 'give an earlier membership of this machine up')
    .option('--foreground', 'stay, as the agent')
    .option('--no-dns', 'leave the DNS of this machine alone')
    .option('--no-up', 'only register; the tunnel is raised by "nc-client up"')
    .addHelpText('after', examples('nc-client join < join-string', 'ssh admin@controller ncadm token create | nc-client join', 'NC_JOIN_FILE=/run/secrets/join nc-client join --name web-1'))
    .action(session.node<JoinCommandOptions, [string[]]>(join));
}

async function join(invocation: NodeInvocation<JoinCommandOptions>, words: readonly string[]): Promise<void> {
  const { io, output, options, clock } = invocation;
  refuseWords(words);
  const startedAtMs = clock.now();
  const config = options.name === undefined ? invocation.config : { ...invocation.config, name: options.name };
  const path = options.file ?? io.env['NC_JOIN_FILE'];
  if (path === undefined && io.stdin.isTTY === true) output.note('paste the join string and press Enter');
  const source = await readJoinSource(path, io.stdin);
  parseJoinString(source.text);
  const state = StateFolder.open(config.stateDir, silentLog);
  await refuseRunningAgent(state);
  const agent = options.up && options.foreground !== true ? prepareAgent(state, options) : undefined;
  try {
    const facts = await joinNode(config, source.text, { replace: options.replace === true, clock, onRetry: (sentence) => output.note(sentence) });
    if (options.keep !== true) source.discard();
    const tell = (status?: AgentServiceGetStatusResponse): void => printJoined(output, facts, clock.now() - startedAtMs, status);
    if (options.up && options.foreground === true) await runAgent(options.dns ? config : { ...config, hostDns: 'off' }, async (running) => tell(await running.status()));
    else tell(await agent?.begin());
  } finally {
    agent?.abandon();
  }
}

function refuseWords(words: readonly string[]): void {
  if (words.length === 0) return;
  throw new InvalidArgumentError('a join string does not belong on the command line, where every user of this machine can read it (proc(5), cmdline); give it on standard input, with --file or with NC_JOIN_FILE');
}

/** An agent of an earlier membership would go on with keys that are no longer on disk. */
async function refuseRunningAgent(state: StateFolder): Promise<void> {
  const running = await withAgent(state.socketPath, (agent) => agent.status()).catch((error: unknown) => {
    if (error instanceof DomainError && error.code === 'unavailable') return undefined;
    throw error;
  });
  if (running === undefined) return;
  throw new DomainError('already_initialised', `the agent of node ${running.name} (${running.bindIp}) is running here; end it first with "nc-client down" or "nc-client leave"`);
}
