import type { KeyObject } from 'node:crypto';
import { DomainError } from '../../../domain/errors.js';
import { x25519PublicKey } from '../keys.js';
import { isAddressedTo, mac1For, writeMac1, type Mac } from './mac.js';
import { NoiseState } from './noise.js';
import { MESSAGE_LENGTH, MESSAGE_TYPE, RESPONSE_RECEIVER_OFFSET, SENDER_OFFSET } from './wire.js';
import { keyPairOf, newKeyPair, sharedSecret, type KeyPair } from './x25519.js';

/** Pre-shared key of peers that have none. @see whitepaper §5.2 */
const NO_PRESHARED_KEY = Buffer.alloc(32);

/** A static key that handshakes are accepted from. */
export interface PeerKey {
  readonly publicKey: KeyObject;
  /** Shared secret of both static keys. */
  readonly staticSecret: Buffer;
  /** What addresses a handshake message to the peer. */
  readonly mac1: Mac;
}

/** An initiation whose sender has proved to own a known static key. */
export interface Initiation<P extends PeerKey> {
  readonly peer: P;
  readonly senderIndex: number;
  /** TAI64N, 12 bytes that compare like the times they tell. */
  readonly timestamp: Buffer;
  /** Answers it; `localIndex` is what the initiator shall address the session by. Undefined for an ephemeral key of low order. */
  respond(localIndex: number): { readonly response: Buffer; readonly receiveKey: Buffer; readonly sendKey: Buffer } | undefined;
}

/** The responder's side of WireGuard's handshake. @see whitepaper §5.4.2, §5.4.3 */
export class Responder {
  readonly #keys: KeyPair;
  readonly #mac1: Mac;

  /** @throws DomainError `invalid_argument` when the key is not 32 bytes. */
  constructor(privateKey: Uint8Array) {
    this.#keys = keyPairOf(privateKey);
    this.#mac1 = mac1For(this.#keys.publicKey);
  }

  get publicKey(): Buffer {
    return this.#keys.publicKey;
  }

  /** Whether a handshake message carries this responder's mac1. */
  isAddressed(message: Buffer): boolean {
    return isAddressedTo(this.#mac1, message);
  }

  /**
   * Prepares a static public key.
   *
   * @throws DomainError `invalid_argument` when it is not 32 bytes or of low order.
   */
  peerKey(publicKey: Uint8Array): PeerKey {
    const key = x25519PublicKey(publicKey);
    const staticSecret = sharedSecret(this.#keys.privateKey, key);
    if (staticSecret === undefined) {
      throw new DomainError('invalid_argument', 'WireGuard public key: want a point of high order, got one that shares no secret');
    }
    return { publicKey: key, staticSecret, mac1: mac1For(publicKey) };
  }

  /**
   * Reads an initiation of the right length whose mac1 was right.
   *
   * @param peerOf Finds the peer by its raw static key.
   * @returns `forged` when it does not decrypt, `unknown` when the key is nobody's.
   */
  consume<P extends PeerKey>(message: Buffer, peerOf: (publicKey: Buffer) => P | undefined): Initiation<P> | 'forged' | 'unknown' {
    const state = new NoiseState(this.#keys.publicKey);
    const ephemeralRaw = message.subarray(8, 40);
    const ephemeral = x25519PublicKey(ephemeralRaw);
    const secret = sharedSecret(this.#keys.privateKey, ephemeral);
    if (secret === undefined) return 'forged';
    state.mixEphemeral(ephemeralRaw);
    const publicKey = state.open(state.mixKey(secret), message.subarray(40, 88));
    if (publicKey === undefined) return 'forged';
    const peer = peerOf(publicKey);
    if (peer === undefined) return 'unknown';
    const timestamp = state.open(state.mixKey(peer.staticSecret), message.subarray(88, 116));
    if (timestamp === undefined) return 'forged';
    const senderIndex = message.readUInt32LE(SENDER_OFFSET);
    return { peer, senderIndex, timestamp, respond: (localIndex) => respond(state, peer, ephemeral, senderIndex, localIndex) };
  }
}

function respond(
  state: NoiseState,
  peer: PeerKey,
  initiatorEphemeral: KeyObject,
  senderIndex: number,
  localIndex: number,
): { response: Buffer; receiveKey: Buffer; sendKey: Buffer } | undefined {
  const ephemeral = newKeyPair();
  const ephemeralSecret = sharedSecret(ephemeral.privateKey, initiatorEphemeral);
  const staticSecret = sharedSecret(ephemeral.privateKey, peer.publicKey);
  if (ephemeralSecret === undefined || staticSecret === undefined) return undefined;
  state.mixEphemeral(ephemeral.publicKey);
  state.mixKey(ephemeralSecret);
  state.mixKey(staticSecret);
  const proof = state.seal(state.mixPresharedKey(NO_PRESHARED_KEY), Buffer.alloc(0));

  const response = Buffer.alloc(MESSAGE_LENGTH.response);
  response.writeUInt32LE(MESSAGE_TYPE.response, 0);
  response.writeUInt32LE(localIndex, SENDER_OFFSET);
  response.writeUInt32LE(senderIndex, RESPONSE_RECEIVER_OFFSET);
  ephemeral.publicKey.copy(response, 12);
  proof.copy(response, 44);
  writeMac1(peer.mac1, response);
  const [receiveKey, sendKey] = state.split();
  return { response, receiveKey, sendKey };
}
