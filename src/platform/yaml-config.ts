import { readFileSync } from 'node:fs';
import { distance } from 'fastest-levenshtein';
import * as v from 'valibot';
import { isMap, isScalar, isSeq, LineCounter, parseDocument, stringify, type Document } from 'yaml';
import { DomainError } from '../domain/errors.js';

/** A schema of any shape, as {@link parseYamlConfig} takes it. */
export type ConfigSchema = v.GenericSchema;

const MAX_TEXT = 1024 * 1024;

/**
 * A group of keys under one name. Keys that are not listed are refused; a group that is missing or empty (all its
 * keys commented out) takes its defaults.
 */
export function section<const E extends v.ObjectEntries>(
  entries: E,
): v.GenericSchema<unknown, v.InferOutput<v.StrictObjectSchema<E, undefined>>> {
  return v.nullish(v.strictObject(entries), {} as never) as v.GenericSchema<unknown, v.InferOutput<v.StrictObjectSchema<E, undefined>>>;
}

/**
 * A text that a parser of the domain reads.
 *
 * @param parse Throws a `DomainError` whose sentence is "<field>: want …, got …".
 * @param what  Completes "want …" for what is no text at all.
 */
export function parsed<T>(parse: (text: string, field: string) => T, what: string): v.GenericSchema<string, T> {
  return v.pipe(
    v.string(what),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      try {
        return parse(dataset.value, 'value');
      } catch (error) {
        if (!(error instanceof DomainError)) throw error;
        addIssue({ message: error.message.replace(/^value: /, '') });
        return NEVER;
      }
    }),
  );
}

/** A fault between several keys: the key to name, and a sentence that begins with "want". */
export interface Fault {
  readonly key: readonly (string | number)[];
  readonly message: string;
}

/** `schema`, then a look at its keys together; `check` gives the faults it sees. */
export function checked<T>(schema: v.GenericSchema<unknown, T>, check: (value: T) => Iterable<Fault>): v.GenericSchema<unknown, T> {
  return v.pipe(
    schema,
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return;
      for (const { key, message } of check(dataset.value)) addIssue({ message, path: pathTo(key) });
    }),
  );
}

function pathTo(keys: readonly (string | number)[]): [v.IssuePathItem, ...v.IssuePathItem[]] {
  return keys.map((key) => ({ type: 'unknown', origin: 'value', input: undefined, key, value: undefined })) as never;
}

/**
 * Reads YAML into a typed, deep-frozen value.
 *
 * One plain document only: duplicate keys, tabs, anchors with aliases and own tags are refused, because a
 * configuration in which one has to look twice has been misread before.
 *
 * @param text   The file's content, at most 1 MiB.
 * @param path   Its name, for messages.
 * @param schema What is wanted. The message of each check completes "want …".
 * @throws DomainError `config_invalid`: `server.yml:12: server.grpcPort: want a port, got 70000`; every fault is named.
 */
export function parseYamlConfig<S extends ConfigSchema>(text: string, path: string, schema: S): v.InferOutput<S> {
  const lines = new LineCounter();
  const document = parseOneDocument(text, path, lines);
  const parsed = v.safeParse(schema, toPlain(document, path) ?? {}, { message: (issue) => wanted(issue.expected) });
  if (parsed.success) return deepFreeze(parsed.output);
  const faults = parsed.issues.map((issue) => {
    const keys = (issue.path ?? []).map((item) => item.key as string | number);
    return `${path}:${lineOf(document, keys, lines)}: ${faultOf(issue, keys, schema)}`;
  });
  throw new DomainError('config_invalid', faults.join('; '));
}

/**
 * Reads a configuration file.
 *
 * @throws DomainError `config_invalid`, also when the file cannot be read.
 */
export function readYamlConfig<S extends ConfigSchema>(path: string, schema: S): v.InferOutput<S> {
  return parseYamlConfig(readConfigText(path), path, schema);
}

/** The text of a configuration file. @throws DomainError `config_invalid` when it cannot be read. */
export function readConfigText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new DomainError('config_invalid', `${path}: cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/** Writes a value made of what JSON knows as YAML, ended by a newline. */
export function stringifyYaml(value: unknown): string {
  return stringify(value);
}

function parseOneDocument(text: string, path: string, lines: LineCounter): Document {
  if (text.length > MAX_TEXT) throw new DomainError('config_invalid', `${path}: want at most 1 MiB, got ${text.length} characters`);
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, strict: true, uniqueKeys: true });
  const fault = document.errors[0] ?? document.warnings[0];
  if (fault !== undefined) {
    throw new DomainError('config_invalid', `${path}:${lines.linePos(fault.pos[0]).line}: ${fault.message}`);
  }
  return document;
}

function toPlain(document: Document, path: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch (cause) {
    throw new DomainError('config_invalid', `${path}: want no anchors and aliases, got one`, { cause });
  }
}

function faultOf(issue: v.BaseIssue<unknown>, keys: readonly (string | number)[], schema: ConfigSchema): string {
  const name = keys.join('.') || 'file';
  if (issue.type === 'strict_object' && issue.expected === 'never') {
    const group = issue.path?.at(-1)?.input;
    if (Array.isArray(group)) return `${keys.slice(0, -1).join('.') || 'file'}: want a group of keys, got ${printed(group)}`;
    return unknownKey(name, keys, schema);
  }
  if (issue.message.startsWith('want ')) return `${name}: ${issue.message}`;
  const missing = issue.type === 'strict_object' && issue.input === undefined;
  return `${name}: want ${missing ? 'a value' : issue.message}, got ${missing ? 'nothing' : printed(issue.input)}`;
}

function unknownKey(name: string, keys: readonly (string | number)[], schema: ConfigSchema): string {
  const last = String(keys.at(-1));
  const known = keysAt(schema, keys.slice(0, -1));
  const nearest = known.toSorted((a, b) => distance(last, a) - distance(last, b))[0];
  const close = nearest !== undefined && distance(last.toLowerCase(), nearest.toLowerCase()) <= Math.max(2, last.length / 3);
  return `${name}: unknown key${close ? `, did you mean ${JSON.stringify(nearest)}?` : `; known here: ${known.join(', ')}`}`;
}

/** The keys that `schema` allows in the group at `path`. */
function keysAt(schema: ConfigSchema, path: readonly (string | number)[]): string[] {
  const group = unwrap(schema);
  const [first, ...rest] = path;
  if (first === undefined) return Object.keys(group.entries ?? {});
  const inner = group.item ?? group.entries?.[first];
  return inner === undefined ? [] : keysAt(inner, rest);
}

/** The parts of valibot's object and array schemas that lead further down. */
interface Inner {
  readonly wrapped?: ConfigSchema;
  readonly pipe?: readonly [ConfigSchema, ...unknown[]];
  readonly entries?: Readonly<Record<string, ConfigSchema>>;
  readonly item?: ConfigSchema;
  /** Of a lazy schema: what a value of this shape is read with. */
  readonly getter?: (input: unknown) => ConfigSchema;
}

function unwrap(schema: ConfigSchema): Inner {
  const inner = schema as Inner;
  if (inner.entries !== undefined || inner.item !== undefined) return inner;
  const next = inner.wrapped ?? inner.pipe?.[0] ?? inner.getter?.({});
  return next === undefined || next === schema ? inner : unwrap(next);
}

/** The line of the key at `path`, or of the deepest key above it that is there. */
function lineOf(document: Document, path: readonly (string | number)[], lines: LineCounter): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const key of path) {
    const pair = isMap(node) ? node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key)) : undefined;
    const at = pair?.key ?? (isSeq(node) ? node.items[Number(key)] : undefined);
    if (at === undefined) break;
    offset = (at as { range?: readonly number[] }).range?.[0] ?? offset;
    node = pair?.value ?? at;
  }
  return lines.linePos(offset).line;
}

function wanted(expected: string | null): string {
  const words: Readonly<Record<string, string>> = { Object: 'a group of keys', Array: 'a list', string: 'a text', boolean: 'true or false', number: 'a number' };
  return words[expected ?? ''] ?? expected ?? 'another value';
}

function printed(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

/** Freezes a value of plain objects and lists all the way down, and returns it. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}
