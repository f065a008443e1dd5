import { BlockList, isIP } from 'node:net';
import type { NetworkInterfaceInfo } from 'node:os';
import { Endpoint_Kind, type Endpoint } from '../gen/networkcontroller/v1/types.js';

/** As many as a node tells others; the most likely ones come first. */
const MAX_CANDIDATES = 10;

/** As many as one attempt tries: each costs time in which nothing gets through. */
const MAX_TRIED = 4;

/** Interfaces that lead to containers of this machine or into other overlays, never to a peer. */
const INSIDE_ONLY = /^(docker|br-|veth|cni|flannel|cali|cilium|virbr|lxc|lxdbr|podman|kube|vmnet|vboxnet|tailscale|zt|wt\d|utun)/;

/** What {@link localCandidates} goes by. */
export interface LocalOptions {
  /** Our own WireGuard port. */
  readonly listenPort: number;
  /** Our own interface. */
  readonly interfaceName: string;
  /** Prefixes of the overlay, "10.66.0.0/24": an overlay inside the overlay would carry itself. */
  readonly overlay: readonly string[];
}

/** Whether no peer is ever reached through this interface. */
export function isInsideOnly(interfaceName: string): boolean {
  return INSIDE_ONLY.test(interfaceName);
}

/**
 * The endpoints of this machine's own addresses, IPv4 first, at most ten. Left out are addresses that mean nothing elsewhere: loopback,
 * link-local, containers' bridges and the overlay's.
 *
 * @param interfaces `os.networkInterfaces()`.
 */
export function localCandidates(interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>, options: LocalOptions): Endpoint[] {
  const useless = uselessAddresses(options.overlay);
  const addresses = Object.entries(interfaces)
    .filter(([name]) => name !== options.interfaceName && !isInsideOnly(name))
    .flatMap(([, found]) => found ?? [])
    .filter(({ internal, address, family }) => !internal && !useless.check(address, family === 'IPv6' ? 'ipv6' : 'ipv4'));
  return [...addresses.filter(({ family }) => family === 'IPv4'), ...addresses.filter(({ family }) => family === 'IPv6')]
    .slice(0, MAX_CANDIDATES)
    .map(({ address }) => ({ address: formatEndpoint(address, options.listenPort), kind: Endpoint_Kind.KIND_LOCAL }));
}

/**
 * The endpoints of a peer that are worth trying, the most likely first.
 *
 * Behind the same NAT the peer's own addresses come first, for few routers pass packets back in (hairpinning, RFC 4787
 * §6); otherwise the address that the controller sees, and of the peer's own ones only those of a network that we are in ourselves.
 *
 * @param own     Ours, the reflexive one too where it is known.
 * @param theirs  The peer's, as its signal carried them.
 * @param options `seenPort`: whether the port that the controller sees is of use to us; see {@link isSeenPortUseful}.
 */
export function orderCandidates(own: readonly Endpoint[], theirs: readonly Endpoint[], options: { seenPort?: boolean } = {}): string[] {
  const reachable = theirs.filter(({ address }) => parseEndpoint(address) !== undefined && own.some((each) => sameFamily(each.address, address)));
  const ofKind = (kind: Endpoint_Kind) => reachable.filter((each) => each.kind === kind).map(({ address }) => address);
  const ownLocal = own.filter(({ kind }) => kind === Endpoint_Kind.KIND_LOCAL).map(({ address }) => address);
  const near = (address: string) => ownLocal.some((ours) => neighbourhood(ours) === neighbourhood(address));
  const local = ofKind(Endpoint_Kind.KIND_LOCAL);
  const reflexive = options.seenPort === false ? [] : ofKind(Endpoint_Kind.KIND_REFLEXIVE);
  const configured = ofKind(Endpoint_Kind.KIND_CONFIGURED);
  const neighbours = local.filter(near);
  const ordered = behindSameNat(own, theirs)
    ? [...neighbours, ...local, ...configured, ...reflexive]
    : [...configured, ...reflexive, ...neighbours, ...local.filter((address) => address.startsWith('['))];
  return [...new Set(ordered)].slice(0, MAX_TRIED);
}

/** The text of a UDP endpoint as WireGuard writes it. */
function formatEndpoint(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The address of "203.0.113.7:51820" or "[2001:db8::7]:51820"; undefined for a host name. */
function parseEndpoint(endpoint: string): string | undefined {
  const address = /^\[?(.+?)\]?:\d+$/.exec(endpoint)?.[1] ?? '';
  return isIP(address) === 0 ? undefined : address;
}

function sameFamily(a: string, b: string): boolean {
  return a.startsWith('[') === b.startsWith('[');
}

/** Two nodes of which no UDP reaches the controller may be in one building; where only one is unknown, nothing is. */
function behindSameNat(own: readonly Endpoint[], theirs: readonly Endpoint[]): boolean {
  const outside = (list: readonly Endpoint[]) =>
    list.filter(({ kind }) => kind === Endpoint_Kind.KIND_REFLEXIVE).map(({ address }) => parseEndpoint(address));
  const ours = outside(own);
  const others = outside(theirs);
  return (ours.length === 0 && others.length === 0) || ours.some((address) => others.includes(address));
}

/** The /24 of an IPv4 address or the /64 of an IPv6 one: the prefix length itself is not told. */
function neighbourhood(endpoint: string): string {
  const address = parseEndpoint(endpoint) ?? '';
  return address.includes(':') ? address.split(':').slice(0, 4).join(':') : address.split('.').slice(0, 3).join('.');
}

function uselessAddresses(overlay: readonly string[]): BlockList {
  const list = new BlockList();
  for (const prefix of ['127.0.0.0/8', '169.254.0.0/16', '0.0.0.0/8', '::1/128', 'fe80::/10', ...overlay.filter((each) => each !== '')]) {
    const [address = '', length] = prefix.split('/');
    list.addSubnet(address, Number(length), address.includes(':') ? 'ipv6' : 'ipv4');
  }
  return list;
}
