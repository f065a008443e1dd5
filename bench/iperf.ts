import type { Lab } from '../test/support/lab.js';
import { until } from '../test/support/until.js';

/** What iperf3(1) prints, as far as it is read. */
interface IperfReport {
  readonly error?: string;
  readonly end: { readonly sum_received?: { readonly bits_per_second: number } };
}

/**
 * One TCP connection between two machines that sends as much as it can.
 *
 * @param address Of `to`, on the way that is measured.
 * @returns what arrived, Mbit/s.
 */
export async function tcpMbits(lab: Lab, from: string, to: string, address: string, seconds: number): Promise<number> {
  // A server for each: one that serves on is sometimes still busy with the end of the last connection.
  const server = lab.spawn(to, ['iperf3', '--server', '--one-off', '--forceflush'], { name: `${to}: iperf3` });
  await until(() => {
    if (!server.isRunning) throw new Error(`iperf3 on ${to}: ${server.output()}; "node scripts/system-packages.mjs bench" installs it`);
    return server.output().includes('listening');
  }, 'iperf3 to listen');
  try {
    const { stdout } = await lab.exec(from, ['iperf3', '--client', address, '--time', String(seconds), '--json'], { timeoutMs: seconds * 1000 + 60_000 });
    const { error, end } = JSON.parse(stdout) as IperfReport;
    if (end.sum_received === undefined) throw new Error(`iperf3 from ${from} to ${address}: ${error ?? stdout}`);
    return end.sum_received.bits_per_second / 1e6;
  } finally {
    await server.stop();
  }
}
