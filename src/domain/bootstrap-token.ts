import { DomainError } from './errors.js';
import { Secret } from './secret.js';

/** The token part of a join string: `<id>.<secret>`. */
export interface BootstrapToken {
  /** 16 hex digits; public, appears in logs and lists. */
  readonly id: string;
  /** 22 characters of base64url: 128 random bits. */
  readonly secret: Secret;
}

/** The shape of a token's id. */
export const TOKEN_ID = /^[0-9a-f]{16}$/;
/** The one base64url form of 16 octets: the last character's four spare bits are zero. */
export const TOKEN_SECRET = /^[A-Za-z0-9_-]{21}[AQgw]$/;

/**
 * Reads the token that a node presents.
 *
 * @throws DomainError `token_invalid`, which repeats nothing of the text: it is the same sentence for every fault.
 */
export function parseBootstrapToken(text: string): BootstrapToken {
  const [id, secret, ...rest] = text.split('.', 3);
  if (id === undefined || secret === undefined || rest.length > 0 || !TOKEN_ID.test(id) || !TOKEN_SECRET.test(secret)) {
    throw new DomainError('token_invalid', 'bootstrap token: want "<id>.<secret>" as in a join string');
  }
  return { id, secret: new Secret(secret) };
}

/** The text that {@link parseBootstrapToken} reads; a secret. */
export function formatBootstrapToken(token: BootstrapToken): Secret {
  return new Secret(`${token.id}.${token.secret.reveal()}`);
}
