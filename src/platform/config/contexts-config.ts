import { dirname, resolve } from 'node:path';
import * as v from 'valibot';
import { parseHostPort } from '../../domain/host-port.js';
import { parseLabel } from '../../domain/names.js';
import { checked, parsed, parseYamlConfig, stringifyYaml, type Fault } from '../yaml-config.js';

/** One controller and who asks it: through a socket on its host, or from elsewhere with a certificate. */
export interface ControllerContext {
  readonly name: string;
  /** Absolute path of an admin socket. */
  readonly socket?: string | undefined;
  /** host:port of a control listener, or of several servers of one cluster with commas between; wants the three files. */
  readonly server?: string | undefined;
  /** PEM files, absolute. */
  readonly ca?: string | undefined;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
}

/** The controllers that a user of `ncadm` has named. */
export interface Contexts {
  /** The name of the one that is asked unless another is named; empty for the admin socket of this machine. */
  readonly current: string;
  readonly contexts: readonly ControllerContext[];
}

const FILES = ['ca', 'certificate', 'key'] as const;

const Context = v.strictObject({
  name: parsed(parseLabel, 'a lower-case DNS label'),
  socket: v.optional(v.string()),
  server: v.optional(parsed((text, field) => {
    for (const each of text.split(',')) parseHostPort(each, field);
    return text;
  }, 'host:port')),
  ca: v.optional(v.string()),
  certificate: v.optional(v.string()),
  key: v.optional(v.string()),
});

const Schema = checked(v.strictObject({ current: v.optional(v.string(), ''), contexts: v.optional(v.array(Context), []) }), faultsOf);

const HEADER = `# The controllers that ncadm talks to. Written by "ncadm context add|use|remove"; may be edited, comments are not kept.
#
# current: the context that is asked unless --context names another; empty for the admin socket of this machine.
# contexts: each with a name (a lower-case DNS label) and either
#   socket: path of an admin socket on the controller's host
#   server: host:port of its control listener, several with commas between, with ca, certificate and key: PEM files, relative to this one; the key mode 0600.
`;

/**
 * Reads the text of a file of contexts.
 *
 * @param path Its name, for messages; the files that it names are relative to its folder.
 * @throws DomainError `config_invalid`: every fault with file, line, key and what was wanted.
 */
export function parseContexts(text: string, path: string): Contexts {
  const { current, contexts } = parseYamlConfig(text, path, Schema);
  const at = (file: string | undefined): string | undefined => (file === undefined ? undefined : resolve(dirname(path), file));
  return { current, contexts: contexts.map((each) => ({ ...each, socket: at(each.socket), ca: at(each.ca), certificate: at(each.certificate), key: at(each.key) })) };
}

/** The text of a file of contexts, with the meaning of its keys on top. */
export function formatContexts(contexts: Contexts): string {
  return `${HEADER}\n${stringifyYaml(JSON.parse(JSON.stringify(contexts)))}`;
}

function* faultsOf({ current, contexts }: v.InferOutput<v.StrictObjectSchema<{ current: v.OptionalSchema<v.StringSchema<undefined>, ''>; contexts: v.ArraySchema<typeof Context, undefined> }, undefined>>): Generator<Fault> {
  const names = contexts.map(({ name }) => name);
  if (current !== '' && !names.includes(current)) yield { key: ['current'], message: `want one of ${names.join(', ') || 'no contexts'}, got ${JSON.stringify(current)}` };
  for (const [index, context] of contexts.entries()) {
    if (names.indexOf(context.name) !== index) yield { key: ['contexts', index, 'name'], message: `want each name once, got ${context.name} twice` };
    if ((context.socket === undefined) === (context.server === undefined)) yield { key: ['contexts', index], message: 'want either socket or server' };
    const missing = FILES.filter((file) => context[file] === undefined);
    if (context.server !== undefined && missing.length > 0) yield { key: ['contexts', index], message: `want ca, certificate and key beside server, got no ${missing.join(', no ')}` };
  }
}
