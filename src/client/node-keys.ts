import { createPrivateKey } from 'node:crypto';
import { formatWireGuardKey, generateWireGuardKeys, parseWireGuardKey, wireGuardPublicKey } from '../platform/wireguard/keys.js';
import { makeCsr } from '../platform/x509/csr.js';
import { generateP256, p256KeyPair, type P256KeyPair } from '../platform/x509/p256.js';
import type { NodeKeys } from './state/membership.js';

/** A node's keys, ready for use. */
export interface OpenedKeys {
  readonly grpc: P256KeyPair;
  readonly network: P256KeyPair;
  /** X25519, 32 octets. */
  readonly wgPrivateKey: Buffer;
  readonly wgPublicKey: Buffer;
  /** PKCS #10, DER. */
  readonly grpcCsr: Buffer;
  readonly networkCsr: Buffer;
}

/** Makes the three keys of a node in the form in which they are kept. */
export function makeNodeKeys(): NodeKeys {
  const pem = ({ privateKey }: P256KeyPair): string => privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { grpc: pem(generateP256()), network: pem(generateP256()), wireguard: formatWireGuardKey(generateWireGuardKeys().privateKey) };
}

/** New gRPC and network keys for a renewal; the WireGuard key stays, since every tunnel hangs on it. */
export function renewNodeKeys({ wireguard }: NodeKeys): NodeKeys {
  return { ...makeNodeKeys(), wireguard };
}

/** Reads the keys back and makes the certificate requests that prove them. */
export function openNodeKeys(keys: NodeKeys): OpenedKeys {
  const grpc = p256KeyPair(createPrivateKey(keys.grpc));
  const network = p256KeyPair(createPrivateKey(keys.network));
  const wgPrivateKey = parseWireGuardKey(keys.wireguard.trim());
  return {
    grpc,
    network,
    wgPrivateKey,
    wgPublicKey: wireGuardPublicKey(wgPrivateKey),
    grpcCsr: makeCsr(grpc, 'node'),
    networkCsr: makeCsr(network, 'node'),
  };
}
