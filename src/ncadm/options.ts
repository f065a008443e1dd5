import { InvalidArgumentError } from 'commander';
import { DomainError } from '../domain/errors.js';

/** Makes commander tell a refused value as wrong usage. */
export function asOption<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      if (error instanceof DomainError) throw new InvalidArgumentError(error.message);
      throw error;
    }
  };
}

/** Collects an option that may be given several times. */
export function collect(text: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, text];
}

/** Reads a whole number from `min` to `max`. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) throw new InvalidArgumentError(`Want a whole number from ${min} to ${max}, got "${text}".`);
    return value;
  };
}

/** Reads a revision. */
export function revision(text: string): bigint {
  if (!/^\d{1,20}$/.test(text)) throw new InvalidArgumentError(`Want a revision, a whole number, got "${text}".`);
  return BigInt(text);
}

/** Collects `key=value` pairs. */
export function collectPair(text: string, previous: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError(`Want key=value, got "${text}".`);
  return { ...previous, [text.slice(0, at)]: text.slice(at + 1) };
}
