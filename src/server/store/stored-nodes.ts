import type { Database } from 'better-sqlite3';
import type { Cidr4 } from '../../domain/cidr.js';
import { formatIp4, type Ip4 } from '../../domain/ip.js';
import type { ZoneNode } from '../../domain/zone-input.js';
import { openForReading } from './database.js';
import { keys } from './keys.js';
import { RecordReader } from './record-reader.js';

const NODE = 'SELECT t.node_id AS id, t.network, t.name, t.bind_ip AS bindIp, t.bind_ip6 AS bindIp6 FROM network_mgr t';
const OCTETS = 4;

/**
 * Names and addresses of nodes, read where they are stored: for another thread than the one that holds the snapshot. Every read sees all that
 * was committed before it, which may be more than has been told of. It holds no transaction open between reads, so the
 * writer's log is not kept from starting over.
 */
export class StoredNodes {
  readonly #db: Database;
  readonly #reader: RecordReader;

  /** @param file The SQLite file of the store, or of the copy that follows it. */
  constructor(file: string) {
    this.#db = openForReading(file);
    this.#reader = new RecordReader(this.#db);
  }

  byId(nodeId: string): ZoneNode | undefined {
    return this.#reader.rows<ZoneNode>(`${NODE} WHERE t.node_id = ?`, nodeId)[0];
  }

  byName(network: string, name: string): ZoneNode | undefined {
    const owner = this.#reader.at('name', keys.name(network, name))?.value;
    const node = owner && this.byId(owner.nodeId);
    return node?.name === name && node.network === network ? node : undefined;
  }

  /** @param address IPv4. */
  byAddress(network: string, address: string): ZoneNode | undefined {
    return this.#reader.rows<ZoneNode>(`${NODE} JOIN addresses a ON a.node_id = t.node_id WHERE a.network = ? AND a.address = ?`, network, address)[0];
  }

  /** Whether an address of `range` is somebody's, rests or is kept for a token. @param range At least one octet is given. */
  holdsAddressIn(network: string, range: Cidr4): boolean {
    const sql = 'SELECT address FROM addresses WHERE network = ? AND address >= ? AND address < ? LIMIT 1';
    return textRanges(range).some(([from, to]) => this.#reader.column(sql, network, from, to).length > 0);
  }

  /** How many nodes a network has, the controller's own not counted. */
  count(network: string): number {
    return this.#reader.number(`SELECT n FROM counters WHERE name = 'nodes' AND network = ?`, network);
  }

  close(): void {
    this.#db.close();
  }
}

/** The same range of addresses as they are ordered as texts: one for each row of whole octets. */
function textRanges({ base, prefixLength }: Cidr4): [from: string, to: string][] {
  const octets = Math.ceil(prefixLength / 8);
  const step = 2 ** (8 * (OCTETS - octets));
  return Array.from({ length: 2 ** (8 * octets - prefixLength) }, (_, i) => {
    const start = formatIp4((base + i * step) as Ip4).split('.').slice(0, octets).join('.');
    // The slash comes right after the dot; a blank comes before whatever an address goes on with.
    return octets === OCTETS ? [start, `${start} `] : [`${start}.`, `${start}/`];
  });
}
