import { stringify } from 'yaml';

/** Writes a value made of what JSON knows as YAML, ended by a newline. */
export function stringifyYaml(value: unknown): string {
  return stringify(value);
}
