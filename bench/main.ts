import { parseArgs } from 'node:util';
import { summarize, type Bench } from './bench.js';
import { describeRun, formatRun, keepRun } from './report.js';

/**
 * `npm run bench [-- NAME…] [--json]`: measures on this machine, each value beside a floor of the same run; all benches without a name.
 * What it is doing goes to standard error, the table or with `--json` one line a bench to standard output.
 */
const BENCHES: Readonly<Record<string, () => Promise<{ bench: Bench }>>> = {
  coldstart: () => import('./coldstart.js'),
  dataplane: () => import('./dataplane.js'),
  apply: () => import('./apply.js'),
  dns: () => import('./dns.js'),
  fanout: () => import('./fanout.js'),
  ha: () => import('./ha.js'),
  growth: () => import('./growth.js'),
  identity: () => import('./identity.js'),
  pool: () => import('./pool.js'),
  reconnect: () => import('./reconnect.js'),
  register: () => import('./register.js'),
  services: () => import('./services.js'),
  soak: () => import('./soak.js'),
  watch: () => import('./watch.js'),
};

process.exitCode = await main();

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({ options: { json: { type: 'boolean', default: false } }, allowPositionals: true });
  const unknown = positionals.filter((name) => !(name in BENCHES));
  if (unknown.length > 0) {
    console.error(`bench: want some of ${Object.keys(BENCHES).join(', ')}, got ${unknown.join(', ')}`);
    return 2;
  }
  for (const name of positionals.length > 0 ? positionals : Object.keys(BENCHES)) await measure(name, values.json);
  return 0;
}

async function measure(name: string, asJson: boolean): Promise<void> {
  const { bench } = await BENCHES[name]!();
  console.error(`${name}: ${bench.title}`);
  const measured = await bench.run((line) => console.error(`  ${line}`));
  const run = describeRun(name, measured.map(summarize));
  keepRun(run);
  process.stdout.write(asJson ? `${JSON.stringify(run)}\n` : `\n${formatRun(run)}\n`);
}
