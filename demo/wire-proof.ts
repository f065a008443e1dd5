const ETHERNET_HEADER = 14;
const IPV4 = 0x0800;
const UDP = 17;
const UDP_HEADER = 8;
/** The first byte of a WireGuard message; three zero bytes follow. @see WireGuard: Next Generation Kernel Network Tunnel, §5.4 */
const MESSAGE_TYPES = { 1: 'handshake initiation', 2: 'handshake response', 3: 'cookie reply', 4: 'transport data' } as const;

/** Asks the controller how an address is seen from outside; says nothing else. @see RFC 8489 §5 */
const STUN_COOKIE = 0x2112a442;

/** How many WireGuard messages of each type were seen, and whether each type that must be there is. */
export interface WireProof {
  readonly initiations: number;
  readonly responses: number;
  readonly data: number;
}

/**
 * Proves that a node speaks WireGuard on its UDP wire, beside it only STUN to find out what kind of NAT it is behind, and that
 * nobody there reads what it says.
 *
 * @param outside Ethernet frames on the wire, UDP only.
 * @param inside  Packets inside the tunnel: that `marker` is there shows that it was sent, so its absence outside means something.
 * @throws Error that says what was seen instead.
 */
export function proveWireGuard(outside: readonly Buffer[], inside: readonly Buffer[], marker: string): WireProof {
  const payloads = outside.map(udpPayload).filter((payload) => payload !== undefined).filter((payload) => !isStun(payload));
  const foreign = payloads.find((payload) => !isWireGuard(payload));
  if (foreign !== undefined) throw new Error(`a packet on the wire is no WireGuard message: ${foreign.subarray(0, 16).toString('hex')}…`);
  if (!inside.some((packet) => packet.includes(marker))) throw new Error(`"${marker}" was not seen inside the tunnel`);
  if (outside.some((frame) => frame.includes(marker))) throw new Error(`"${marker}" was readable on the wire`);
  const count = (type: keyof typeof MESSAGE_TYPES): number => payloads.filter((payload) => payload[0] === type).length;
  for (const type of [1, 2, 4] as const) {
    if (count(type) === 0) throw new Error(`no WireGuard ${MESSAGE_TYPES[type]} was seen on the wire`);
  }
  return { initiations: count(1), responses: count(2), data: count(4) };
}

function isWireGuard(payload: Buffer): boolean {
  return payload.length >= 32 && (payload[0] ?? 0) in MESSAGE_TYPES && payload.readUIntBE(1, 3) === 0;
}

function isStun(payload: Buffer): boolean {
  return payload.length >= 20 && payload.length === 20 + payload.readUInt16BE(2) && payload.readUInt32BE(4) === STUN_COOKIE;
}

function udpPayload(frame: Buffer): Buffer | undefined {
  if (frame.length < ETHERNET_HEADER + 20 || frame.readUInt16BE(12) !== IPV4 || frame[ETHERNET_HEADER + 9] !== UDP) return undefined;
  const headerLength = ((frame[ETHERNET_HEADER] ?? 0) & 0x0f) * 4;
  return frame.subarray(ETHERNET_HEADER + headerLength + UDP_HEADER);
}
