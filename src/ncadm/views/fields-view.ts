import type { Colors } from '../../platform/output.js';

/** One thing as a list of its fields, a line each; those without a value are left out. */
export function describeFields(colors: Colors, fields: Readonly<Record<string, unknown>>): string {
  const shown = Object.entries(fields)
    .map(([name, value]) => [name, fieldText(value)] as const)
    .filter(([, text]) => text !== '');
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown.map(([name, text]) => `${colors.dim(name.padEnd(width))}  ${text}\n`).join('');
}

function fieldText(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (Array.isArray(value)) return value.map(String).join(', ');
  if (typeof value === 'object') return Object.entries(value).map(([name, each]) => `${name}=${String(each)}`).join(', ');
  return String(value as string | number | bigint | boolean);
}
