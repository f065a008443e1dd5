/** The mark of what WireGuard itself sends, and the number of the table for everything else, while all leaves through an exit. */
export const EXIT_MARK = 0x6e63;

/** What the rules of one interface are made of. */
export interface FilterInput {
  readonly interfaceName: string;
  /** The overlay's prefixes; the second empty without IPv6. */
  readonly cidr: string;
  readonly cidr6: string;
  /** Approved networks behind this machine, of which it lets nodes into. */
  readonly routes: readonly string[];
  /** Whether this machine forwards for this agent alone, so that nothing else may pass. */
  readonly guardsForwarding: boolean;
  /** Whether everything leaves through an exit. */
  readonly redirects: boolean;
}

/** The name of the table of an interface's agent. A name of nftables begins with a letter, that of an interface need not. */
export function tableOf(interfaceName: string): string {
  return `nc-client-${interfaceName}`;
}

/**
 * The whole table of an agent, put into the place of the one before in one transaction.
 *
 * - `strangers`: overlay addresses come from the tunnel only, and what is for this node's own comes from there only.
 * - `leaks`: what is for the overlay leaves through the tunnel or not at all, also while there is no interface.
 * - `passing`, `disguised`, `segments`: the networks behind this machine, and no way to anything else.
 * - `sent`, `returning`: answers to what WireGuard sends are looked up as that was, for machines that check the way back.
 *
 * @see nft(8), "CHAINS"; wg-quick(8) for the marks
 */
export function filterRules(input: FilterInput): string {
  const table = `inet ${tableOf(input.interfaceName)}`;
  const chains = [...overlayChains(input), ...(input.routes.length > 0 ? routingChains(input) : []), ...(input.redirects ? markChains() : [])];
  return [`table ${table} {}`, `delete table ${table}`, `table ${table} {`, ...chains, '}'].join('\n');
}

function overlayChains({ interfaceName, cidr, cidr6 }: FilterInput): string[] {
  const own = `{ "${interfaceName}", "lo" }`;
  const prefixes = [`ip|${cidr}`, ...(cidr6 === '' ? [] : [`ip6|${cidr6}`])].map((each) => each.split('|'));
  return [
    ...chain('strangers', 'type filter hook prerouting priority raw', [
      ...prefixes.map(([family, prefix]) => `iifname != ${own} ${family} saddr ${prefix} drop`),
      ...prefixes.map(([family, prefix]) => `iifname != ${own} ${family} daddr ${prefix} fib daddr type local drop`),
    ]),
    ...chain('leaks', 'type filter hook postrouting priority filter', prefixes.map(([family, prefix]) => `oifname != ${own} ${family} daddr ${prefix} drop`)),
  ];
}

function routingChains({ interfaceName, cidr, routes, guardsForwarding }: FilterInput): string[] {
  return [
    ...chain('passing', 'type filter hook forward priority filter', [
      // An approval that is taken back ends what it had let begin: nothing passes for being established alone.
      ...routes.map((route) => `iifname "${interfaceName}" oifname != "${interfaceName}" ip saddr ${cidr} ip daddr ${route} accept`),
      ...routes.map((route) => `oifname "${interfaceName}" ip saddr ${route} ip daddr ${cidr} ct state established,related accept`),
      ...(guardsForwarding ? ['meta nfproto ipv4 drop'] : []),
    ]),
    ...chain('disguised', 'type nat hook postrouting priority srcnat', routes.map((route) => `oifname != { "${interfaceName}", "lo" } ip saddr ${cidr} ip daddr ${route} masquerade`)),
    // The networks behind know nothing of the tunnel's smaller packets, and not every path tells.
    ...chain('segments', 'type filter hook forward priority mangle', [`oifname "${interfaceName}" tcp flags syn tcp option maxseg size set rt mtu`]),
  ];
}

function markChains(): string[] {
  return [
    ...chain('returning', 'type filter hook prerouting priority mangle', [`ct mark ${EXIT_MARK} meta mark set ${EXIT_MARK}`]),
    ...chain('sent', 'type filter hook postrouting priority mangle', [`meta mark ${EXIT_MARK} ct mark set ${EXIT_MARK}`]),
  ];
}

function chain(name: string, hook: string, rules: readonly string[]): string[] {
  return [`chain ${name} {`, `${hook}; policy accept;`, ...rules, '}'];
}
