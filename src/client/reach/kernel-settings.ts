import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { DomainError } from '../../domain/errors.js';
import { isThere, replaceFile } from '../state/safe-files.js';

const ROOT = '/proc/sys/net/ipv4';
const FORWARDING = `${ROOT}/ip_forward`;

/** What was before, and in which life of the machine. */
interface Before {
  readonly bootId: string;
  /** Path → text, in the order of putting back. */
  readonly values: Readonly<Record<string, string>>;
}

/**
 * Settings of the kernel that an agent needs changed while it runs.
 *
 * Turning forwarding on or off changes it on every interface, and whether redirects are accepted; so all that is kept, in a file that outlives
 * the agent. A reboot puts everything back by itself. @see ip-sysctl in the kernel's documentation, ip_forward
 */
export class KernelSettings {
  readonly #backupPath: string;

  constructor(backupPath: string) {
    this.#backupPath = backupPath;
  }

  /** Whether forwarding was off before this agent turned it on. */
  get turnedForwardingOn(): boolean {
    return this.#before()?.values[FORWARDING] === '0';
  }

  /**
   * Turns forwarding on where it is off, and the mark into a part of the check of the way back.
   *
   * @throws DomainError `device_failed` when the kernel does not let us.
   */
  take(wanted: { readonly forwarding: boolean; readonly markInCheck: boolean }): void {
    const now = this.#before()?.values ?? {};
    const values: Record<string, string> = { ...now };
    if (wanted.forwarding && values[FORWARDING] === undefined && read(FORWARDING) === '0') Object.assign(values, forwardingNow());
    const marks = `${ROOT}/conf/all/src_valid_mark`;
    if (wanted.markInCheck && values[marks] === undefined && read(marks) === '0') values[marks] = '0';
    if (Object.keys(values).length > Object.keys(now).length) replaceFile(this.#backupPath, JSON.stringify({ bootId: bootId(), values } satisfies Before));
    if (values[FORWARDING] !== undefined && wanted.forwarding) write(FORWARDING, '1');
    if (values[marks] !== undefined && wanted.markInCheck) write(marks, '1');
  }

  /** Puts back what {@link take} changed. Idempotent. */
  restore(): void {
    const before = this.#before();
    for (const [path, value] of Object.entries(before?.values ?? {})) if (readIfThere(path) !== value && readIfThere(path) !== undefined) write(path, value);
    rmSync(this.#backupPath, { force: true });
  }

  /** Of this life of the machine; undefined when nothing was changed. */
  #before(): Before | undefined {
    if (!isThere(this.#backupPath)) return undefined;
    const before = JSON.parse(readFileSync(this.#backupPath, 'utf8')) as Before;
    return before.bootId === bootId() ? before : undefined;
  }
}

/** First the switch of all, because it overwrites the others. */
function forwardingNow(): Record<string, string> {
  const interfaces = readdirSync(`${ROOT}/conf`).map((name) => `${ROOT}/conf/${name}/forwarding`);
  return Object.fromEntries([FORWARDING, `${ROOT}/conf/all/accept_redirects`, ...interfaces].map((path) => [path, read(path)]));
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

function read(path: string): string {
  return readFileSync(path, 'utf8').trim();
}

/** Interfaces come and go. */
function readIfThere(path: string): string | undefined {
  return isThere(path) ? read(path) : undefined;
}

function write(path: string, value: string): void {
  try {
    writeFileSync(path, value);
  } catch (cause) {
    throw new DomainError('device_failed', `${path}: the kernel does not let this program write ${value}: ${(cause as Error).message}`, { cause });
  }
}
