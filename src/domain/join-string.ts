import { formatBootstrapToken, TOKEN_ID, TOKEN_SECRET, type BootstrapToken } from './bootstrap-token.js';
import { DomainError } from './errors.js';
import { formatHostPort, parseHostPort, type HostPort } from './host-port.js';
import { Secret } from './secret.js';

/** Everything a machine needs to join, in one line to copy. */
export interface JoinString {
  readonly token: BootstrapToken;
  /**
   * One pin, or two while the CA is being replaced: SHA-256 of a gRPC CA's SubjectPublicKeyInfo in base64url, 43
   * characters.
   * @see RFC 7469 §2.4
   */
  readonly pins: readonly string[];
  /** One to {@link MAX_ENDPOINTS} bootstrap listeners, best first. */
  readonly endpoints: readonly HostPort[];
}

/** How many characters a join string may have. */
export const MAX_JOIN_STRING = 2048;
/** How many bootstrap listeners a join string may name. */
export const MAX_ENDPOINTS = 8;

const PREFIX = 'ncj1_';
const MAX_PINS = 2;
/** The one base64url form of 32 octets: the last character's two spare bits are zero. */
const PIN = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;

/**
 * Reads `ncj1_<id>.<secret>.<pin>[,<pin>]@host:port[,host:port]…`; white space around it is ignored.
 *
 * @throws DomainError `join_string_invalid`, which names the part that is wrong and repeats nothing of it, since
 *   a misplaced character can put the secret anywhere.
 */
export function parseJoinString(text: string): JoinString {
  const line = text.trim();
  if (line.length > MAX_JOIN_STRING) refuse('length', `at most ${MAX_JOIN_STRING} characters, got ${line.length}`);
  if (!line.startsWith(PREFIX)) refuse('prefix', `"${PREFIX}" at the beginning`);
  const [credentials, hosts] = halve(line.slice(PREFIX.length), '@', 'endpoints', '"@host:port" after the pin');
  const [id, rest] = halve(credentials, '.', 'id', '"<id>.<secret>.<pin>"');
  const [secret, pins] = halve(rest, '.', 'pin', '".<pin>" after the secret; nobody joins without one');
  if (!TOKEN_ID.test(id)) refuse('id', '16 hex digits in lower case');
  if (!TOKEN_SECRET.test(secret)) refuse('secret', '22 characters of base64url');
  return { token: { id, secret: new Secret(secret) }, pins: parsePins(pins), endpoints: parseEndpoints(hosts) };
}

/**
 * Writes a join string; the whole of it is a secret.
 *
 * @throws DomainError `join_string_invalid` when what came could not be read back.
 */
export function formatJoinString({ token, pins, endpoints }: JoinString): Secret {
  const text = `${PREFIX}${formatBootstrapToken(token).reveal()}.${pins.join(',')}@${endpoints.map(formatHostPort).join(',')}`;
  parseJoinString(text);
  return new Secret(text);
}

function parsePins(text: string): readonly string[] {
  const pins = text.split(',');
  if (pins.length > MAX_PINS || new Set(pins).size < pins.length) refuse('pin', `one pin, or ${MAX_PINS} different ones`);
  if (!pins.every((pin) => PIN.test(pin))) refuse('pin', '43 characters of base64url, the SHA-256 of the CA\'s key');
  return pins;
}

function parseEndpoints(text: string): readonly HostPort[] {
  const parts = text.split(',');
  if (parts.length > MAX_ENDPOINTS) refuse('endpoints', `at most ${MAX_ENDPOINTS}, got ${parts.length}`);
  return parts.map((part, index) => {
    try {
      return parseHostPort(part);
    } catch {
      // The cause quotes the text, which a misplaced "@" can fill with the secret.
      return refuse(`endpoint ${index + 1}`, 'host:port or [IPv6 address]:port, port 1 to 65535');
    }
  });
}

function halve(text: string, mark: string, part: string, wanted: string): [string, string] {
  const at = text.indexOf(mark);
  return at < 0 ? refuse(part, wanted) : [text.slice(0, at), text.slice(at + 1)];
}

function refuse(part: string, wanted: string): never {
  throw new DomainError('join_string_invalid', `join string, ${part}: want ${wanted}`);
}
