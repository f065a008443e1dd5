/** Who is calling, as far as the transport has established it. */
export type Caller =
  | { readonly kind: 'anonymous'; readonly address: string }
  | { readonly kind: 'node'; readonly nodeId: string; readonly network: string; readonly serial: string; readonly address: string }
  | { readonly kind: 'admin'; readonly name: string; readonly role: 'admin' | 'viewer'; readonly serial: string; readonly address: string }
  /** Through the unix socket, whose file mode is the authentication. */
  | { readonly kind: 'local'; readonly address: string };

/** The kinds a policy line may name. `viewer` is an admin certificate with that role. */
export type CallerKind = 'anonymous' | 'node' | 'admin' | 'viewer' | 'local';

/** How a caller appears in the audit log: `node:<id>`, `admin:<name>`, `local`, `anonymous`. */
export function actorOf(caller: Caller): string {
  switch (caller.kind) {
    case 'node':
      return `node:${caller.nodeId}`;
    case 'admin':
      return `admin:${caller.name}`;
    case 'local':
    case 'anonymous':
      return caller.kind;
  }
}
