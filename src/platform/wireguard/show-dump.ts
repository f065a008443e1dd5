import type { DeviceState, PeerState } from './device.js';

/** Place of the bytes sent among the numbers of an interface. @see proc_net_dev in proc(5) */
const SENT_BYTES = 8;

/** Reads from /proc/net/dev the bytes that the machine has given to an interface; 0 for one that is not there. */
export function parseGivenBytes(text: string, interfaceName: string): number {
  const line = text.split('\n').find((each) => each.trimStart().startsWith(`${interfaceName}:`));
  const numbers = line?.slice(line.indexOf(':') + 1).trim().split(/\s+/) ?? [];
  return Number(numbers[SENT_BYTES] ?? 0);
}

/** What `wg` prints where a key is not set. */
const NONE = '(none)';

/**
 * Reads the output of `wg show <interface> dump`. The text holds the private key, so it is never logged.
 *
 * @param givenBytes See {@link DeviceState}.
 * @returns The state; `publicKey` is empty when the interface has no key yet.
 * @see wg(8), "show": tabs between fields, the first line is the interface
 */
export function parseShowDump(text: string, givenBytes = 0): DeviceState {
  const [device = '', ...peers] = text.split('\n').filter((line) => line !== '');
  const [, publicKey = NONE, listenPort = '0', mark = 'off'] = device.split('\t');
  return {
    publicKey: publicKey === NONE ? '' : publicKey,
    listenPort: Number(listenPort),
    ...(mark !== 'off' && { mark: Number(mark) }),
    peers: new Map(peers.map((line) => parsePeer(line)).map((peer) => [peer.publicKey, peer])),
    givenBytes,
  };
}

function parsePeer(line: string): PeerState {
  const [publicKey = '', , endpoint = NONE, allowedIps = NONE, handshake = '0', rx = '0', tx = '0', keepalive = 'off'] = line.split('\t');
  return {
    publicKey,
    ...(endpoint !== NONE && { endpoint }),
    allowedIps: allowedIps === NONE ? [] : allowedIps.split(','),
    latestHandshakeMs: Number(handshake) * 1000,
    rxBytes: Number(rx),
    txBytes: Number(tx),
    persistentKeepalive: keepalive === 'off' ? 0 : Number(keepalive),
  };
}
