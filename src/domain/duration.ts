import { DomainError } from './errors.js';

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

type Unit = keyof typeof UNIT_MS;

const DURATION = /^(?:\d+(?:ms|[smhdw]))+$/;
const PART = /(\d+)(ms|[smhdw])/g;

/**
 * Reads a duration as people write it: `90s`, `10m`, `1h30m`, `7d`.
 *
 * @param text Whole numbers, each with its unit (`ms s m h d w`), without spaces.
 * @param name What the duration is for, to begin the error with.
 * @returns Milliseconds.
 * @throws DomainError `invalid_argument`.
 */
export function parseDuration(text: string, name = 'duration'): number {
  const total = DURATION.test(text) ? sumParts(text) : Number.NaN;
  if (!Number.isSafeInteger(total)) {
    throw new DomainError('invalid_argument', `${name}: want a duration like 90s, 10m, 1h30m or 7d, got "${text}"`);
  }
  return total;
}

/** Writes `durationMs` with its two largest units: `45s`, `3m20s`, `2h`, `6d4h`. Shorter than a second in `ms`. */
export function formatDuration(durationMs: number): string {
  let rest = Math.max(0, Math.round(durationMs));
  if (rest < UNIT_MS.s) return `${rest}ms`;
  const parts: string[] = [];
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    const count = Math.floor(rest / UNIT_MS[unit]);
    rest -= count * UNIT_MS[unit];
    if (count > 0) parts.push(`${count}${unit}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.join('');
}

function sumParts(text: string): number {
  let total = 0;
  for (const [, count, unit] of text.matchAll(PART)) total += Number(count) * UNIT_MS[unit as Unit];
  return total;
}
