import { networkInterfaces } from 'node:os';
import { createInterface } from 'node:readline';
import { localCandidates } from '../../src/client/candidates.js';
import { startPaths } from '../../src/client/paths.js';
import { planDevice } from '../../src/client/plan.js';
import { PeerSignal } from '../../src/gen/networkcontroller/v1/node.js';
import { Endpoint_Kind, NetworkConfig, Peer } from '../../src/gen/networkcontroller/v1/types.js';
import { systemClock } from '../../src/platform/clock.js';
import { silentLog } from '../../src/platform/log.js';
import type { DeviceConfig } from '../../src/platform/wireguard/device.js';
import { LinuxDevice } from '../../src/platform/wireguard/linux-device.js';
import { formatWireGuardKey, parseWireGuardKey, wireGuardPublicKey } from '../../src/platform/wireguard/keys.js';

/** What the driver is started with. */
export interface PathDriverOptions {
  readonly privateKey: string;
  readonly publicKey: string;
  readonly bindIp: string;
}

/** What the driver is told, one JSON line each; protobuf messages in base64. */
export type PathRequest =
  | { readonly op: 'map'; readonly network: string; readonly peers: readonly string[]; readonly direct?: Readonly<Record<string, string>> }
  | { readonly op: 'signal'; readonly signal: string }
  | { readonly op: 'sent'; readonly sendId: number; readonly undelivered: readonly string[] }
  | { readonly op: 'reflexive'; readonly address: string }
  | { readonly op: 'connected' | 'disconnected' | 'relayRestarted' | 'networkChanged' };

// The data plane of one node in a machine of a lab; the test is its controller.
const options = JSON.parse(process.argv[2] ?? '{}') as PathDriverOptions;
const device = new LinuxDevice({ interfaceName: 'wg0', folder: '/run', prefer: 'auto', publicKey: options.publicKey, clock: systemClock, log: silentLog });
const sends = new Map<number, (undelivered: readonly string[]) => void>();
let sendId = 0;
let reflexive = '';
let listenPort = 0;
let config: DeviceConfig | undefined;

const paths = startPaths({
  device,
  clock: systemClock,
  log: { ...silentLog, debug: (message, fields) => print({ debug: message, ...fields }) },
  self: {
    publicKey: options.publicKey,
    candidates: () => [
      ...localCandidates(networkInterfaces(), { listenPort, interfaceName: 'wg0', overlay: ['10.66.0.0/24'] }),
      ...(reflexive === '' ? [] : [{ address: reflexive, kind: Endpoint_Kind.KIND_REFLEXIVE }]),
    ],
  },
  send: (signals) =>
    new Promise((resolve) => {
      sends.set(++sendId, resolve);
      print({ sendId, send: signals.map((signal) => toBase64(PeerSignal.encode(signal).finish())) });
    }),
  remember: (nodeId, endpoint) => print({ remember: endpoint, nodeId }),
});
paths.onChange((path) => print({ path, atMs: Date.now() }));
device.onLost(() => void restore());
createInterface({ input: process.stdin }).on('line', (line) => void take(JSON.parse(line) as PathRequest));

async function take(request: PathRequest): Promise<void> {
  switch (request.op) {
    case 'map': {
      const network = NetworkConfig.decode(fromBase64(request.network));
      const peers = request.peers.map((peer) => Peer.decode(fromBase64(peer)));
      const self = { privateKey: options.privateKey, publicKey: formatWireGuardKey(wireGuardPublicKey(parseWireGuardKey(options.privateKey))), bindIp: options.bindIp, bindIp6: '', listenPort: 0, mtu: 0 };
      config = planDevice({ self, network, peers, routers: [], ...(request.direct && { direct: request.direct }) });
      await device.set(config);
      listenPort = (await device.observe())?.listenPort ?? 0;
      paths.setPeers(peers, network.controller);
      return print({ mapped: peers.length });
    }
    case 'signal':
      return paths.receive(PeerSignal.decode(fromBase64(request.signal)));
    case 'sent':
      return sends.get(request.sendId)?.(request.undelivered);
    case 'reflexive':
      reflexive = request.address;
      return;
    case 'connected':
    case 'disconnected':
    case 'relayRestarted':
      return paths[request.op]();
    case 'networkChanged':
      return paths.networkChanged({ moved: false });
  }
}

async function restore(): Promise<void> {
  if (config === undefined) return;
  await device.set(config);
  paths.deviceRestored();
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function fromBase64(text: string): Buffer {
  return Buffer.from(text, 'base64');
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
