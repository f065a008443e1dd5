import { readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { DomainError } from '../domain/errors.js';
import { redact, redactText } from './redact.js';
import { run } from './run.js';
import { VERSION } from './version.js';
import { stringifyYaml } from './yaml-config.js';

/** The parts of a bundle by name; what cannot be had says why instead. */
export type BundleParts = Readonly<Record<string, () => unknown>>;

/** Lines of a log that tell what happened lately. */
const LOG_LINES = 300;
/** Settings whose value is nobody's business, whatever it looks like. */
const SECRET_KEY = /pass(word|phrase)?$|secret|token$|private|credential|psk$|apikey/i;
const REDACTED = '[redacted]';

/**
 * Makes the text of a support bundle: YAML, so that whoever sends it can read all of it first. Join strings, tokens and private keys
 * are taken out, and so are texts under keys that are named like a secret.
 */
export async function supportBundle(program: string, nowMs: number, parts: BundleParts): Promise<string> {
  const about = { program, version: VERSION, node: process.versions.node, platform: `${process.platform}-${process.arch}`, kernel: release(), madeAt: new Date(nowMs).toISOString() };
  const gathered = await Promise.all(Object.entries(parts).map(async ([name, part]) => [name, await orReason(part)] as const));
  const plain = withoutSecrets(redact({ about, ...Object.fromEntries(gathered) }));
  return `# Support bundle of ${program}. It holds no keys and no tokens, but names and addresses of your network: read it before you send it.\n${redactText(stringifyYaml(plain))}`;
}

/**
 * Writes a bundle to a file that only its owner can read.
 *
 * @throws DomainError `conflict` when the file exists; `invalid_argument` when it cannot be written.
 */
export function writeBundle(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: 'wx', mode: 0o600 });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw new DomainError('conflict', `${path}: exists already; name another file`, { cause });
    throw new DomainError('invalid_argument', `${path}: cannot be written: ${message}`, { cause });
  }
}

/** 32 bytes in base64: a WireGuard key, and nothing tells a private one from a public one. */
const WIREGUARD_KEY = /(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{43}=/g;

/** The last lines of a log file, without WireGuard keys. @throws Error when it cannot be read. */
export function lastLines(path: string): string[] {
  return readFileSync(path, 'utf8').trimEnd().replaceAll(WIREGUARD_KEY, `${REDACTED} key`).split('\n').slice(-LOG_LINES);
}

/** What a program says, line by line. @throws RunError */
export async function linesOf(command: string, ...args: readonly string[]): Promise<string[]> {
  return (await run(command, args)).stdout.trimEnd().split('\n');
}

async function orReason(part: () => unknown): Promise<unknown> {
  try {
    return await part();
  } catch (error) {
    return { unavailable: (error as Error).message };
  }
}

/** Takes texts out that stand under the name of a secret. */
function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, isSecret(key, inner) ? REDACTED : withoutSecrets(inner)]));
}

function isSecret(key: string, value: unknown): boolean {
  return SECRET_KEY.test(key) && typeof value === 'string' && value !== '';
}
