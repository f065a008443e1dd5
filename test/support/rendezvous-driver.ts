import { createInterface } from 'node:readline';
import { systemClock } from '../../src/platform/clock.js';
import { silentLog } from '../../src/platform/log.js';
import { parseWireGuardKey } from '../../src/platform/wireguard/keys.js';
import { startRendezvous } from '../../src/server/rendezvous/start-rendezvous.js';

/** A node that the rendezvous is told of, one JSON line each. */
export interface RendezvousNode {
  readonly nodeId: string;
  readonly publicKey: string;
  readonly bindIp: string;
}

// The rendezvous and relay of a lab: argv is its private key and its port; prints where nodes are seen.
const rendezvous = await startRendezvous({
  privateKey: parseWireGuardKey(process.argv[2] ?? ''),
  host: '0.0.0.0',
  port: Number(process.argv[3]),
  probePort: Number(process.argv[3]) + 1,
  clock: systemClock,
  log: silentLog,
  events: {
    onEndpoint: (nodeId, endpoint) => print({ nodeId, endpoint }),
    onHandshake: () => {},
    onDnsQuery: () => Promise.resolve(undefined),
  },
});
rendezvous.setNetwork({ name: 'default', bindIp: '10.66.0.1', bindIp6: '', interconnection: true });
createInterface({ input: process.stdin }).on('line', (line) => {
  const node = JSON.parse(line) as RendezvousNode;
  rendezvous.setPeer({ nodeId: node.nodeId, network: 'default', wgPublicKey: parseWireGuardKey(node.publicKey), bindIp: node.bindIp, bindIp6: '' });
});
print({ ready: true });

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
