import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ZoneChange } from '../../../src/domain/zone-input.js';
import { packChanges, portionsOf, unpackChanges } from '../../../src/server/dns/packed-changes.js';
import { aNode, defaultNetwork, put } from '../../support/dns.js';

describe('changes on their way to another thread', () => {
  it('come out as they went in, in their order', () => {
    const text = fc.constantFrom('', 'a', 'b', '10.66.0.5', 'fd00::5', 'kind');
    const change: fc.Arbitrary<ZoneChange> = fc.oneof(
      fc.record({ kind: fc.constant('node' as const), node: fc.record({ id: text, network: text, name: text, bindIp: text, bindIp6: text }) }),
      fc.record({ kind: fc.constant('nodeRemoved' as const), id: text }),
      fc.constant<ZoneChange>({ kind: 'network', network: defaultNetwork }),
      fc.constant(put.service()),
    );
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
        expect([...unpackChanges(structuredClone(packChanges(changes)))]).toEqual(changes);
      }),
      { seed: 5, numRuns: 300 },
    );
  });

  it('are one row as long as they are nodes of one network', () => {
    const node = (network: string): ZoneChange => ({ kind: 'node', node: aNode({ network }) });

    expect(packChanges([node('a'), node('a'), node('b'), put.service(), node('b')])).toHaveLength(4);
  });
});

describe('portions', () => {
  it.each([
    [0, []],
    [1, [1]],
    [3, [3]],
    [7, [3, 3, 1]],
  ])('of %i things have all of them', (count, lengths) => {
    const things = Array.from({ length: count }, (_, i) => i);

    const portions = [...portionsOf(things, 3)];

    expect(portions.map(({ length }) => length)).toEqual(lengths);
    expect(portions.flat()).toEqual(things);
  });
});
