import { expect, it } from 'vitest';
import { LabCluster, type LabNode, type LogLine } from '../support/lab-cluster.js';
import { describeLab } from '../support/lab-vitest.js';
import { until } from '../support/until.js';

const RENEWALS = 60;
/** A gRPC certificate is renewed with more than a second left. The network certificate outlives many renewals, more than it does by default. */
const CERTIFICATES = { grpc: '4s', network: '50s' };
/** Until the nodes have found each other and the controller has started again: on a busy machine that takes longer than the others live. */
const AT_FIRST = { grpc: '20s', network: '10m' };
/** Only ends a test that hangs: a renewal is due every two seconds. */
const LIMIT_MS = RENEWALS * 8_000;
/** Between the moment of a call that the log gives and the one at which it was let in. */
const LOG_MS = 500;

describeLab('in a network whose certificates live for seconds', () => {
  it('no ping is lost over sixty renewals of each node, and no certificate is taken past its end', async () => {
    const cluster = await LabCluster.start(['n1', 'n2', 'n3'], { certificates: AT_FIRST });
    await cluster.untilDirect();
    const streams = cluster.nodes.map((node, i) => cluster.pinging(node, cluster.nodes[(i + 1) % 3]!));
    await cluster.startController({ certificates: CERTIFICATES });
    const before = new Map(cluster.nodes.map((node) => [node, renewalsOf(node).length]));

    await until(() => every(500, () => cluster.nodes.every((node) => renewalsOf(node).length >= before.get(node)! + RENEWALS)), `${RENEWALS} renewals of each`, LIMIT_MS);
    for (const stream of streams) await moreAnswers(stream);

    const pings = await Promise.all(streams.map((stream) => stream.stop()));
    expect(pings.map(({ lost }) => lost)).toEqual([0, 0, 0]);
    const ends = new Map(cluster.nodes.flatMap(certificatesOf));
    const calls = callsIn(cluster.log());
    expect(ends.size).toBeGreaterThanOrEqual(3 * (RENEWALS + 1));
    expect(calls.filter(({ serial }) => !ends.has(serial))).toEqual([]);
    expect(calls.filter(({ serial, atMs }) => atMs > ends.get(serial)! + LOG_MS)).toEqual([]);
    tell(cluster, pings.map(({ received }) => received), calls.length, ends.size);
  }, LIMIT_MS + 600_000);
});

/** A call that the controller answered, and the certificate that let it in. */
interface Call {
  readonly serial: string;
  /** When it began. */
  readonly atMs: number;
}

function callsIn(lines: readonly LogLine[]): Call[] {
  const ofNodes = lines.filter((line) => line['serial'] !== undefined && line['method'] !== undefined);
  return ofNodes.map((line) => ({ serial: String(line['serial']), atMs: Date.parse(line.time) - Number(line['ms']) }));
}

function renewalsOf(node: LabNode): LogLine[] {
  return node.log().filter(({ message }) => message === 'certificates renewed');
}

/** The serial number and the end of every gRPC certificate that the node ever had. */
function certificatesOf(node: LabNode): [string, number][] {
  const first = node.firstCertificate;
  const later = renewalsOf(node).map((line): [string, number] => [String(line['serial']), Date.parse(String(line['until']))]);
  return [[first.serialNumber, Date.parse(first.validTo)], ...later];
}

/** Looks at most every `ms`. */
async function every<T>(ms: number, look: () => T): Promise<T> {
  await new Promise((resolve) => setTimeout(resolve, ms));
  return look();
}

/** Traffic still flows at the end. */
async function moreAnswers(stream: { answered(): number }): Promise<void> {
  const before = stream.answered();
  await until(() => stream.answered() > before + 3, 'more pings to be answered', 60_000);
}

function tell(cluster: LabCluster, answered: readonly number[], calls: number, certificates: number): void {
  const recovered = cluster.nodes.flatMap(renewalsOf).filter((line) => line['recovered'] === true).length;
  console.log(`${cluster.nodes.map((node) => `${node.name} ${renewalsOf(node).length}`).join(', ')} renewals, ${recovered} of them after the end; ${answered.join(', ')} pings answered, 0 lost; ${calls} calls with ${certificates} certificates`);
}
