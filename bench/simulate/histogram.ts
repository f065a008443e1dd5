import { percentile } from '../bench.js';

const WIDTH = 40;

/** Counts of latencies by powers of two, a line each, and the percentiles below. @param latencies ms. */
export function formatHistogram(title: string, latencies: readonly number[]): string {
  if (latencies.length === 0) return `${title}: none\n`;
  const counts = new Map<number, number>();
  for (const ms of latencies) {
    const bound = 2 ** Math.max(0, Math.ceil(Math.log2(ms)));
    counts.set(bound, (counts.get(bound) ?? 0) + 1);
  }
  const most = Math.max(...counts.values());
  const lines = [...counts].sort(([a], [b]) => a - b).map(([bound, count]) => `  ≤ ${String(bound).padStart(6)} ms ${String(count).padStart(8)} ${'#'.repeat(Math.ceil((count / most) * WIDTH))}`);
  const at = [0.5, 0.9, 0.99, 1].map((part) => `${part === 1 ? 'max' : `p${part * 100}`} ${percentile(latencies, part).toFixed(1)}`);
  return [`${title}, ${latencies.length}`, ...lines, `  ${at.join('  ')} ms`, ''].join('\n');
}
