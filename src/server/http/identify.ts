import type { Duplex } from 'node:stream';
import type { Context } from 'hono';
import { DomainError } from '../../domain/errors.js';
import type { Clock } from '../../platform/clock.js';
import { callerOfApiToken } from '../auth/api-token.js';
import type { Authenticate } from '../auth/authenticate.js';
import { actorOf, type Caller } from '../auth/caller.js';
import type { GuessLimit } from '../auth/guess-limit.js';
import type { LocalView } from '../store/local-view.js';
import type { HttpEnv } from './http-app.js';
import { shownCertificate, type PurposeOf } from './peer.js';

/** Tells who sent a request, by what the request itself shows; asked anew with each. */
export type Identify = (c: Context<HttpEnv>) => Promise<Caller>;

/**
 * Knows callers by their certificate for calls, a node's or an admin's, as the control listener does. Whoever shows none is
 * anonymous.
 *
 * @returns A function that throws DomainError `certificate_invalid` and the refusals of {@link Authenticate}.
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

/**
 * Knows callers by an API token where they show one, else as `others` does.
 *
 * @returns A function that throws DomainError `token_invalid`, `token_expired`, `token_revoked`, `rate_limited`, and the refusals of `others`.
 */
export function byToken(deps: { readonly view: LocalView; readonly clock: Clock; readonly guesses: GuessLimit }, others: Identify): Identify {
  return async (c) => {
    const header = c.req.header('authorization');
    if (header === undefined) return others(c);
    const address = c.get('address');
    const text = /^Bearer +(\S+)$/i.exec(header)?.[1] ?? '';
    const caller = await deps.guesses.watch(address, async () => callerOfApiToken(deps.view, text, deps.clock.now(), address));
    c.set('actor', actorOf(caller));
    return caller;
  };
}

/** For what anyone may ask. */
export const anonymous: Identify = (c) => Promise.resolve({ kind: 'anonymous', address: c.get('address') });
