import { describe, expect, it } from 'vitest';
import { Endpoint_Kind } from '../../../../src/gen/networkcontroller/v1/types.js';
import { natKind } from '../../../../src/server/services/explain/pair.js';

const local = (address: string) => ({ address, kind: Endpoint_Kind.KIND_LOCAL });
const reflexive = (address: string) => ({ address, kind: Endpoint_Kind.KIND_REFLEXIVE });

describe('the NAT before a node', () => {
  it.each([
    ['unknown when the controller does not see it', '', [local('192.168.1.2:1')], true, 'unknown'],
    ['unknown when it never said', '203.0.113.1:4000', [local('192.168.1.2:1')], undefined, 'unknown'],
    ['open at an address of its own, whatever the port', '203.0.113.1:4000', [local('203.0.113.1:51820')], undefined, 'open'],
    ['open over IPv6', '[2001:db8::1]:4000', [local('[2001:db8::1]:51820')], true, 'open'],
    ['no opening that the controller told it of', '203.0.113.1:4000', [local('192.168.1.2:1'), reflexive('203.0.113.1:4000')], false, 'cone'],
    ['symmetric where each destination sees another port', '203.0.113.1:4000', [local('192.168.1.2:1')], true, 'symmetric'],
  ] as const)('is %s', (_what, seen, own, symmetric, kind) => {
    expect(natKind(seen, own, symmetric)).toBe(kind);
  });
});
