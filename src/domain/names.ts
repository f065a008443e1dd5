import { DomainError } from './errors.js';

/** A node's name: one lower-case DNS label. */
export type NodeName = string & { readonly __brand: 'NodeName' };

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * Parses a node's name.
 *
 * @throws DomainError `invalid_argument`.
 * @see RFC 1123 §2.1, RFC 1035 §2.3.1
 */
export function parseNodeName(text: string, field = 'node_name'): NodeName {
  return parseLabel(text, field) as NodeName;
}

/**
 * Parses any lower-case DNS label: the name of a network, a service, a channel.
 *
 * @throws DomainError `invalid_argument`.
 */
export function parseLabel(text: string, field: string): string {
  if (!LABEL.test(text)) {
    throw new DomainError(
      'invalid_argument',
      `${field}: want a lower-case DNS label (letters, digits, hyphens inside, at most 63), got ${JSON.stringify(text.slice(0, 80))}`,
    );
  }
  return text;
}

/** The label under which services stand, beside the networks: `registry.svc.nc.internal`. */
const SERVICES_LABEL = 'svc';

/**
 * Parses the name of a network: a label, which is part of its nodes' names.
 *
 * @throws DomainError `invalid_argument`, for the label of the services too.
 */
export function parseNetworkName(text: string, field: string): string {
  if (text !== SERVICES_LABEL) return parseLabel(text, field);
  throw new DomainError('invalid_argument', `${field}: want another name than "${SERVICES_LABEL}", under which the services stand in DNS`);
}

/**
 * Makes a label out of whatever a machine calls itself: its first part, lower case, hyphens for the rest.
 *
 * @returns A label, or '' when nothing usable is left.
 */
export function labelFrom(hostname: string): string {
  const label = hostname.toLowerCase().split('.')[0]!.replace(/[^a-z0-9-]+/g, '-').slice(0, 63).replace(/^-+|-+$/g, '');
  return LABEL.test(label) ? label : '';
}

/**
 * The variants under which a name is tried while it is taken: `web`, `web-2`, `web-3`, …
 *
 * @param n 1 for the name itself.
 */
export function nameVariant(name: NodeName, n: number): NodeName {
  const suffix = n === 1 ? '' : `-${n}`;
  return `${name.slice(0, 63 - suffix.length).replace(/-+$/, '')}${suffix}` as NodeName;
}
