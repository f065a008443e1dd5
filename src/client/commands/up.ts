import { Option, type Command } from 'commander';
import type { AgentServiceGetStatusResponse } from '../../gen/networkcontroller/v1/agent.js';
import type { Output } from '../../platform/output.js';
import { openJoinedState } from '../agent-client.js';
import { heardGo } from '../../platform/detach.js';
import { prepareAgent } from '../agent-process.js';
import { runAgent } from '../run-agent.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';

/** `nc-client up`: the agent of a node that has joined. */
export function addUp(parent: Command, session: Session): void {
  parent
    .command('up')
    .description('run the agent; ends with "nc-client down", Ctrl-C (the interface goes) or SIGTERM (the interface stays for the next agent)')
    .option('--no-dns', 'leave the DNS of this machine alone')
    .option('-d, --detach', 'start it in the background and come back when the tunnel is up')
    .addOption(new Option('--on-go', 'wait for a line on standard input first').hideHelp())
    .addHelpText('after', examples('nc-client up', 'nc-client up --detach', 'nc-client --config /etc/nc/client.yml up'))
    .action(
      session.node<{ readonly dns: boolean; readonly detach?: true; readonly onGo?: true }, []>(async ({ io, config, output, options }) => {
        if (options.onGo === true && !(await heardGo(io.stdin))) return;
        const state = openJoinedState(config);
        if (options.detach === true) printUp(output, await prepareAgent(state, options).begin());
        else await runAgent(options.dns ? config : { ...config, hostDns: 'off' }, async (agent) => printUp(output, await agent.status()));
      }),
    );
}

function printUp(output: Output, { name, bindIp, bindIp6, interfaceName, device, pid, readyAfterMs }: AgentServiceGetStatusResponse): void {
  const value = { name, bindIp, bindIp6, interface: interfaceName, device, pid, readyAfterMs };
  output.item(value, () => `${output.colors.green('●')} ${name} ${bindIp}: ${interfaceName} (${device}) is up after ${readyAfterMs} ms, agent pid ${pid}`);
}
