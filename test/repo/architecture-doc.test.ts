import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

/** Places that the page names: `server/feed/map-feed.ts`, `client/state`, `src/domain`, `proto/…`. */
function placesIn(page: string): string[] {
  const named = [...page.matchAll(/`((?:src\/|server\/|client\/|domain\/|platform\/|ncadm\/|proto\/|test\/)[\w./-]+)`/g)].map((match) => match[1]!);
  return [...new Set(named)];
}

it('every file and folder that docs/architecture.md names is there', () => {
  const places = placesIn(readFileSync('docs/architecture.md', 'utf8'));

  expect(places.length).toBeGreaterThan(20);
  expect(places.filter((place) => !existsSync(place) && !existsSync(`src/${place}`))).toEqual([]);
});
