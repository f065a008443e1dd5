import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDnsName, reverseName, type DnsName } from '../../src/domain/dns-name.js';
import type { RecordData } from '../../src/domain/dns-record.js';
import { NameTree } from '../../src/domain/name-tree.js';
import { Zone } from '../../src/domain/zone.js';
import type { ZoneChange } from '../../src/domain/zone-input.js';
import { aNode, aService, defaultNetwork } from '../support/dns.js';

const RUNS = { seed: 20_811, numRuns: 200 };
const name = (text: string): DnsName => parseDnsName(text);

const NODE_IDS = ['a', 'b', 'c'];
const NODE_NAMES = ['web', 'db', 'api'];
const HOSTS = [5, 6, 7];
const SERVICE_IDS = ['s1', 's2'];
const SERVICE_NAMES = ['shop', 'store'];

const changes = fc.array(
  fc.oneof(
    fc
      .record({ id: fc.constantFrom(...NODE_IDS), name: fc.constantFrom(...NODE_NAMES), host: fc.constantFrom(...HOSTS), six: fc.boolean() })
      .map(({ id, name, host, six }): ZoneChange => ({ kind: 'node', node: aNode({ id, name, bindIp: `10.66.0.${host}`, bindIp6: six ? `fd00:66::${host}` : '' }) })),
    fc
      .record({ id: fc.constantFrom(...SERVICE_IDS), name: fc.constantFrom(...SERVICE_NAMES), nodeId: fc.constantFrom(...NODE_IDS), address: fc.constantFrom('', '192.0.2.1'), port: fc.integer({ min: 1, max: 3 }) })
      .map((service): ZoneChange => ({ kind: 'service', service: aService(service) })),
    fc.constantFrom(...NODE_IDS).map((id): ZoneChange => ({ kind: 'nodeRemoved', id })),
    fc.constantFrom(...SERVICE_IDS).map((id): ZoneChange => ({ kind: 'serviceRemoved', network: 'default', id })),
  ),
  { maxLength: 30 },
);

/** What the zone should hold, kept the simplest way there is: the last value of everything, read anew for each question. */
class Model {
  readonly #nodes = new Map<string, ReturnType<typeof aNode>>();
  readonly #services = new Map<string, ReturnType<typeof aService>>();

  apply(change: ZoneChange): void {
    if (change.kind === 'node') this.#nodes.set(change.node.id, change.node);
    if (change.kind === 'nodeRemoved') this.#nodes.delete(change.id);
    if (change.kind === 'service') this.#services.set(change.service.id, change.service);
    if (change.kind === 'serviceRemoved') this.#services.delete(change.id);
  }

  nodeAddresses(nodeName: string, six: boolean): string[] {
    const nodes = [...this.#nodes.values()].filter((node) => node.name === nodeName);
    return sorted(nodes.map((node) => (six ? node.bindIp6 : node.bindIp)));
  }

  namesOf(address: string): string[] {
    return sorted([...this.#nodes.values()].filter((node) => node.bindIp === address || node.bindIp6 === address).map((node) => `${node.name}.default.nc.internal`));
  }

  serviceAddresses(serviceName: string, six: boolean): string[] {
    const services = [...this.#services.values()].filter((service) => service.name === serviceName);
    return sorted(services.flatMap((service) => this.#answerOf(service).filter((address) => address.includes(':') === six)));
  }

  ports(serviceName: string): string[] {
    const shown = [...this.#services.values()].filter((service) => service.name === serviceName && this.#answerOf(service).length > 0);
    return sorted(shown.map((service) => `${service.id}:${service.port}`));
  }

  #answerOf(service: ReturnType<typeof aService>): string[] {
    if (service.address !== '') return [service.address];
    const node = this.#nodes.get(service.nodeId);
    return [node?.bindIp ?? '', node?.bindIp6 ?? ''].filter((address) => address !== '');
  }
}

/** Equal ones once, as a set of records holds them. */
function sorted(texts: readonly string[]): string[] {
  return [...new Set(texts)].filter((text) => text !== '').sort();
}

function answersOf(zone: Zone, question: DnsName, type: string): RecordData[] {
  return zone.lookup(question, type)!.answers.map((record) => record.data);
}

function addresses(zone: Zone, question: string, type: 'A' | 'AAAA'): string[] {
  return sorted(answersOf(zone, name(question), type).map((data) => ('address' in data ? data.address : 'other')));
}

function zoneOf(list: readonly ZoneChange[]): Zone {
  const zone = new Zone('nc.internal');
  zone.apply({ kind: 'network', network: defaultNetwork });
  for (const change of list) zone.apply(change);
  return zone;
}

describe('a zone after any changes', () => {
  it('denies each name that a plain list of nodes and services does not have, and only those', () => {
    fc.assert(
      fc.property(changes, (list) => {
        const [zone, model] = [zoneOf(list), new Model()];
        for (const change of list) model.apply(change);
        for (const node of NODE_NAMES) {
          const there = model.nodeAddresses(node, false).length > 0;
          expect(zone.lookup(name(`${node}.default.nc.internal`), 'MX')!.rcode).toBe(there ? 'NOERROR' : 'NXDOMAIN');
        }
        for (const service of SERVICE_NAMES) {
          expect(zone.lookup(name(`_${service}._tcp.svc.nc.internal`), 'MX')!.rcode).toBe(model.ports(service).length > 0 ? 'NOERROR' : 'NXDOMAIN');
        }
      }),
      RUNS,
    );
  });

  it('gives the addresses and the names back that a plain list of nodes gives', () => {
    fc.assert(
      fc.property(changes, (list) => {
        const [zone, model] = [zoneOf(list), new Model()];
        for (const change of list) model.apply(change);
        for (const node of NODE_NAMES) {
          expect(addresses(zone, `${node}.default.nc.internal`, 'A')).toEqual(model.nodeAddresses(node, false));
          expect(addresses(zone, `${node}.default.nc.internal`, 'AAAA')).toEqual(model.nodeAddresses(node, true));
        }
        for (const address of HOSTS.flatMap((host) => [`10.66.0.${host}`, `fd00:66::${host}`])) {
          const targets = answersOf(zone, reverseName(address), 'PTR').map((data) => (data.type === 'PTR' ? data.target : 'other'));
          expect(sorted(targets)).toEqual(model.namesOf(address));
        }
      }),
      RUNS,
    );
  });

  it('gives the addresses and ports that a plain list of services gives', () => {
    fc.assert(
      fc.property(changes, (list) => {
        const [zone, model] = [zoneOf(list), new Model()];
        for (const change of list) model.apply(change);
        for (const service of SERVICE_NAMES) {
          expect(addresses(zone, `${service}.svc.nc.internal`, 'A')).toEqual(model.serviceAddresses(service, false));
          expect(addresses(zone, `${service}.svc.nc.internal`, 'AAAA')).toEqual(model.serviceAddresses(service, true));
          const ports = answersOf(zone, name(`_${service}._tcp.svc.nc.internal`), 'SRV').map((data) => (data.type === 'SRV' ? `${data.target.split('.')[0]}:${data.port}` : 'other'));
          expect(sorted(ports)).toEqual(model.ports(service));
        }
      }),
      RUNS,
    );
  });

  it('shows the same names when every change is made twice', () => {
    fc.assert(
      fc.property(changes, (list) => {
        expect(zoneOf(list.flatMap((change) => [change, change])).size).toBe(zoneOf(list).size);
      }),
      RUNS,
    );
  });

  it('still has nothing to say about a name of somebody else', () => {
    fc.assert(
      fc.property(changes, fc.domain(), (list, domain) => {
        fc.pre(!domain.toLowerCase().endsWith('internal') && !domain.toLowerCase().endsWith('arpa'));
        expect(zoneOf(list).lookup(name(domain), 'A')).toBeUndefined();
      }),
      { ...RUNS, numRuns: 60 },
    );
  });
});

/** Names that are each other's ancestors as often as not. */
const treeNames = fc.array(fc.constantFrom('x', 'y', '*'), { minLength: 1, maxLength: 3 }).map((labels) => name(labels.join('.')));
const steps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('add' as const), name: treeNames, owner: fc.constantFrom('o1', 'o2'), ttl: fc.integer({ min: 1, max: 9 }), host: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ do: fc.constant('remove' as const), name: treeNames, owner: fc.constantFrom('o1', 'o2') }),
    fc.record({ do: fc.constant('hold' as const), name: treeNames }),
  ),
  { maxLength: 25 },
);

interface Kept {
  readonly name: DnsName;
  readonly owner: string;
  readonly ttl: number;
  readonly address: string;
}

/** A tree after the steps, and what a list of records says that it must hold. */
function grown(list: readonly (typeof steps extends fc.Arbitrary<infer T> ? T : never)[number][]): { tree: NameTree; kept: Kept[]; held: DnsName[] } {
  const tree = new NameTree();
  const held: DnsName[] = [];
  let kept: Kept[] = [];
  for (const step of list) {
    if (step.do === 'add') {
      const address = `10.0.0.${step.host}`;
      tree.add(step.name, step.owner, step.ttl, { type: 'A', address });
      kept.push({ name: step.name, owner: step.owner, ttl: step.ttl, address });
    } else if (step.do === 'remove') {
      tree.remove(step.name, step.owner);
      kept = kept.filter((record) => record.name !== step.name || record.owner !== step.owner);
    } else {
      tree.hold(step.name);
      held.push(step.name);
    }
  }
  return { tree, kept, held };
}

/** All names, and all above them. */
function withAncestors(names: readonly DnsName[]): Set<string> {
  return new Set(names.flatMap((each) => each.split('.').map((_, i, labels) => labels.slice(i).join('.'))));
}

describe('a tree of names', () => {
  it('denies every name that has neither record, hold nor anything below it', () => {
    fc.assert(
      fc.property(steps, treeNames, (list, asked) => {
        const { tree, kept, held } = grown(list);
        expect(tree.exists(asked)).toBe(withAncestors([...kept.map((record) => record.name), ...held]).has(asked));
      }),
      RUNS,
    );
  });

  it('gives equal data once, with the least TTL of all of its owners', () => {
    fc.assert(
      fc.property(steps, treeNames, (list, asked) => {
        const { tree, kept } = grown(list);
        const here = kept.filter((record) => record.name === asked);
        const records = tree.records(asked, 'A');
        expect(sorted(records.map(({ data }) => ('address' in data ? data.address : '')))).toEqual(sorted(here.map((record) => record.address)));
        expect(records).toHaveLength(new Set(here.map((record) => record.address)).size);
        for (const record of records) expect(record.ttlSeconds).toBe(Math.min(...here.map((each) => each.ttl)));
      }),
      RUNS,
    );
  });

  it('answers for a name that is not there by the wildcard of its closest ancestor only', () => {
    fc.assert(
      fc.property(steps, treeNames, (list, asked) => {
        const { tree, kept, held } = grown(list);
        const there = withAncestors([...kept.map((record) => record.name), ...held]);
        if (there.size > 0) there.add('');
        const above = asked.split('.').map((_, i, labels) => labels.slice(i + 1).join('.'));
        const encloser = above.find((each) => there.has(each));
        const wildcard = encloser === '' ? '*' : `*.${encloser}`;
        const wanted = there.has(asked) ? asked : encloser !== undefined && there.has(wildcard) ? wildcard : undefined;
        expect(tree.source(asked)).toBe(wanted);
      }),
      RUNS,
    );
  });

  it('is empty again when every record is removed and every hold released', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const { tree, kept, held } = grown(list);
        for (const record of kept) tree.remove(record.name, record.owner);
        for (const each of held) tree.release(each);
        expect(tree.size).toBe(0);
      }),
      RUNS,
    );
  });
});
