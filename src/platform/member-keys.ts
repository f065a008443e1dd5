import { createPrivateKey } from 'node:crypto';
import { formatWireGuardKey, generateWireGuardKeys, parseWireGuardKey, wireGuardPublicKey } from './wireguard/keys.js';
import { makeCsr } from './x509/csr.js';
import { generateP256, p256KeyPair, privateKeyPem, type P256KeyPair } from './x509/p256.js';

/** The private keys of a node or relay, made on its own disk. They never leave it. */
export interface MemberKeys {
  /** P-256, PKCS #8 PEM: everyday identity towards the controller. */
  readonly grpc: string;
  /** P-256, PKCS #8 PEM: the key of the network certificate. */
  readonly network: string;
  /** X25519, base64, as `wg genkey` prints it. */
  readonly wireguard: string;
}

/** The keys of a node or relay, ready for use. */
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

/** Makes the three keys in the form in which they are kept. */
export function makeMemberKeys(): MemberKeys {
  return { grpc: privateKeyPem(generateP256()), network: privateKeyPem(generateP256()), wireguard: formatWireGuardKey(generateWireGuardKeys().privateKey) };
}

/** New gRPC and network keys for a renewal; the WireGuard key stays, since every tunnel hangs on it. */
export function renewMemberKeys({ wireguard }: MemberKeys): MemberKeys {
  return { ...makeMemberKeys(), wireguard };
}

/** Reads the keys back and makes the certificate requests that prove them. @param commonName What the requests are for. */
export function openMemberKeys(keys: MemberKeys, commonName: 'node' | 'relay'): OpenedKeys {
  const grpc = p256KeyPair(createPrivateKey(keys.grpc));
  const network = p256KeyPair(createPrivateKey(keys.network));
  const wgPrivateKey = parseWireGuardKey(keys.wireguard.trim());
  return {
    grpc,
    network,
    wgPrivateKey,
    wgPublicKey: wireGuardPublicKey(wgPrivateKey),
    grpcCsr: makeCsr(grpc, commonName),
    networkCsr: makeCsr(network, commonName),
  };
}
