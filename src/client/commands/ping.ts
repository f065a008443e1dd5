import { InvalidArgumentError, type Command } from 'commander';
import { DomainError } from '../../domain/errors.js';
import type { AgentServiceGetStatusResponse, PeerStatus } from '../../gen/networkcontroller/v1/agent.js';
import { openJoinedState, withAgent } from '../agent-client.js';
import { pathWord } from '../path-kind.js';
import { pingOnce } from '../ping-once.js';
import { examples } from '../../platform/run-command.js';
import type { NodeInvocation, Session } from '../session.js';

const PAUSE_MS = 500;

/** `nc-client ping`: whether a node answers through the tunnel, and over which path. */
export function addPing(parent: Command, session: Session): void {
  parent
    .command('ping')
    .description('ask a node for an answer through the tunnel and show the path it takes')
    .argument('<node>', 'a node\'s name or overlay address')
    .option('-n, --count <number>', 'how many times', wholeNumber, 3)
    .addHelpText('after', examples('nc-client ping web-1', 'nc-client ping 10.66.0.5 --count 10'))
    .action(session.node<{ readonly count: number }, [string]>(ping));
}

async function ping({ config, output, options }: NodeInvocation<{ readonly count: number }>, target: string): Promise<void> {
  const { socketPath } = openJoinedState(config);
  const ask = (): Promise<AgentServiceGetStatusResponse> => withAgent(socketPath, (agent) => agent.status());
  const { nodeId, name, bindIp } = findPeer(await ask(), target);
  let answered = 0;
  for (let sent = 0; sent < options.count; sent++) {
    if (sent > 0) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    const ms = await pingOnce(bindIp);
    const peer = (await ask()).peers.find((each) => each.nodeId === nodeId);
    if (ms !== undefined) answered++;
    const path = peer === undefined ? 'none' : pathWord(peer.path);
    const value = { name, bindIp, ms: ms ?? null, path, endpoint: peer?.endpoint ?? '' };
    output.item(value, () => (ms === undefined ? `no answer from ${name} (${bindIp})` : `answer from ${name} (${bindIp}) via ${path} ${value.endpoint} in ${ms} ms`));
  }
  if (answered === 0) throw new DomainError('timeout', `${name} (${bindIp}) did not answer`);
}

/** By name, full name or address; the answer is one peer or a refusal that helps. */
function findPeer({ peers, zone, network }: AgentServiceGetStatusResponse, target: string): PeerStatus {
  const name = target.replace(/\.$/, '').replace(`.${network}.${zone}`, '');
  const peer = peers.find((each) => each.name === name || each.bindIp === target || each.bindIp6 === target);
  if (peer === undefined) throw new DomainError('node_unknown', `${target}: want a node's name or address, one of ${peers.map((each) => each.name).join(', ') || 'none: there are no other nodes yet'}`);
  if (peer.refused !== '') throw new DomainError('certificate_invalid', `${peer.name} is refused: ${peer.refused}`);
  return peer;
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new InvalidArgumentError(`Want a whole number from 1 to 99999, got "${text}".`);
  return Number(text);
}
