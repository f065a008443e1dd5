import type { AgentServiceGetStatusResponse } from '../../gen/networkcontroller/v1/agent.js';
import type { Output } from '../../platform/output.js';
import type { MembershipFacts } from '../state/membership.js';

/** Prints what a join has given, and the agent if it was started. */
export function printJoined(output: Output, facts: MembershipFacts, tookMs: number, status?: AgentServiceGetStatusResponse): void {
  const { nodeId, name, network, clusterId, bindIp, bindIp6 } = facts;
  const agent = status && { interface: status.interfaceName, device: status.device, pid: status.pid };
  output.result({ id: nodeId, name, network, clusterId, bindIp, bindIp6, tookMs, ...agent }, () => {
    const addresses = [bindIp, bindIp6].filter((address) => address !== '').join(', ');
    const joined = `${output.colors.green('●')} joined network ${network} as ${output.colors.bold(name)}, ${addresses}`;
    if (status === undefined) return `${joined} in ${tookMs} ms\nraise the tunnel with: nc-client up --detach`;
    return `${joined}\n  ${status.interfaceName} (${status.device}) is up after ${tookMs} ms, agent pid ${status.pid}`;
  });
}
