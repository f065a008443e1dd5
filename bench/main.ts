import { parseArgs } from 'node:util';
import { summarize, type Bench } from './bench.js';
import { describeRun, formatRun, formatTargets, keepRun, type Run } from './report.js';

/**
 * `npm run bench [-- NAME…] [--json]`: measures on this machine, each value beside a floor of the same run; all benches without a name.
 * What it is doing goes to standard error, the table or with `--json` one line a bench to standard output. A bench that breaks off does not
 * keep the others from running; of several, the last table has all targets.
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
  const names = positionals.length > 0 ? positionals : Object.keys(BENCHES);
  const runs: Run[] = [];
  for (const name of names) {
    try {
      runs.push(await measure(name, values.json));
    } catch (error) {
      console.error(`${name} broke off: ${error instanceof Error ? error.stack : String(error)}`);
    }
  }
  if (names.length > 1 && !values.json) process.stdout.write(`\n${formatTargets(runs)}`);
  return runs.length === names.length ? 0 : 1;
}

async function measure(name: string, asJson: boolean): Promise<Run> {
  const { bench } = await BENCHES[name]!();
  console.error(`${name}: ${bench.title}`);
  const measured = await bench.run((line) => console.error(`  ${line}`));
  const run = describeRun(name, measured.map(summarize));
  keepRun(run);
  process.stdout.write(asJson ? `${JSON.stringify(run)}\n` : `\n${formatRun(run)}\n`);
  return run;
}
