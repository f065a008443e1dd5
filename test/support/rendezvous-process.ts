/**
 * A rendezvous as a program of its own, for a machine of a lab. Its only argument is JSON; it writes a line for
 * each event and, when told to by a line on stdin, its statistics.
 */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { systemClock } from '../../src/platform/clock.js';
import type { RendezvousLimits } from '../../src/server/rendezvous/limits.js';
import type { RendezvousNetwork } from '../../src/server/rendezvous/rendezvous.js';
import { startRendezvous } from '../../src/server/rendezvous/start-rendezvous.js';

/** What {@link ./rendezvous-process} takes as its argument. */
export interface RendezvousProcessOptions {
  /** Base64. */
  readonly privateKey: string;
  readonly host: string;
  readonly port: number;
  readonly networks: readonly RendezvousNetwork[];
  /** The key is base64. */
  readonly peers: readonly { nodeId: string; network: string; wgPublicKey: string; bindIp: string; bindIp6: string }[];
  readonly limits?: Partial<RendezvousLimits>;
}

const say = (event: string, fields: object): void => void process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
const log = (level: string) => (message: string, fields?: object) => say(level, { message, ...fields });

const options = JSON.parse(process.argv[2] ?? '') as RendezvousProcessOptions;
const rendezvous = await startRendezvous({
  ...options,
  privateKey: Buffer.from(options.privateKey, 'base64'),
  probePort: 0,
  clock: systemClock,
  log: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
  limits: options.limits ?? {},
  events: {
    onEndpoint: (nodeId, endpoint) => say('endpoint', { nodeId, endpoint }),
    onHandshake: (nodeId) => say('handshake', { nodeId }),
    onDnsQuery: (query) => Promise.resolve(answerTo(Buffer.from(query))),
  },
});
for (const network of options.networks) rendezvous.setNetwork(network);
for (const peer of options.peers) rendezvous.setPeer({ ...peer, wgPublicKey: Buffer.from(peer.wgPublicKey, 'base64') });
say('ready', { capabilities: /^CapEff:\s*(\w+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] });

createInterface({ input: process.stdin }).on('line', (line) => {
  const [verb, argument = ''] = line.split(' ');
  if (verb === 'remove') rendezvous.removePeer(argument);
  say('stats', rendezvous.stats());
});

/** One A record, 192.0.2.53, for whatever is asked. */
function answerTo(query: Buffer): Buffer {
  const end = query.indexOf(0, 12) + 5;
  const header = Buffer.from(query.subarray(0, 12));
  header.writeUInt16BE(0x8580, 2);
  header.writeUInt16BE(1, 6);
  header.fill(0, 8);
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, 192, 0, 2, 53]);
  return Buffer.concat([header, query.subarray(12, end), record]);
}
