/** Who is calling, as far as the transport has established it. */
export type Caller =
  | { readonly kind: 'anonymous'; readonly address: string }
  | { readonly kind: 'node'; readonly nodeId: string; readonly network: string; readonly serial: string; readonly address: string }
  | { readonly kind: 'admin'; readonly name: string; readonly role: 'admin' | 'viewer'; readonly serial: string; readonly address: string }
  | { readonly kind: 'relay'; readonly name: string; readonly serial: string; readonly address: string }
  /** With an API token, over HTTPS; for one node or (empty) for all. */
  | { readonly kind: 'apiToken'; readonly id: string; readonly scopes: readonly string[]; readonly nodeId: string; readonly network: string; readonly address: string }
  /** Through the unix socket, whose file mode is the authentication. */
  | { readonly kind: 'local'; readonly address: string };

/** The kinds a policy line may name. `viewer` is an admin certificate with that role. */
export type CallerKind = 'anonymous' | 'node' | 'relay' | 'admin' | 'viewer' | 'apiToken' | 'local';

/** How a caller appears in the audit log: `node:<id>`, `admin:<name>`, `relay:<name>`, `api-token:<id>`, `local`, `anonymous`. */
export function actorOf(caller: Caller): string {
  switch (caller.kind) {
    case 'node':
      return `node:${caller.nodeId}`;
    case 'admin':
      return `admin:${caller.name}`;
    case 'relay':
      return `relay:${caller.name}`;
    case 'apiToken':
      return `api-token:${caller.id}`;
    case 'local':
    case 'anonymous':
      return caller.kind;
  }
}

/** The node for which alone a caller may speak; undefined for one who speaks for all. */
export function ownNodeOf(caller: Caller): string | undefined {
  if (caller.kind === 'node') return caller.nodeId;
  return caller.kind === 'apiToken' && caller.nodeId !== '' ? caller.nodeId : undefined;
}
