import { formatDuration } from '../domain/duration.js';

const BINARY_UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;
const SECOND_MS = 1_000;
const DAY_MS = 86_400_000;

/** Writes how long ago `atMs` (UTC ms) was, by its largest unit: `3m ago`, `just now`; `never` for 0. */
export function formatAge(atMs: number, nowMs: number): string {
  if (atMs === 0) return 'never';
  const ageMs = nowMs - atMs;
  return ageMs < SECOND_MS ? 'just now' : `${largestUnit(ageMs)} ago`;
}

/** Writes when `atMs` (UTC ms) will be or was, for expiries: `in 9m`, `3m ago`; `never` for 0. */
export function formatExpiry(atMs: number, nowMs: number): string {
  if (atMs === 0) return 'never';
  return atMs > nowMs ? `in ${largestUnit(atMs - nowMs)}` : formatAge(atMs, nowMs);
}

/** Writes a count of bytes in binary units with three digits: `512 B`, `1.42 MiB`. */
export function formatBytes(count: number): string {
  let value = count;
  let unit = 'B';
  for (const next of BINARY_UNITS) {
    if (value < 1024) break;
    value /= 1024;
    unit = next;
  }
  return `${unit === 'B' ? value : value.toPrecision(value < 1000 ? 3 : 4)} ${unit}`;
}

/** Writes UTC milliseconds as ISO 8601, or null for 0, which stands for never. @see RFC 3339 §5.6 */
export function isoTime(atMs: number): string | null {
  return atMs === 0 ? null : new Date(atMs).toISOString();
}

/** Writes UTC milliseconds for people, to the second: `2026-05-12 18:41:11 UTC`. */
export function formatTime(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

function largestUnit(durationMs: number): string {
  if (durationMs >= DAY_MS) return `${Math.floor(durationMs / DAY_MS)}d`;
  return /^\d+[a-z]+/.exec(formatDuration(durationMs))?.[0] ?? '0s';
}
