import { reverseName, type DnsName } from './dns-name.js';
import type { ResourceRecord } from './dns-record.js';
import type { Leaves, NameTree } from './name-tree.js';
import type { ZoneNode } from './zone-input.js';
import { nodeRecords } from './zone-records.js';

/** Nodes that are kept elsewhere, and looked up when somebody asks for one of their names. */
export interface NodeLookup extends Leaves {
  /** The node with this id, whose addresses its services answer with. */
  byId(id: string): ZoneNode | undefined;
}

/** Nodes by the first label of one of their names; nearly always one. */
type Family = Map<string, ZoneNode | readonly ZoneNode[]>;

/** A name in two parts: most share what is above them. */
interface Place {
  readonly parent: DnsName;
  readonly label: string;
}

/** A label that means what it says: no dot, no escape, no upper case. */
const PLAIN_LABEL = /^[a-z0-9_-]{1,63}$/;
/** Both labels may have as many octets as they like in a name with so many behind them. */
const MAX_ZONE_OCTETS = 100;

/**
 * The names of nodes, forwards and back, as leaves of a tree.
 *
 * A zone has two or three records for every node, most of which nobody ever asks for. So this keeps the nodes alone, and makes their
 * records when somebody does.
 */
export class NodeNames implements Leaves {
  readonly #zone: DnsName;
  readonly #tree: Pick<NameTree, 'hold' | 'release'>;
  readonly #families = new Map<DnsName, Family>();
  #size = 0;

  /** @param tree Where the names above those of nodes exist; told of each when it gets a first node, and when it loses its last. */
  constructor(zone: DnsName, tree: Pick<NameTree, 'hold' | 'release'>) {
    this.#zone = zone;
    this.#tree = tree;
  }

  /** How many names there are. */
  get size(): number {
    return this.#size;
  }

  /**
   * Where the names of a node stand; undefined for one that cannot be kept here. All that are registered can: their names and their
   * networks' are plain labels.
   *
   * @throws DomainError `invalid_argument` for an address that is none.
   */
  placesOf({ name, network, bindIp, bindIp6 }: ZoneNode): readonly Place[] | undefined {
    const places = [placeOf(`${name}.${network}.${this.#zone}` as DnsName)];
    if (bindIp !== '') places.push(placeOf(reverseName(bindIp)));
    if (bindIp6 !== '') places.push(placeOf(reverseName(bindIp6)));
    return PLAIN_LABEL.test(name) && PLAIN_LABEL.test(network) && this.#zone.length <= MAX_ZONE_OCTETS ? places : undefined;
  }

  /** @param places Of this node, as {@link placesOf} has them. */
  add(node: ZoneNode, places: readonly Place[]): void {
    for (const place of places) this.#put(place, node);
  }

  remove(node: ZoneNode, places: readonly Place[]): void {
    for (const place of places) this.#drop(place, node);
  }

  has(name: DnsName): boolean {
    const { parent, label } = placeOf(name);
    return this.#families.get(parent)?.has(label) ?? false;
  }

  /** The records at `name`, of all nodes that have it. */
  records(name: DnsName): ResourceRecord[] {
    const { parent, label } = placeOf(name);
    const nodes = this.#families.get(parent)?.get(label);
    return nodes === undefined ? [] : listOf(nodes).flatMap((node) => nodeRecords(node, this.#zone).filter((record) => record.name === name));
  }

  #put({ parent, label }: Place, node: ZoneNode): void {
    const family: Family = this.#families.get(parent) ?? new Map();
    if (family.size === 0) {
      this.#families.set(parent, family);
      this.#tree.hold(parent);
    }
    const others = family.get(label);
    if (others === undefined) this.#size++;
    family.set(label, others === undefined ? node : [...listOf(others), node]);
  }

  #drop({ parent, label }: Place, node: ZoneNode): void {
    const family = this.#families.get(parent);
    const before = family?.get(label);
    if (family === undefined || before === undefined) return;
    const [first, ...others] = listOf(before).filter(({ id }) => id !== node.id);
    if (first !== undefined) return void family.set(label, others.length === 0 ? first : [first, ...others]);
    family.delete(label);
    this.#size--;
    if (family.size > 0) return;
    this.#families.delete(parent);
    this.#tree.release(parent);
  }
}

function listOf(nodes: ZoneNode | readonly ZoneNode[]): readonly ZoneNode[] {
  return 'id' in nodes ? [nodes] : nodes;
}

function placeOf(name: DnsName): Place {
  const dot = name.indexOf('.');
  return dot < 0 ? { parent: '' as DnsName, label: name } : { parent: name.slice(dot + 1) as DnsName, label: name.slice(0, dot) };
}
