/**
 * How a router translates, by what Linux can do:
 * `cone` keeps the port and lets only answers in (port-restricted), `sym` takes another port for each destination,
 * `fullcone` sends everything that comes in on UDP to one host, `none` only routes.
 */
export type NatKind = 'cone' | 'sym' | 'fullcone' | 'none';

/**
 * The nftables rules of a router whose outside is `wan0`.
 *
 * @param host The inside host of a full cone.
 */
export function natRules(kind: NatKind, host = ''): string {
  return `table ip nat {
  chain before {
    type nat hook prerouting priority dstnat
    ${kind === 'fullcone' ? `iifname "wan0" udp dport 1024-65535 dnat to ${host}` : ''}
  }
  chain after {
    type nat hook postrouting priority srcnat
    ${kind === 'none' ? '' : `oifname "wan0" masquerade ${kind === 'sym' ? 'fully-random' : ''}`}
  }
}
table inet filter {
  chain input {
    type filter hook input priority filter
    ct state established,related accept
    # A packet that the router accepts for itself leaves a tracked connection that then blocks a hole punch.
    iifname "wan0" meta l4proto udp drop
  }
  chain forwarded {
    type filter hook forward priority filter; policy ${kind === 'none' ? 'accept' : 'drop'}
    ct state established,related accept
    iifname != "wan0" accept
    ct status dnat accept
  }
  chain blocked {
    type filter hook forward priority -10
  }
}
`;
}
