import { describe, expect, it } from 'vitest';
import { formatAge, formatBytes, formatExpiry, formatTime, isoTime } from '../../src/platform/measures.js';

const NOW = Date.UTC(2026, 4, 12, 18, 41, 11);

describe('measures for people', () => {
  it.each([
    [0, 'never'],
    [NOW, 'just now'],
    [NOW + 5_000, 'just now'],
    [NOW - 4_000, '4s ago'],
    [NOW - 200_000, '3m ago'],
    [NOW - 7_300_000, '2h ago'],
    [NOW - 40 * 86_400_000, '40d ago'],
  ])('tells the age of %d', (atMs, text) => {
    expect(formatAge(atMs, NOW)).toBe(text);
  });

  it.each([
    [0, 'never'],
    [NOW + 600_000, 'in 10m'],
    [NOW - 600_000, '10m ago'],
  ])('tells the expiry at %d', (atMs, text) => {
    expect(formatExpiry(atMs, NOW)).toBe(text);
  });

  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.00 KiB'],
    [1_488_978, '1.42 MiB'],
    [1023 * 1024, '1023 KiB'],
  ])('writes %d bytes', (count, text) => {
    expect(formatBytes(count)).toBe(text);
  });

  it('gives programs ISO 8601 in UTC, and null for never', () => {
    expect([isoTime(NOW), isoTime(0)]).toEqual(['2026-05-12T18:41:11.000Z', null]);
  });

  it('gives people the zone too', () => {
    expect(formatTime(NOW)).toBe('2026-05-12 18:41:11 UTC');
  });
});
