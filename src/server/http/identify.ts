import type { Duplex } from 'node:stream';
import type { Context } from 'hono';
import { DomainError } from '../../domain/errors.js';
import type { Authenticate } from '../auth/authenticate.js';
import { actorOf, type Caller } from '../auth/caller.js';
import type { HttpEnv } from './http-app.js';
import { shownCertificate, type PurposeOf } from './peer.js';

/** Tells who sent a request. @throws DomainError `certificate_invalid` and the refusals of {@link Authenticate}. */
export type Identify = (c: Context<HttpEnv>) => Promise<Caller>;

/**
 * Knows callers by their certificate for calls, a node's or an admin's, as the control listener does: the store's row counts, and is asked
 * with every request. Whoever shows none is anonymous.
 */
export function byCertificate({ purposeOf, authenticate }: { readonly purposeOf: PurposeOf; readonly authenticate: Authenticate }): Identify {
  return async (c) => {
    const address = c.get('address');
    const shown = shownCertificate(c.env.incoming.socket as Duplex, purposeOf);
    if (shown === undefined) return { kind: 'anonymous', address };
    if (shown.ca !== 'grpc') throw new DomainError('certificate_invalid', 'certificate: want the one for calls (gRPC CA), got a network certificate');
    const caller = await authenticate({ address, certificate: shown.certificate });
    c.set('actor', actorOf(caller));
    return caller;
  };
}
