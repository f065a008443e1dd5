import { DomainError, type ErrorCode } from '../domain/errors.js';

const HINTS: Partial<Record<ErrorCode, string>> = {
  address_taken: 'Ask an admin for a join string without a fixed address, or to free the address: ncadm node list.',
  already_initialised: 'See which node this is: nc-client status.',
  certificate_invalid: 'Check the clocks of both machines (date -u); if they agree, ask an admin.',
  conflict: 'If it is the agent, it is at work already: nc-client status.',
  device_failed: 'Root is needed for a WireGuard interface; "device: recorded" in client.yml does without one.',
  join_string_invalid: 'Copy the whole line that "ncadm token create" printed, from "ncj1_" to the last port.',
  name_taken: 'Choose another name with --name, or let the controller choose by leaving it away.',
  node_revoked: 'Ask an admin for a new join string, then: nc-client join --replace.',
  node_unknown: 'Ask an admin for a new join string, then: nc-client join --replace.',
  not_initialised: 'Ask an admin for a join string: ncadm token create --expire 10m.',
  pin_mismatch: 'Somebody else answers at that address, or the join string is of another cluster. Ask an admin for a new one.',
  pool_exhausted: 'Ask an admin to unregister nodes that are gone: ncadm node list.',
  timeout: 'The controller is slow or a firewall drops packets; try again.',
  proof_invalid: 'These keys are an old copy, and the node has others by now. Ask an admin for a new join string, then: nc-client join --replace.',
  token_expired: 'Ask an admin for a new join string: ncadm token create --expire 10m.',
  token_invalid: 'Ask an admin for a new join string; this controller does not know this one.',
  token_revoked: 'Ask an admin for a new join string.',
  token_spent: 'It has made a node already. Ask an admin for a new join string: ncadm token create --expire 10m.',
  wireguard_key_taken: 'Remove the half-done join and try again: nc-client leave --force.',
};

/** The next step for somebody who got `error`, or undefined where the error says it all. */
export function hintFor(error: unknown): string | undefined {
  return error instanceof DomainError ? HINTS[error.code] : undefined;
}
