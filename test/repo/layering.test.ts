import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

/** A folder, what it may import besides itself, and why. The longest matching folder counts. */
interface Layer {
  readonly folder: string;
  readonly mayImport: readonly string[];
  readonly because: string;
}

const LAYERS: readonly Layer[] = [
  { folder: 'src/domain', mayImport: [], because: 'rules know nothing of the machine, the wire or the programs' },
  { folder: 'src/gen', mayImport: [], because: 'generated from proto, never edited' },
  { folder: 'src/platform', mayImport: ['src/domain', 'src/gen'], because: 'adapters to the machine serve every program and know none' },
  { folder: 'src/server', mayImport: ['src/domain', 'src/gen', 'src/platform'], because: 'programs never import each other' },
  {
    folder: 'src/server/store',
    mayImport: ['src/domain', 'src/gen', 'src/platform'],
    because: 'the store is the end of the line: it knows records, not use cases',
  },
  {
    folder: 'src/server/services',
    mayImport: ['src/domain', 'src/gen', 'src/platform', 'src/server/store', 'src/server/auth', 'src/server/feed', 'src/server/pki'],
    because: 'use cases know nothing of gRPC',
  },
  { folder: 'src/client', mayImport: ['src/domain', 'src/gen', 'src/platform'], because: 'programs never import each other' },
  { folder: 'src/ncadm', mayImport: ['src/domain', 'src/gen', 'src/platform'], because: 'programs never import each other' },
  { folder: 'src', mayImport: ['src/server', 'src/client', 'src/platform', 'src/domain'], because: 'index.ts is the public API and only exports' },
];

/** A package or Node built-in, the only places that may import it, and why. */
const OWNERS: readonly { readonly module: RegExp; readonly folders: readonly string[]; readonly because: string }[] = [
  { module: /^better-sqlite3$/, folders: ['src/server/store'], because: 'SQL stays behind the store' },
  { module: /^node-forge/, folders: ['src/platform/x509'], because: 'only its ASN.1 encoder is trusted, in one place' },
  { module: /^winston/, folders: ['src/platform'], because: 'everybody else sees Log' },
  { module: /^yaml$/, folders: ['src/platform/yaml-config.ts'], because: 'one parser, one error form' },
  { module: /^@grpc\/grpc-js$/, folders: ['src/gen', 'src/platform', 'src/server/transport', 'src/server/store/etcd'], because: 'use cases and commands see plain functions' },
  { module: /^(node:)?child_process$/, folders: ['src/platform'], because: 'no shell strings: argv through run.ts' },
  { module: /^dns-packet$/, folders: ['src/server/dns', 'src/platform/dns'], because: 'one reader of the DNS wire' },
  { module: /^aws4fetch$/, folders: ['src/server/snapshots'], because: 'only snapshots leave for a bucket' },
  { module: /^prom-client$/, folders: ['src/server/metrics'], because: 'parts count for themselves and know no monitoring system' },
  { module: /^(hono|@hono\/|@valibot\/)/, folders: ['src/server/http'], because: 'one place for HTTP, on one listener' },
  { module: /^commander$/, folders: ['src/ncadm', 'src/client', 'src/server/run.ts', 'src/server/offline', 'src/platform/completion-script.ts', 'src/platform/run-command.ts'], because: 'argv is parsed at the edge' },
];

/** Built-ins that the domain may not touch; src/domain/tsconfig.json says the same to the compiler. */
const DOMAIN_PACKAGES = /^ipaddr\.js$/;

interface Import {
  readonly file: string;
  readonly module: string;
}

/** The reasons why an import is not allowed; none for a good one. */
function violations({ file, module }: Import): string[] {
  const found: string[] = [];
  if (module.startsWith('.')) {
    const target = relative('.', normalize(join(dirname(file), module)));
    const layer = layerOf(file);
    const inside = target.startsWith(`${layer.folder}/`) && layerOf(target) === layer;
    const parent = layer.mayImport.some((allowed) => target === allowed || target.startsWith(`${allowed}/`)) || inside;
    if (!parent && !(layer.folder === 'src/server' && target.startsWith('src/server/'))) found.push(`${file} imports ${target}: ${layer.because}`);
  } else {
    if (file.startsWith('src/domain/') && !DOMAIN_PACKAGES.test(module)) found.push(`${file} imports ${module}: the domain has no machine`);
    for (const owner of OWNERS) {
      if (owner.module.test(module) && !owner.folders.some((folder) => file.startsWith(folder))) found.push(`${file} imports ${module}: ${owner.because}`);
    }
  }
  return found;
}

function layerOf(file: string): Layer {
  const fits = LAYERS.filter(({ folder }) => file.startsWith(`${folder}/`));
  return fits.reduce((a, b) => (b.folder.length > a.folder.length ? b : a));
}

function allImports(): Import[] {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts')).map((name) => join('src', name));
  return files.flatMap((file) => importsOf(readFileSync(file, 'utf8')).map((module) => ({ file, module })));
}

function importsOf(source: string): string[] {
  const forms = [/^(?:import|export)\s[^;']*?\sfrom\s+'([^']+)';/gm, /^import\s+'([^']+)';/gm, /\bimport\(\s*'([^']+)'\s*\)/g];
  return forms.flatMap((form) => [...source.matchAll(form)].map((match) => match[1]!));
}

describe('the layers', () => {
  it('hold for every import in src', () => {
    const imports = allImports();

    expect(imports.length).toBeGreaterThan(200);
    expect(imports.flatMap(violations)).toEqual([]);
  });

  it('load nothing of etcd where it is not asked for', () => {
    const outside = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts') && !/(store|gen)\/etcd\//.test(name));
    const loaders = outside.filter((name) => /^\s*(import|export) (?!type ).*from '.*\/etcd\/|^} from '.*\/etcd\//m.test(readFileSync(join('src', name), 'utf8')));
    const asking = outside.filter((name) => /await import\('.*\/etcd\//.test(readFileSync(join('src', name), 'utf8')));

    expect(loaders).toEqual([]);
    expect(asking).toEqual(['server/open-configured-store.ts']);
  });

  it.each([
    { file: 'src/domain/pool.ts', module: 'node:fs' },
    { file: 'src/domain/pool.ts', module: '../platform/clock.js' },
    { file: 'src/platform/clock.ts', module: '../server/app.js' },
    { file: 'src/client/agent.ts', module: '../server/app.js' },
    { file: 'src/ncadm/main.ts', module: '../client/agent.js' },
    { file: 'src/server/services/tokens.ts', module: '../transport/status.js' },
    { file: 'src/server/store/sqlite-store.ts', module: '../services/tokens.js' },
    { file: 'src/server/services/tokens.ts', module: 'better-sqlite3' },
    { file: 'src/server/services/tokens.ts', module: '@grpc/grpc-js' },
    { file: 'src/client/agent.ts', module: 'node:child_process' },
    { file: 'src/server/rendezvous/engine.ts', module: 'prom-client' },
  ])('bite: $file may not import $module', (planted) => expect(violations(planted)).not.toEqual([]));
});
