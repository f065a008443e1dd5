import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { DomainError } from '../../domain/errors.js';
import { ifThereSync } from '../../platform/if-there.js';
import { isThere, replaceFile } from '../state/safe-files.js';

/** First line of a file of ours; which interface's agent wrote it is in brackets. */
const MARK = /^# Written by nc-client \((\S+)\)/;
/** The C library asks the first three and no more. @see resolv.conf(5) MAXNS */
const MAX_NAMESERVERS = 3;

/** Where the file is and what it becomes. */
export interface ResolvConfOptions {
  /** `/etc/resolv.conf`. */
  readonly path: string;
  /** Where the text before is kept, in a private folder. */
  readonly backupPath: string;
  readonly interfaceName: string;
}

/**
 * The machine's resolv.conf with the stub first.
 *
 * It is written in place, because in a container it is a mount that nothing can be renamed over. The name servers from before stay behind the
 * stub: when the agent is killed, the C library goes on with them at once. @see resolv.conf(5)
 */
export class ResolvConf {
  readonly #options: ResolvConfOptions;

  constructor(options: ResolvConfOptions) {
    this.#options = options;
  }

  /** Whether the file is as {@link take} wrote it: nobody has written it since. */
  get isOurs(): boolean {
    return ownerOf(this.#read()) === this.#options.interfaceName;
  }

  /** The name servers of the text before ours, in its order. */
  nameservers(): string[] {
    return nameserversIn(this.#before());
  }

  /**
   * Puts `stub` before the others, having kept the text before. Again after somebody else has written the file: theirs is then the text before.
   *
   * @throws DomainError `conflict` when the agent of another interface has the file.
   */
  take(stub: string): void {
    const { path, backupPath, interfaceName } = this.#options;
    const now = this.#read();
    const owner = ownerOf(now);
    if (owner !== undefined && owner !== interfaceName) throw new DomainError('conflict', `${path}: the agent of ${owner} has put itself there; one agent a machine can`);
    if (owner === undefined) replaceFile(backupPath, JSON.stringify(now ?? null));
    writeFileSync(path, this.#compose(stub, this.#before() ?? ''));
  }

  /** Puts the text before back if ours is still there; what somebody else has written since stays. */
  restore(): void {
    const { path, backupPath } = this.#options;
    if (!isThere(backupPath)) return;
    const before = this.#before();
    if (this.isOurs) {
      if (before === undefined) rmSync(path, { force: true });
      else writeFileSync(path, before);
    }
    rmSync(backupPath, { force: true });
  }

  /** The text that ours stands for; undefined when there was no file. */
  #before(): string | undefined {
    const now = this.#read();
    if (ownerOf(now) !== this.#options.interfaceName) return now;
    return isThere(this.#options.backupPath) ? ((JSON.parse(readFileSync(this.#options.backupPath, 'utf8')) as string | null) ?? undefined) : undefined;
  }

  #compose(stub: string, before: string): string {
    const { interfaceName } = this.#options;
    const others = nameserversIn(before).slice(0, MAX_NAMESERVERS - 1);
    const rest = before.split('\n').filter((line) => /^\s*(search|domain|options|sortlist)\b/.test(line));
    const lines = [
      `# Written by nc-client (${interfaceName}), so that this machine resolves the names of its network.`,
      '# "nc-client down" puts back what was here before; hostDns: off in client.yml leaves this file alone.',
      ...[stub, ...others].map((server) => `nameserver ${server}`),
      ...rest,
    ];
    return `${lines.join('\n')}\n`;
  }

  #read(): string | undefined {
    return ifThereSync(() => readFileSync(this.#options.path, 'utf8'));
  }
}

function ownerOf(text: string | undefined): string | undefined {
  return MARK.exec(text ?? '')?.[1];
}

function nameserversIn(text: string | undefined): string[] {
  return [...(text ?? '').matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, server]) => server as string);
}
