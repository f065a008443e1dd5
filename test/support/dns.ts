import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { decode, encode, RECURSION_DESIRED, type DecodedPacket } from 'dns-packet';
import { onTestFinished } from 'vitest';
import type { ZoneChange, ZoneNode, ZoneService } from '../../src/domain/zone-input.js';
import { silentLog } from '../../src/platform/log.js';
import { startDns, type Dns, type DnsOptions } from '../../src/server/dns/start-dns.js';

const run = promisify(execFile);

export const defaultNetwork = { name: 'default', cidr: '10.66.0.0/24', cidr6: 'fd00:66::/64' };

export function aNode(values: Partial<ZoneNode> = {}): ZoneNode {
  return { id: 'node-1', network: 'default', name: 'web-1', bindIp: '10.66.0.5', bindIp6: 'fd00:66::5', ...values };
}

export function aService(values: Partial<ZoneService> = {}): ZoneService {
  return {
    id: 'i1',
    name: 'shop',
    network: 'default',
    nodeId: 'node-1',
    address: '',
    port: 8080,
    protocol: 'tcp',
    weight: 10,
    priority: 1,
    channel: 'stable',
    type: '',
    role: '',
    metadata: {},
    ttlSeconds: 10,
    ...values,
  };
}

export const put = {
  node: (values: Partial<ZoneNode> = {}): ZoneChange => ({ kind: 'node', node: aNode(values) }),
  service: (values: Partial<ZoneService> = {}): ZoneChange => ({ kind: 'service', service: aService(values) }),
};

/** A name server on a free port of 127.0.0.1 that ends with the test. */
export async function startTestDns(options: Partial<DnsOptions> = {}): Promise<Dns & { readonly port: number }> {
  const dns = await startDns({
    listen: [{ host: '127.0.0.1', port: 0 }],
    zone: 'nc.internal',
    networks: [defaultNetwork],
    changes: [put.node(), put.service()],
    revision: 7n,
    upstreams: [],
    log: silentLog,
    ...options,
  });
  onTestFinished(() => dns.stop());
  return Object.assign(dns, { port: dns.ports[0] ?? 0 });
}

/** What dig(1) prints. One try of two seconds: an answer that is missing fails the test soon. */
export async function dig(port: number, ...args: string[]): Promise<string> {
  const { stdout } = await run('dig', ['@127.0.0.1', '-p', String(port), '+tries=1', '+time=2', ...args]).catch((error: { stdout: string }) => error);
  return stdout;
}

/** The status that dig(1) reports, `NXDOMAIN`. */
export async function digStatus(port: number, ...args: string[]): Promise<string | undefined> {
  return /status: (\w+)/.exec(await dig(port, ...args))?.[1];
}

/** A query's octets; it wants recursion, as every stub does. */
export function aQuery(name: string, type: 'A' | 'AAAA' | 'CAA' | 'MX' | 'SRV' | 'TXT' | 'PTR' | 'SOA' | 'NS' | 'CNAME' = 'A', id = 4711): Buffer {
  return encode({ type: 'query', id, flags: RECURSION_DESIRED, questions: [{ type, name }] });
}

/** An answer's octets as fields. */
export function read(answer: Uint8Array | undefined): DecodedPacket & { readonly rcode: string } {
  if (answer === undefined) throw new Error('want an answer, got none');
  return decode(Buffer.from(answer)) as DecodedPacket & { readonly rcode: string };
}
