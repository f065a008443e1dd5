import { dirname, join } from 'node:path';
import { DomainError } from '../domain/errors.js';
import { formatContexts, parseContexts, type Contexts, type ControllerContext } from '../platform/config/contexts-config.js';
import { ifThere } from '../platform/if-there.js';
import { makePrivateDir, readPrivateFile, writeFileAtomic } from '../platform/pem-files.js';

/** The environment of a process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The name that stands for the admin socket of this machine. */
export const LOCAL_CONTEXT = 'local';

const NONE: Contexts = { current: '', contexts: [] };

/**
 * The user's file of contexts, or undefined for a user without a home.
 *
 * @see XDG Base Directory Specification, `XDG_CONFIG_HOME`
 */
export function contextFilePath(env: Environment): string | undefined {
  const base = env['XDG_CONFIG_HOME'] || (env['HOME'] && join(env['HOME'], '.config'));
  return base ? join(base, 'network-controller', 'ncadm.yml') : undefined;
}

/**
 * Reads the user's contexts; none when there is no file.
 *
 * @throws DomainError `config_invalid`; `key_file_unsafe` when others may open the file, for it says whom to believe.
 */
export async function readContexts(env: Environment): Promise<Contexts> {
  const path = contextFilePath(env);
  if (path === undefined) return NONE;
  const text = await ifThere(readPrivateFile(path));
  return text === undefined ? NONE : parseContexts(text, path);
}

/** Writes the user's contexts. @throws DomainError `config_invalid` for a user without a home. */
export async function writeContexts(env: Environment, contexts: Contexts): Promise<void> {
  const path = contextFilePath(env);
  if (path === undefined) throw new DomainError('config_invalid', 'contexts: want HOME or XDG_CONFIG_HOME in the environment, got neither');
  await makePrivateDir(dirname(path));
  await writeFileAtomic(path, formatContexts(contexts));
}

/** The context of a name; undefined for {@link LOCAL_CONTEXT}. @throws DomainError `invalid_argument` naming those there are. */
export function contextNamed({ contexts }: Contexts, name: string): ControllerContext | undefined {
  if (name === LOCAL_CONTEXT) return undefined;
  const found = contexts.find((each) => each.name === name);
  if (found !== undefined) return found;
  const known = [LOCAL_CONTEXT, ...contexts.map((each) => each.name)].join(', ');
  throw new DomainError('invalid_argument', `context: want one of ${known}, got ${JSON.stringify(name)}`);
}
