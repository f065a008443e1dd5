import { DomainError, type ErrorCode } from '../domain/errors.js';

const HINTS: Partial<Record<ErrorCode, string>> = {
  address_taken: 'See who has it: ncadm node list; leave --ip away to get the next free address.',
  admin_unknown: 'See the admins: ncadm admin list.',
  ca_not_ready: 'See what it waits for: ncadm ca status. With --compromised it waits for nobody.',
  conflict: 'Say which one by its id.',
  join_string_invalid: 'Copy the whole string that "ncadm token create" printed, from "ncj1_" to the last port.',
  name_taken: 'See the names in use: ncadm node list.',
  network_unknown: 'See the networks: ncadm status.',
  node_reserved: 'The reserved node is the controller itself; it stays as long as the controller does.',
  node_unknown: 'See the nodes: ncadm node list.',
  permission_denied: 'Run as the user who owns the admin socket, or bring an admin certificate: ncadm context add --help.',
  pool_exhausted: 'Unregister nodes that are gone (ncadm node list) or give the network a larger prefix.',
  read_only: 'Ask another server: ncadm replica list shows them; --context or --server names one.',
  record_unknown: 'See the records: ncadm dns record list. Those of server.yml and of the records file are changed there.',
  replica_unknown: 'See the servers that run: ncadm replica list.',
  revision_compacted: 'Begin later: ncadm events without --from shows what is kept.',
  route_overlap: 'See who has which prefix: ncadm route list.',
  route_unknown: 'See what nodes offer: ncadm route list. A node offers what its client.yml names under routes.',
  service_unknown: 'See the services: ncadm service list.',
  timeout: 'The controller is there but slow; look at its log, then try again.',
  token_unknown: 'See the tokens: ncadm token list --all.',
  unauthenticated: 'Bring an admin certificate (ncadm context add, or --cert and --key), or use the socket on the server\'s host.',
  unavailable: 'Is nc-server running? Name another socket with --socket or NC_ADMIN_SOCKET, or another controller with --context or --server.',
};

/** The next step for somebody who got `error`, or undefined where the error says it all. */
export function hintFor(error: unknown): string | undefined {
  return error instanceof DomainError ? HINTS[error.code] : undefined;
}
