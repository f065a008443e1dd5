import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { DomainError } from '../../domain/errors.js';
import type { NodeRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { LocalView, Versioned } from '../store/local-view.js';

/** A node token as the node keeps it, and as the store does. */
export interface NodeToken {
  /** "ncn1_<node id>.<43 characters of base64url>" */
  readonly text: string;
  /** SHA-256 of the secret part, 32 bytes. */
  readonly hash: Buffer;
}

const NOBODY = createHash('sha256').update('no such node').digest();

/** Makes a node's token: 256 random bits that stand for the node and its address. */
export function newNodeToken(nodeId: string): NodeToken {
  const secret = randomBytes(32).toString('base64url');
  return { text: `ncn1_${nodeId}.${secret}`, hash: createHash('sha256').update(secret).digest() };
}

/** Whether `text` looks like a node token, so that it is never taken for a name or printed. */
export function isNodeToken(text: string): boolean {
  return text.startsWith('ncn1_');
}

/**
 * The node that a token stands for. An unknown node and a wrong secret are one refusal.
 *
 * @throws DomainError `node_unknown`.
 */
export function nodeOfToken(view: LocalView, text: string): Versioned<NodeRecord> {
  const [, id = '', secret = ''] = /^ncn1_([0-9a-f]{16})\.([A-Za-z0-9_-]{43})$/.exec(text) ?? [];
  const node = view.nodeById(id);
  const stored = node?.value.tokenHash.length === 32 ? node.value.tokenHash : NOBODY;
  const matches = timingSafeEqual(stored, createHash('sha256').update(secret).digest());
  if (node === undefined || !matches) throw new DomainError('node_unknown', 'token: not the token of a node of this controller');
  return node;
}
