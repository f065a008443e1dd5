import { DomainError, type ErrorCode } from '../../domain/errors.js';
import type { KeyClaim, ProvedKeys } from './key-claim.js';

/** A claim on its way to the thread, with a number that its answer repeats. */
export interface ProofJob {
  readonly id: number;
  readonly claim: KeyClaim;
}

/** What became of a claim. */
export type ProofOutcome = { readonly id: number } & (
  | { readonly keys: ProvedKeys }
  | { readonly refused: { readonly code: ErrorCode; readonly message: string } }
  /** A fault of ours. */
  | { readonly fault: string }
);

/** Prepares a claim for the other thread. */
export function sendClaim({ grpcCsr, networkCsr, wireGuard }: KeyClaim): KeyClaim {
  const requests = { grpcCsr: own(grpcCsr), networkCsr: own(networkCsr) };
  if (wireGuard === undefined) return requests;
  const { proof, nonce, serverKeys, publicKey } = wireGuard;
  const pair = { privateKey: own(serverKeys.privateKey), publicKey: own(serverKeys.publicKey) };
  return { ...requests, wireGuard: { proof: own(proof), nonce: own(nonce), serverKeys: pair, publicKey: own(publicKey) } };
}

/** Prepares keys for the other thread. */
export function sendKeys({ grpcSpki, networkSpki }: ProvedKeys): ProvedKeys {
  return { grpcSpki: own(grpcSpki), networkSpki: own(networkSpki) };
}

/** Prepares an error for the other thread, which gets no more of one than its words. */
export function sendError(error: unknown): { readonly refused: { readonly code: ErrorCode; readonly message: string } } | { readonly fault: string } {
  if (error instanceof DomainError) return { refused: { code: error.code, message: error.message } };
  return { fault: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

/** The keys, or the error that the other thread met. @throws DomainError of the same code; Error for a fault. */
export function receiveOutcome(outcome: ProofOutcome): ProvedKeys {
  if ('keys' in outcome) return outcome.keys;
  if ('refused' in outcome) throw new DomainError(outcome.refused.code, outcome.refused.message);
  throw new Error(`a check of keys failed in its thread: ${outcome.fault}`);
}

/** Bytes of their own: a view would take all that it is cut from to the other thread. */
function own(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}
