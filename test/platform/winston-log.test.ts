import { existsSync, readFileSync, readlinkSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { basename, join } from 'node:path';
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { openLog } from '../../src/platform/winston-log.js';
import { tmpDir } from '../support/tmp-dir.js';

/** A console that remembers what was written to it. */
function recordedConsole(isTTY = false): { stream: NodeJS.WriteStream; text: () => string } {
  const chunks: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(String(chunk));
      done();
    },
  });
  return { stream: Object.assign(stream, { isTTY }) as unknown as NodeJS.WriteStream, text: () => chunks.join('') };
}

const ID = '0123456789abcdef';
const SECRET = 'S3cretS3cretS3cretS3cr';
const PIN = 'P'.repeat(43);
const JOIN = `ncj1_${ID}.${SECRET}.${PIN}@203.0.113.7:6439,[2001:db8::7]:6439`;
const NODE_TOKEN = `ncn1_node-7.${'n'.repeat(43)}`;
const PEM = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
const RAW_KEY = randomBytes(32);

/** Every way in which a secret has got into a log before. */
const LEAKS: readonly [string, unknown][] = [
  ['a field', JOIN],
  ['a nested field', { request: { headers: [{ token: NODE_TOKEN }] } }],
  ['the name of a field', { [JOIN]: true }],
  ['a key in PEM', { files: new Map([['grpc.key', PEM]]) }],
  ['a key that was cut off', PEM.slice(0, -30)],
  ['the message of an error', new Error(`cannot parse ${JOIN}`)],
  ['the cause of an error', new Error('no', { cause: new Error(`bad ${NODE_TOKEN}`, { cause: { pem: PEM } }) })],
  ['a property of an error', Object.assign(new Error('no'), { config: { join: JOIN } })],
  ['the token part of a join string', `${ID}.${SECRET}`],
  ['JSON in a text', JSON.stringify({ join: JOIN, pem: PEM })],
  ['a URL', `https://x/?join=${encodeURIComponent(JOIN)}`],
  ['bytes', { wgPrivateKey: RAW_KEY, view: new Uint8Array(RAW_KEY) }],
  ['an object that knows how it is written', { toJSON: () => ({ pem: PEM }) }],
  ['a set', new Set([NODE_TOKEN])],
];

/** Fragments of which none may be in any output. */
const FORBIDDEN = [SECRET, PIN, 'nnnnnnnn', ...PEM.split('\n').slice(1, 3).map((line) => line.slice(4, 40)), String(RAW_KEY[0]) + ',' + String(RAW_KEY[1]), RAW_KEY.toString('base64')];

describe('openLog keeps out of file and console', () => {
  it.each(LEAKS)('a secret in %s', async (_where, leak) => {
    const dir = tmpDir();
    const terminal = recordedConsole(true);
    const log = openLog({ program: 'nc-server', dir, console: terminal.stream });

    log.warn('refused', { nodeId: 'n-1', leak });
    log.error(typeof leak === 'string' ? `about ${leak}` : 'constant');
    await log.close();

    const written = readFileSync(join(dir, 'nc-server-log.log'), 'utf8') + terminal.text();
    expect(written).toContain('n-1');
    for (const fragment of FORBIDDEN) expect(written).not.toContain(fragment);
  });

  it('secrets while their ids stay readable', async () => {
    const output = recordedConsole();
    const log = openLog({ program: 'nc-server', console: output.stream });

    log.info('exchanged', { join: JOIN, nodeToken: NODE_TOKEN });
    await log.close();

    expect(JSON.parse(output.text())).toMatchObject({ join: `ncj1_${ID}.[redacted]`, nodeToken: 'ncn1_node-7.[redacted]' });
  });
});

describe('openLog', () => {
  it('writes one JSON object a line into a daily file that the "latest" link names', async () => {
    const dir = tmpDir();
    const log = openLog({ program: 'nc-server', dir, console: recordedConsole().stream });

    log.info('node registered', { nodeId: 'n-1', revision: 7n });
    log.debug('not at this level');
    await log.close();

    const link = join(dir, 'nc-server-log.log');
    expect(basename(realpathSync(link))).toMatch(/^nc-server-log_\d{4}-\d\d-\d\d\.log$/);
    expect(readlinkSync(link)).toBeTruthy();
    const lines = readFileSync(link, 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
      { time: expect.any(String), level: 'info', message: 'node registered', nodeId: 'n-1', revision: '7' },
    ]);
  });

  it('has written everything when close resolves', async () => {
    const dir = tmpDir();
    const log = openLog({ program: 'nc-server', dir, console: recordedConsole().stream });

    for (let i = 0; i < 5_000; i++) log.info('line', { i });
    await log.close();
    await log.close();

    expect(readFileSync(join(dir, 'nc-server-log.log'), 'utf8').trimEnd().split('\n')).toHaveLength(5_000);
  });

  it('keeps others on the machine from reading it', async () => {
    const dir = join(tmpDir(), 'logs');
    const log = openLog({ program: 'nc-server', dir, console: recordedConsole().stream });
    log.info('line');
    await log.close();

    expect(statSync(dir).mode & 0o007).toBe(0);
    expect(statSync(join(dir, 'nc-server-log.log')).mode & 0o007).toBe(0);
  });

  it('removes files older than seven days', async () => {
    const dir = tmpDir();
    const old = join(dir, 'nc-server-log_2020-01-01.log');
    writeFileSync(old, 'old\n');
    const [date, auditLog] = [Date.UTC(2020, 0, 1), join(dir, '.nc-server-log.json')];
    const hash = createHash('sha256').update(`${old}LOG_FILE${date}`).digest('hex');
    writeFileSync(auditLog, JSON.stringify({ keep: { days: true, amount: 7 }, auditLog, files: [{ date, name: old, hash }], hashType: 'sha256' }));

    const log = openLog({ program: 'nc-server', dir, console: recordedConsole().stream });
    log.info('line');
    await log.close();

    expect(existsSync(old)).toBe(false);
  });

  it('writes JSON to a console that is no terminal when there is no folder', async () => {
    const output = recordedConsole();
    const log = openLog({ program: 'nc-server', console: output.stream, debug: true });

    log.debug('seen');
    await log.close();

    expect(JSON.parse(output.text())).toMatchObject({ level: 'debug', message: 'seen' });
  });

  it('shows an error with its stack on a terminal', async () => {
    const output = recordedConsole(true);
    const log = openLog({ program: 'nc-server', console: output.stream });

    log.error('internal error', { error: new Error('boom') });
    await log.close();

    expect(output.text()).toMatch(/error.*internal error/);
    expect(output.text()).toContain('winston-log.test.ts');
  });
});
