import { DomainError } from '../../domain/errors.js';
import type { AdminServiceService } from '../../gen/networkcontroller/v1/admin.js';
import type { BootstrapServiceService } from '../../gen/networkcontroller/v1/bootstrap.js';
import type { NodeServiceService } from '../../gen/networkcontroller/v1/node.js';
import type { RelayServiceService } from '../../gen/networkcontroller/v1/relay.js';
import { actorOf, type Caller, type CallerKind } from '../auth/caller.js';

type PathsOf<Definition> = { [Method in keyof Definition]: Definition[Method] extends { path: infer Path extends string } ? Path : never }[keyof Definition];

/** Every method that a listener of ours offers, as HTTP/2 paths. */
export type MethodPath = PathsOf<typeof AdminServiceService> | PathsOf<typeof BootstrapServiceService> | PathsOf<typeof NodeServiceService> | PathsOf<typeof RelayServiceService>;

const ANYONE: readonly CallerKind[] = ['anonymous'];
const RELAY: readonly CallerKind[] = ['relay'];
const NODE: readonly CallerKind[] = ['node'];
/** A node learns of itself only; its handler compares the node it names with the caller. */
const NODE_OR_READER: readonly CallerKind[] = ['node', 'viewer', 'admin', 'local'];
const NODE_OR_ADMIN: readonly CallerKind[] = ['node', 'admin', 'local'];
const READER: readonly CallerKind[] = ['viewer', 'admin', 'local'];
const ADMIN: readonly CallerKind[] = ['admin', 'local'];
/** What every identity hangs on: not from elsewhere, whatever certificate is shown. */
const LOCAL: readonly CallerKind[] = ['local'];

/** Who may call what. A method without a line does not compile, and would be refused if it did. */
export const POLICY = {
  '/networkcontroller.v1.BootstrapService/HealthCheck': ANYONE,
  '/networkcontroller.v1.BootstrapService/BeginRegister': ANYONE,
  '/networkcontroller.v1.BootstrapService/Register': ANYONE,
  '/networkcontroller.v1.BootstrapService/Recover': ANYONE,
  '/networkcontroller.v1.BootstrapService/EnrolRelay': ANYONE,
  '/networkcontroller.v1.BootstrapService/GetTrustBundle': ANYONE,

  '/networkcontroller.v1.NodeService/HealthCheck': NODE_OR_READER,
  '/networkcontroller.v1.NodeService/Watch': NODE,
  '/networkcontroller.v1.NodeService/Report': NODE,
  '/networkcontroller.v1.NodeService/Signal': NODE,
  '/networkcontroller.v1.NodeService/Renew': NODE,
  '/networkcontroller.v1.NodeService/CheckConnState': NODE_OR_READER,
  '/networkcontroller.v1.NodeService/GetRegistedIp': NODE_OR_READER,
  '/networkcontroller.v1.NodeService/UnRegister': NODE_OR_ADMIN,
  '/networkcontroller.v1.NodeService/RegisterService': NODE,
  '/networkcontroller.v1.NodeService/RenewServices': NODE,
  '/networkcontroller.v1.NodeService/KeepServices': NODE,
  '/networkcontroller.v1.NodeService/DeregisterService': NODE,
  '/networkcontroller.v1.NodeService/ListServices': NODE,
  '/networkcontroller.v1.NodeService/WatchServices': NODE,

  '/networkcontroller.v1.RelayService/Watch': RELAY,
  '/networkcontroller.v1.RelayService/Renew': RELAY,

  '/networkcontroller.v1.AdminService/GetStatus': READER,
  '/networkcontroller.v1.AdminService/CreateToken': ADMIN,
  '/networkcontroller.v1.AdminService/ListTokens': READER,
  '/networkcontroller.v1.AdminService/GetToken': READER,
  '/networkcontroller.v1.AdminService/RevokeToken': ADMIN,
  '/networkcontroller.v1.AdminService/RotateToken': ADMIN,
  '/networkcontroller.v1.AdminService/ListNodes': READER,
  '/networkcontroller.v1.AdminService/GetNode': READER,
  '/networkcontroller.v1.AdminService/RenameNode': ADMIN,
  '/networkcontroller.v1.AdminService/UnregisterNode': ADMIN,
  '/networkcontroller.v1.AdminService/RevokeNode': ADMIN,
  '/networkcontroller.v1.AdminService/ListRoutes': READER,
  '/networkcontroller.v1.AdminService/ApproveRoute': ADMIN,
  '/networkcontroller.v1.AdminService/RevokeRoute': ADMIN,
  '/networkcontroller.v1.AdminService/Explain': READER,
  '/networkcontroller.v1.AdminService/AddService': ADMIN,
  '/networkcontroller.v1.AdminService/ListServices': READER,
  '/networkcontroller.v1.AdminService/RemoveService': ADMIN,
  '/networkcontroller.v1.AdminService/WatchServices': READER,
  '/networkcontroller.v1.AdminService/WatchEvents': READER,
  '/networkcontroller.v1.AdminService/ListAudit': READER,
  '/networkcontroller.v1.AdminService/CreateAdmin': ADMIN,
  '/networkcontroller.v1.AdminService/ListAdmins': READER,
  '/networkcontroller.v1.AdminService/RevokeAdmin': ADMIN,
  '/networkcontroller.v1.AdminService/CreateApiToken': ADMIN,
  '/networkcontroller.v1.AdminService/ListApiTokens': READER,
  '/networkcontroller.v1.AdminService/RevokeApiToken': ADMIN,
  '/networkcontroller.v1.AdminService/CreateRelay': ADMIN,
  '/networkcontroller.v1.AdminService/ListRelays': READER,
  '/networkcontroller.v1.AdminService/RevokeRelay': ADMIN,
  '/networkcontroller.v1.AdminService/GetCaStatus': READER,
  '/networkcontroller.v1.AdminService/PrepareCa': LOCAL,
  '/networkcontroller.v1.AdminService/ActivateCa': LOCAL,
  '/networkcontroller.v1.AdminService/RetireCa': LOCAL,
  '/networkcontroller.v1.AdminService/AddRecord': ADMIN,
  '/networkcontroller.v1.AdminService/RemoveRecord': ADMIN,
  '/networkcontroller.v1.AdminService/ListRecords': READER,
  '/networkcontroller.v1.AdminService/GetDns': READER,
  '/networkcontroller.v1.AdminService/QueryDns': READER,
  '/networkcontroller.v1.AdminService/RollDnsKey': ADMIN,
  '/networkcontroller.v1.AdminService/RetireDnsKey': ADMIN,
  '/networkcontroller.v1.AdminService/LogDnsQueries': ADMIN,
  '/networkcontroller.v1.AdminService/SaveSnapshot': ADMIN,
  '/networkcontroller.v1.AdminService/ListSnapshots': READER,
  '/networkcontroller.v1.AdminService/VerifySnapshot': ADMIN,
  '/networkcontroller.v1.AdminService/DrainReplica': ADMIN,
} as const satisfies Record<MethodPath, readonly CallerKind[]>;

/**
 * Lets `caller` through to the method at `path`, or not.
 *
 * @throws DomainError `unauthenticated` for a stranger, `permission_denied` for somebody known.
 * @throws Error for a method that has no policy: a fault of ours, and nobody gets through.
 */
export function authorise(path: string, caller: Caller): void {
  const allowed = (POLICY as Readonly<Record<string, readonly CallerKind[] | undefined>>)[path];
  if (allowed === undefined) throw new Error(`${path} has no policy`);
  if (allowed.includes(kindOf(caller))) return;
  const method = path.slice(path.lastIndexOf('/') + 1);
  if (caller.kind === 'anonymous') throw new DomainError('unauthenticated', `${method}: want a client certificate, got none`);
  throw new DomainError('permission_denied', `${method}: want ${allowed.join(' or ')}, got ${actorOf(caller)}`);
}

function kindOf(caller: Caller): CallerKind {
  return caller.kind === 'admin' ? caller.role : caller.kind;
}
