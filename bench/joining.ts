import type { JoinString } from '../src/domain/join-string.js';
import { RegisterRequest, type BeginRegisterResponse } from '../src/gen/networkcontroller/v1/bootstrap.js';
import { makeFirstContact, type FirstContact } from '../src/platform/first-contact.js';
import { generateWireGuardKeys, type WireGuardKeyPair } from '../src/platform/wireguard/keys.js';
import { makeWireGuardProof } from '../src/platform/wireguard/proof.js';
import { makeCsr } from '../src/platform/x509/csr.js';
import { generateP256 } from '../src/platform/x509/p256.js';

/** What a machine makes before it says anything. */
export interface Machine {
  readonly grpcCsr: Buffer;
  readonly networkCsr: Buffer;
  readonly wireGuard: WireGuardKeyPair;
}

/** Three keys and two requests. */
export function makeMachine(): Machine {
  return { grpcCsr: makeCsr(generateP256(), 'node'), networkCsr: makeCsr(generateP256(), 'node'), wireGuard: generateWireGuardKeys() };
}

/** Finds the controller of a join string, checks its pin and begins to register. */
export function contact({ endpoints, pins }: JoinString): Promise<FirstContact> {
  return makeFirstContact(endpoints, pins, { nowMs: Date.now() });
}

/** The request by which `machine` joins. */
export function registration({ grpcCsr, networkCsr, wireGuard }: Machine, { token }: JoinString, { nonce, serverKey, cookie }: BeginRegisterResponse): RegisterRequest {
  const wgPublicKey = wireGuard.publicKey;
  const wgProof = makeWireGuardProof(wireGuard.privateKey, serverKey, { nonce, wgPublicKey, grpcCsr, networkCsr });
  return RegisterRequest.fromPartial({ bootstrapToken: `${token.id}.${token.secret.reveal()}`, hostname: 'machine', grpcCsr, networkCsr, wgPublicKey, wgProof, cookie });
}
