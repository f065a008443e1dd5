import { DomainError } from './errors.js';
import { Secret } from './secret.js';

/** What binds a node to its address and, together with its registered key, lets it come back: `ncn1_<node id>.<secret>`. */
export interface NodeToken {
  /** Lower-case letters, digits and hyphens, at most 63. */
  readonly nodeId: string;
  /** 43 characters of base64url: 256 random bits. */
  readonly secret: Secret;
}

/** LiteKube's node token of the controller's own row, in its spelling. It proves nothing. */
export const RESERVED_TOKEN = 'reserverd';

const PREFIX = 'ncn1_';
const SHAPE = /^([a-z0-9][a-z0-9-]{0,62})\.([A-Za-z0-9_-]{42}[AEIMQUYcgkosw048])$/;

/** Tells a node token from a node's id or name, where either may be given. */
export function isNodeToken(text: string): boolean {
  return text.startsWith(PREFIX);
}

/**
 * Reads a node token.
 *
 * @throws DomainError `token_invalid`, which repeats nothing of the text.
 */
export function parseNodeToken(text: string): NodeToken {
  const [, nodeId, secret] = (isNodeToken(text) && SHAPE.exec(text.slice(PREFIX.length))) || [];
  if (nodeId === undefined || secret === undefined) {
    throw new DomainError('token_invalid', `node token: want "${PREFIX}<node id>.<43 characters of base64url>"`);
  }
  return { nodeId, secret: new Secret(secret) };
}

/**
 * Writes a node token; the whole of it is a secret.
 *
 * @throws DomainError `token_invalid` when what came could not be read back.
 */
export function formatNodeToken({ nodeId, secret }: NodeToken): Secret {
  const text = `${PREFIX}${nodeId}.${secret.reveal()}`;
  parseNodeToken(text);
  return new Secret(text);
}
