import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { etcdProgram } from '../support/etcd.js';
import { Lab } from '../support/lab.js';
import type { LabProcess } from '../support/lab-process.js';
import { describeLab } from '../support/lab-vitest.js';
import { until } from '../support/until.js';

const CLIENT = 'client';
const CLIENT_ADDRESS = '203.0.113.20';
const MEMBERS = [11, 12, 13].map((last) => `203.0.113.${last}`);
const ENDPOINTS = MEMBERS.map((address) => `http://${address}:2379`);
const DRIVER = [process.execPath, '--import', 'tsx', 'test/support/etcd-partition-driver.ts'];

/** Acknowledged writes by which one sees that things go on. */
const SOME = 30;
/** Elections and the replacement of a silent watch take some seconds on a quiet machine. */
const PATIENCE_MS = 120_000;

/** What the driver tells in the end, "key revision" each. */
interface Summary {
  readonly written: readonly string[];
  readonly told: readonly string[];
  readonly kept: readonly string[];
}

describeLab('three members of etcd of which the leader is cut off', () => {
  const dir = mkdtempSync(join(tmpdir(), 'nc-partition-'));
  let lab: Lab;
  let driver: Driver;

  beforeAll(async () => {
    lab = new Lab();
    await lab.wan();
    for (const [i, address] of MEMBERS.entries()) await lab.host(`m${i}`, address);
    await lab.host(CLIENT, CLIENT_ADDRESS);
    for (const i of MEMBERS.keys()) lab.spawn(`m${i}`, etcdArguments(i, dir));
    driver = new Driver(lab.spawn(CLIENT, [...DRIVER, ...ENDPOINTS]));
    await driver.leader();
  }, PATIENCE_MS);
  afterAll(async () => {
    await lab?.destroy();
    rmSync(dir, { recursive: true, force: true });
  });

  /** Cuts the leader off as `rules` say, lets it be for a while, and heals it; client and watch begin at the leader. */
  async function partition(rules: (peers: readonly string[]) => readonly string[]): Promise<Summary & { acknowledgedAlone: readonly string[] }> {
    const leader = await driver.leader();
    const peers = MEMBERS.filter((_, i) => i !== leader);
    driver.tell(`begin ${leader}`);
    await driver.acked(SOME);

    await lab.nft(`m${leader}`, `table inet cut {\n${rules(peers).map((rule, i) => `chain c${i} {\n${rule}\n}`).join('\n')}\n}`);
    driver.tell(`alone ${leader}`);
    // Some may be acknowledged before the rules are seen; then only the others can.
    await driver.acked(SOME * 3);
    await lab.nft(`m${leader}`, 'delete table inet cut');
    driver.tell('healed');
    const { acknowledgedAlone } = await driver.answer<{ acknowledgedAlone: string[] }>('acknowledgedAlone');
    await driver.leader();
    driver.tell('finish');
    return { ...(await driver.answer<Summary>('written')), acknowledgedAlone };
  }

  const input = (from: readonly string[]): string => `type filter hook input priority 0; ip saddr { ${from.join(', ')} } drop`;
  const output = (to: readonly string[]): string => `type filter hook output priority 0; ip daddr { ${to.join(', ')} } drop`;
  const everybody = (peers: readonly string[]): string[] => [...peers, CLIENT_ADDRESS];

  it.each([
    ['from everybody', (peers: readonly string[]) => [input(everybody(peers)), output(everybody(peers))]],
    ['from its peers, and is still reached by those who write', (peers: readonly string[]) => [input(peers), output(peers)]],
    ['so that it is not heard by its peers, and hears them', (peers: readonly string[]) => [output(peers)]],
    ['so that it hears nothing of its peers, and is heard', (peers: readonly string[]) => [input(peers)]],
  ])('lose no acknowledged write and leave no gap in a watch when it is cut off %s', { timeout: 3 * PATIENCE_MS }, async (_how, rules) => {
    const { written, told, kept, acknowledgedAlone } = await partition(rules);

    expect(written.filter((write) => !kept.includes(write))).toEqual([]);
    const sinceBegin = kept.filter((record) => revOf(record) >= revOf(told[0]!));
    expect(told).toEqual(sinceBegin.sort((a, b) => revOf(a) - revOf(b)));
    // Alone it may take a write in before it notices, but acknowledges none that is not kept.
    expect(acknowledgedAlone.filter((key) => !kept.some((record) => record.startsWith(`${key} `)))).toEqual([]);
  });
});

function revOf(record: string): number {
  return Number(record.split(' ')[1]);
}

/** The program in the client's machine. */
class Driver {
  readonly #process: LabProcess;
  /** Lines that have been read. */
  #read = 0;

  constructor(process: LabProcess) {
    this.#process = process;
  }

  tell(line: string): void {
    this.#process.child.stdin.write(`${line}\n`);
  }

  /** Waits until all agree on who leads. */
  async leader(): Promise<number> {
    for (;;) {
      this.tell('leader');
      const { leader } = await this.answer<{ leader: number }>('leader');
      if (leader >= 0) return leader;
    }
  }

  /** Waits for so many acknowledged writes since the beginning. */
  async acked(count: number): Promise<void> {
    while ((await this.answer<{ acked: number }>('acked')).acked < count);
  }

  /** The next line that has `field`; those before it are passed over. */
  answer<T>(field: string): Promise<T> {
    return until(
      () => {
        if (!this.#process.isRunning) throw new Error(this.#process.output());
        const lines = this.#process.output().split('\n').slice(0, -1);
        while (this.#read < lines.length) {
          const line = lines[this.#read++]!;
          if (line.startsWith(`{"${field}"`)) return JSON.parse(line) as T;
        }
        return undefined;
      },
      `the driver to tell ${field}`,
      PATIENCE_MS,
    ) as Promise<T>;
  }
}

function etcdArguments(i: number, dir: string): string[] {
  const [client, peer] = [2379, 2380].map((port) => `http://${MEMBERS[i]}:${port}`) as [string, string];
  const cluster = MEMBERS.map((address, n) => `m${n}=http://${address}:2380`).join(',');
  const flags = { name: `m${i}`, 'data-dir': join(dir, `m${i}`), 'listen-client-urls': client, 'advertise-client-urls': client, 'listen-peer-urls': peer, 'initial-advertise-peer-urls': peer, 'initial-cluster': cluster, 'pre-vote': 'true', logger: 'zap' };
  return [etcdProgram, ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)];
}
