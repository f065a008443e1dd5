import { createDecipheriv } from 'node:crypto';
import { x25519PublicKey } from '../../src/platform/wireguard/keys.js';
import { Mac, mac1For, writeMac1 } from '../../src/platform/wireguard/protocol/mac.js';
import { hash, NoiseState } from '../../src/platform/wireguard/protocol/noise.js';
import { MAC_LENGTH, MESSAGE_LENGTH, MESSAGE_TYPE } from '../../src/platform/wireguard/protocol/wire.js';
import { newKeyPair, sharedSecret, type KeyPair } from '../../src/platform/wireguard/protocol/x25519.js';
import { hchacha20, innerNonce } from '../../src/server/rendezvous/xchacha20.js';

/** An initiation and what its maker needs to understand the answers. */
export interface Begun {
  readonly message: Buffer;
  /** Reads the response; undefined when it is not the responder's. */
  finish(response: Buffer): { readonly remoteIndex: number; readonly receiveKey: Buffer; readonly sendKey: Buffer } | undefined;
  /** Reads the cookie out of a cookie reply. */
  cookieIn(reply: Buffer): Buffer;
}

/** What can be chosen about an initiation. */
export interface BeginOptions {
  readonly localIndex: number;
  /** TAI64N, 12 bytes. */
  readonly timestamp: Buffer;
  /** Makes mac2. */
  readonly cookie?: Buffer | undefined;
}

/** Begins a handshake as WireGuard's whitepaper §5.4.2 has it. */
export function beginHandshake(own: KeyPair, responderKey: Buffer, options: BeginOptions): Begun {
  const responder = x25519PublicKey(responderKey);
  const ephemeral = newKeyPair();
  const state = new NoiseState(responderKey);
  state.mixEphemeral(ephemeral.publicKey);
  const sealedKey = state.seal(state.mixKey(secretOf(ephemeral, responder)), own.publicKey);
  const sealedTime = state.seal(state.mixKey(secretOf(own, responder)), options.timestamp);

  const message = Buffer.alloc(MESSAGE_LENGTH.initiation);
  message.writeUInt32LE(MESSAGE_TYPE.initiation, 0);
  message.writeUInt32LE(options.localIndex, 4);
  ephemeral.publicKey.copy(message, 8);
  sealedKey.copy(message, 40);
  sealedTime.copy(message, 88);
  writeMac1(mac1For(responderKey), message);
  if (options.cookie) new Mac(options.cookie).of(message.subarray(0, 132)).copy(message, 132);

  return {
    message,
    finish: (response) => finish(state, own, ephemeral, response),
    cookieIn: (reply) => openCookie(responderKey, message, reply),
  };
}

/** An initiation of `own` that only its mac1 speaks for: what anybody can make who knows the public keys. */
export function forgedInitiation(own: KeyPair, responderKey: Buffer, localIndex: number): Buffer {
  const { message } = beginHandshake(own, responderKey, { localIndex, timestamp: tai64n(0) });
  message.fill(0, 88, 116);
  writeMac1(mac1For(responderKey), message);
  return message;
}

/** TAI64N of a moment; later moments compare greater. @see https://cr.yp.to/libtai/tai64.html */
export function tai64n(ms: number): Buffer {
  const stamp = Buffer.alloc(12);
  stamp.writeBigUInt64BE(2n ** 62n + 10n + BigInt(Math.floor(ms / 1000)), 0);
  stamp.writeUInt32BE((ms % 1000) * 1_000_000, 8);
  return stamp;
}

function finish(state: NoiseState, own: KeyPair, ephemeral: KeyPair, response: Buffer): ReturnType<Begun['finish']> {
  const responderEphemeral = response.subarray(12, 44);
  state.mixEphemeral(responderEphemeral);
  state.mixKey(secretOf(ephemeral, x25519PublicKey(responderEphemeral)));
  state.mixKey(secretOf(own, x25519PublicKey(responderEphemeral)));
  const key = state.mixPresharedKey(Buffer.alloc(32));
  if (state.open(key, response.subarray(44, 60)) === undefined) return undefined;
  const [sendKey, receiveKey] = state.split();
  return { remoteIndex: response.readUInt32LE(4), receiveKey, sendKey };
}

function openCookie(responderKey: Buffer, message: Buffer, reply: Buffer): Buffer {
  const key = hash(Buffer.from('cookie--'), responderKey);
  const nonce = reply.subarray(8, 32);
  const decipher = createDecipheriv('chacha20-poly1305', hchacha20(key, nonce), innerNonce(nonce), { authTagLength: 16 });
  decipher.setAAD(message.subarray(116, 116 + MAC_LENGTH), { plaintextLength: MAC_LENGTH });
  decipher.setAuthTag(reply.subarray(48, 64));
  const cookie = decipher.update(reply.subarray(32, 48));
  decipher.final();
  return cookie;
}

function secretOf(own: KeyPair, publicKey: ReturnType<typeof x25519PublicKey>): Buffer {
  const secret = sharedSecret(own.privateKey, publicKey);
  if (secret === undefined) throw new Error('the key shares no secret');
  return secret;
}
