import * as v from 'valibot';

const text = v.string();
const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff_ffff));
/** When, or null for never. */
const time = v.nullable(v.pipe(v.string(), v.isoTimestamp()));
const optionalText = v.optional(text, '');
const optionalCount = v.optional(count, 0);
const pageSize = v.optional(v.pipe(v.string(), v.regex(/^[1-9]\d{0,2}$/), v.transform(Number)), '200');

/** A query without anything in it. */
export const NO_QUERY = v.strictObject({});

/** Where an instance is looked up, for those who are not bound to one network. */
export const NETWORK_QUERY = v.strictObject({ network: optionalText });

/** Which services. */
export const FILTER_QUERY = v.strictObject({ network: optionalText, name: optionalText, type: optionalText, channel: optionalText });

/** Which services, a page of them. */
export const LIST_QUERY = v.strictObject({ ...FILTER_QUERY.entries, pageToken: optionalText, pageSize });

/** Which nodes, a page of them. */
export const NODES_QUERY = v.strictObject({ network: optionalText, pageToken: optionalText, pageSize });

/** An instance as somebody wants it registered; what the words may be is told by the refusal of others. */
export const SERVICE_INPUT = v.strictObject({
  name: text,
  id: optionalText,
  network: optionalText,
  node: optionalText,
  address: optionalText,
  port: optionalCount,
  protocol: optionalText,
  weight: optionalCount,
  priority: optionalCount,
  type: optionalText,
  channel: optionalText,
  role: optionalText,
  metadata: v.optional(v.record(v.string(), v.string()), {}),
  ttlSeconds: optionalCount,
  leaseSeconds: optionalCount,
  withNode: v.optional(v.boolean(), false),
  health: optionalText,
  healthReason: optionalText,
});

/** What its owner says of an instance when it renews it. */
export const RENEWAL = v.strictObject({ health: optionalText, healthReason: optionalText });

/** An instance as it is registered. */
export const SERVICE = v.strictObject({
  id: text,
  name: text,
  network: text,
  nodeId: text,
  address: text,
  port: count,
  protocol: v.picklist(['tcp', 'udp']),
  weight: count,
  priority: count,
  type: text,
  channel: v.picklist(['stable', 'beta', 'alpha']),
  role: v.picklist(['', 'primary', 'replica']),
  metadata: v.record(v.string(), v.string()),
  ttlSeconds: count,
  leaseSeconds: count,
  leaseLeftMs: count,
  withNode: v.boolean(),
  health: v.picklist(['', 'passing', 'failing']),
  healthReason: text,
  withheld: text,
  createdAt: time,
  since: time,
});

/** A page of instances. */
export const SERVICE_LIST = v.strictObject({ services: v.array(SERVICE), nextPageToken: text });

/** A node, as dashboards see it. */
export const NODE = v.strictObject({
  id: text,
  name: text,
  network: text,
  bindIp: text,
  bindIp6: text,
  state: v.picklist(['idle', 'init', 'connected']),
  labels: v.array(text),
  version: text,
  createdAt: time,
  lastSeen: time,
});

/** A page of nodes. */
export const NODE_LIST = v.strictObject({ nodes: v.array(NODE), nextPageToken: text });

/** How the cluster is. */
export const STATUS = v.strictObject({
  clusterId: text,
  version: text,
  state: v.picklist(['starting', 'running', 'draining', 'degraded']),
  revision: text,
  startedAt: time,
  nodes: v.strictObject({ total: count, connected: count }),
  services: count,
  networks: v.array(v.strictObject({ name: text, cidr: text, cidr6: text, mtu: count })),
});

/** A refusal. @see RFC 9457 §3 */
export const PROBLEM = v.strictObject({
  type: text,
  title: text,
  status: v.pipe(v.number(), v.integer(), v.minValue(400), v.maxValue(599)),
  detail: text,
  code: v.optional(text),
  requestId: text,
});
