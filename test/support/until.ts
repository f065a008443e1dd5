/**
 * Waits until `condition` gives something truthy and returns it. The limit only ends a test that would hang; it
 * asserts nothing about speed.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  what = 'the condition',
  limitMs = 20_000,
): Promise<NonNullable<Exclude<T, false | 0 | ''>>> {
  const end = Date.now() + limitMs;
  for (;;) {
    const value = await condition();
    if (value) return value as NonNullable<Exclude<T, false | 0 | ''>>;
    if (Date.now() > end) throw new Error(`waited ${limitMs} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
