import { DomainError } from './errors.js';

/** What a program may be let do over HTTPS. */
export const API_SCOPES = ['services:read', 'services:write', 'status:read'] as const;

/** One of {@link API_SCOPES}. */
export type ApiScope = (typeof API_SCOPES)[number];

/** @throws DomainError `invalid_argument` for a word that is none. */
export function parseApiScope(text: string, field: string): ApiScope {
  const scope = API_SCOPES.find((known) => known === text);
  if (scope !== undefined) return scope;
  throw new DomainError('invalid_argument', `${field}: want ${API_SCOPES.join(', ')}, got ${JSON.stringify(text.slice(0, 64))}`);
}

/** The text of an API token: `nca1_<id>.<secret>`, 16 hex digits and 22 characters of base64url. A secret. */
export function formatApiToken(id: string, secret: string): string {
  return `nca1_${id}.${secret}`;
}

/** The parts of an API token's text; undefined for anything else, whatever is wrong with it. */
export function splitApiToken(text: string): { readonly id: string; readonly secret: string } | undefined {
  const [, id, secret] = /^nca1_([0-9a-f]{16})\.([A-Za-z0-9_-]{22})$/.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}
