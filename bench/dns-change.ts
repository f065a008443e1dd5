import { setTimeout as sleep } from 'node:timers/promises';
import { AddRecordRequest } from '../src/gen/networkcontroller/v1/dns.js';
import { callUnary } from '../src/platform/rpc-client.js';
import type { Measured, Target } from './bench.js';
import { untilAnswered } from './dns-names.js';
import { startLoad, type Asking } from './dnsperf.js';
import type { BenchServer } from './server.js';

const CHANGES = 60;
/** Between two changes, random so that they meet the load and the server's timers at any moment. */
const PAUSE_MS = 40;
/** The load ends with the last change; this bounds it on a busy machine. */
const LOAD_SECONDS = 60;
const TARGET: Target = { kind: 'at most', of: 'value', limit: 50 };

/**
 * Adds records one after the other while others ask, and looks when an answer over UDP shows each.
 *
 * The commit is between the request and the server's answer to it: counted from the answer a change can be seen too early, which
 * is 0 then, and from the request too late. Both are told.
 */
export async function measureChanges(server: BenchServer, asking: Asking, ratePerSecond: number): Promise<Measured[]> {
  const load = startLoad(asking, { seconds: LOAD_SECONDS, ratePerSecond });
  const [visible, committed]: [number[], number[]] = [[], []];
  for (let i = 0; i < CHANGES; i++) {
    await sleep(Math.random() * 2 * PAUSE_MS);
    const [seenMs, doneMs] = await change(server, asking.port, i);
    visible.push(seenMs);
    committed.push(doneMs);
  }
  if (!load.isOn()) throw new Error(`want ${CHANGES} changes under load, but the load was over before the last`);
  const { perSecond } = await load.end();
  const what = `a change in an answer, at ${Math.round(perSecond).toLocaleString('en')} queries/s`;
  const after = visible.map((seenMs, i) => Math.max(0, seenMs - committed[i]!));
  return [
    { what: `${what}, after its commit`, unit: 'ms', values: after, targets: [TARGET] },
    { what: `the same, worst of ${CHANGES}`, unit: 'ms', values: [Math.max(...after)], targets: [TARGET] },
    { what: 'the same, counted from the request', unit: 'ms', values: visible, floor: { what: 'until committed', values: committed } },
    { what: `the same, counted from the request, worst of ${CHANGES}`, unit: 'ms', values: [Math.max(...visible)], floor: { what: 'until committed', values: [Math.max(...committed)] } },
  ];
}

/** @returns after how long it was seen, and committed. */
function change(server: BenchServer, port: number, i: number): Promise<[number, number]> {
  const [name, value] = [`change-${i}.nc.internal`, `192.0.2.${i + 1}`];
  const start = performance.now();
  const elapsed = (): number => performance.now() - start;
  const commit = callUnary(server.admin, 'addRecord', AddRecordRequest.fromPartial({ record: { name, type: 'A', value } }));
  return Promise.all([untilAnswered(port, name, value).then(elapsed), commit.then(elapsed)]);
}
