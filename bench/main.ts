/** `npm run bench -- <what>`: measures one thing on this machine and prints it, beside a reference where there is one. */
const benches: Readonly<Record<string, () => Promise<{ run(): Promise<void> }>>> = {
  dns: () => import('./dns.js'),
};

const name = process.argv[2] ?? '';
const bench = benches[name];
if (bench === undefined) {
  console.error(`bench: want one of ${Object.keys(benches).join(', ')}, got ${JSON.stringify(name)}`);
  process.exitCode = 2;
} else {
  await (await bench()).run();
}
