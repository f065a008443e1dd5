import { describe, expect, it } from 'vitest';
import { localCandidates, orderCandidates } from '../../src/client/candidates.js';
import { Endpoint_Kind, type Endpoint } from '../../src/gen/networkcontroller/v1/types.js';

const OPTIONS = { listenPort: 51_820, interfaceName: 'nc0', overlay: ['10.66.0.0/24', 'fd00:66::/64', ''] };

describe('local candidates', () => {
  it('leave out what means nothing to others', () => {
    const interfaces = {
      lo: [anAddress('127.0.0.1', { internal: true }), anAddress('::1', { internal: true })],
      nc0: [anAddress('10.66.0.5')],
      docker0: [anAddress('172.17.0.1')],
      'br-1a2b': [anAddress('172.18.0.1')],
      cni0: [anAddress('10.42.0.1')],
      veth12: [anAddress('10.42.0.7')],
      eth1: [anAddress('169.254.3.4'), anAddress('fe80::1'), anAddress('10.66.0.77'), anAddress('fd00:66::77')],
    };

    expect(localCandidates(interfaces, OPTIONS)).toEqual([]);
  });

  it('are the addresses of the machine with our port, IPv4 first', () => {
    const interfaces = { eth0: [anAddress('2001:db8::7'), anAddress('192.168.1.7')], wlan0: [anAddress('10.0.0.7')] };

    expect(localCandidates(interfaces, OPTIONS)).toEqual([
      { address: '192.168.1.7:51820', kind: Endpoint_Kind.KIND_LOCAL },
      { address: '10.0.0.7:51820', kind: Endpoint_Kind.KIND_LOCAL },
      { address: '[2001:db8::7]:51820', kind: Endpoint_Kind.KIND_LOCAL },
    ]);
  });

  it('are ten at most', () => {
    const interfaces = { eth0: Array.from({ length: 300 }, (_, n) => anAddress(`192.168.${Math.floor(n / 250)}.${n % 250}`)) };

    expect(localCandidates(interfaces, OPTIONS)).toHaveLength(10);
  });
});

describe('the order of candidates', () => {
  it('tries the outside first, and of the inside only a network that we are in', () => {
    const own = [local('192.168.1.5:1'), reflexive('203.0.113.21:1')];
    const theirs = [local('192.168.1.9:2'), local('10.1.1.9:2'), reflexive('203.0.113.22:2')];

    expect(orderCandidates(own, theirs)).toEqual(['203.0.113.22:2', '192.168.1.9:2']);
  });

  it('tries the inside first behind the same NAT, the nearest before the others', () => {
    const own = [local('192.168.1.5:1'), reflexive('203.0.113.21:1')];
    const theirs = [local('10.1.1.9:2'), local('192.168.1.9:2'), reflexive('203.0.113.21:2')];

    expect(orderCandidates(own, theirs)).toEqual(['192.168.1.9:2', '10.1.1.9:2', '203.0.113.21:2']);
  });

  it('takes nobody for a neighbour of whom the controller knows where he is, and of us not', () => {
    const theirs = [local('192.168.1.9:2'), reflexive('203.0.113.22:2')];

    expect(orderCandidates([local('192.168.1.5:1')], theirs)[0]).toBe('203.0.113.22:2');
    expect(orderCandidates([local('192.168.1.5:1')], [local('10.1.1.9:2')])).toEqual(['10.1.1.9:2']);
  });

  it('trusts a port that somebody has forwarded most', () => {
    const theirs = [reflexive('203.0.113.22:2'), { address: '203.0.113.22:51820', kind: Endpoint_Kind.KIND_CONFIGURED }];

    expect(orderCandidates([reflexive('203.0.113.21:1')], theirs)[0]).toBe('203.0.113.22:51820');
  });

  it('spares the port that the controller sees where it is of no use', () => {
    const own = [local('192.168.1.5:1'), reflexive('203.0.113.21:1')];
    const theirs = [local('192.168.1.9:2'), reflexive('203.0.113.22:2')];

    expect(orderCandidates(own, theirs, { seenPort: false })).toEqual(['192.168.1.9:2']);
  });

  it('leaves out a family that we do not speak, host names and repetitions', () => {
    const theirs = [reflexive('[2001:db8::9]:2'), reflexive('203.0.113.22:2'), local('203.0.113.22:2'), local('evil.example:2'), local('rubbish')];

    expect(orderCandidates([local('192.168.1.5:1')], theirs)).toEqual(['203.0.113.22:2']);
  });

  it('tries four at most, whatever a peer claims', () => {
    const theirs = Array.from({ length: 16 }, (_, n) => local(`10.1.1.${n}:2`));

    expect(orderCandidates([local('192.168.1.5:1')], theirs)).toHaveLength(4);
  });
});

function anAddress(address: string, over: { internal?: boolean } = {}) {
  const family = address.includes(':') ? ('IPv6' as const) : ('IPv4' as const);
  return { address, family, internal: false, netmask: '', mac: '', cidr: null, scopeid: 0, ...over } as never;
}

function local(address: string): Endpoint {
  return { address, kind: Endpoint_Kind.KIND_LOCAL };
}

function reflexive(address: string): Endpoint {
  return { address, kind: Endpoint_Kind.KIND_REFLEXIVE };
}
