import type { Membership } from '../../src/client/state/membership.js';

/** A membership whose every part tells `serial`: parts of two generations cannot be mixed up unseen. */
export function aMembership(serial: number): Membership {
  return {
    keys: { grpc: `grpc key ${serial}`, network: `network key ${serial}`, wireguard: `wireguard key ${serial}` },
    nodeToken: `ncn1_node${serial}.secret`,
    grpcCertificate: Buffer.from(`grpc certificate ${serial}`),
    networkCertificate: Buffer.from(`network certificate ${serial}`),
    bundle: { version: serial, grpc: { certificates: [] }, network: { certificates: [] }, signature: Buffer.alloc(0) },
    facts: {
      nodeId: `node${serial}`,
      name: 'web-1',
      network: 'default',
      clusterId: 'cluster',
      bindIp: '10.66.0.5',
      bindIp6: '',
      controlEndpoints: ['127.0.0.1:6440'],
      bootstrapEndpoints: ['127.0.0.1:6439'],
      joinedAtMs: serial,
    },
  };
}
