import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

/** Bytes read at a time; two chunks overlap, so that nothing hides at a border. */
const CHUNK_BYTES = 8 << 20;
const OVERLAP_BYTES = 256;

/**
 * Tells which of some secrets the memory of a process holds, as bytes, in hexadecimal or in base64. The process stands still meanwhile.
 *
 * @param secrets By the name that the answer calls them.
 * @see proc(5), /proc/pid/maps and /proc/pid/mem
 */
export function secretsInMemory(pid: number, secrets: Readonly<Record<string, Uint8Array>>): string[] {
  const wanted = Object.entries(secrets).map(([name, secret]) => ({ name, forms: formsOf(Buffer.from(secret)) }));
  const found = new Set<string>();
  process.kill(pid, 'SIGSTOP');
  try {
    for (const chunk of memoryOf(pid)) {
      for (const { name, forms } of wanted) if (!found.has(name) && forms.some((form) => chunk.includes(form))) found.add(name);
    }
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  return [...found].sort();
}

function formsOf(secret: Buffer): Buffer[] {
  // Without the end, which depends on what follows.
  return [secret, Buffer.from(secret.toString('hex')), Buffer.from(secret.toString('base64').slice(0, -2))];
}

/** Everything that the process can write to, where alone it can keep what it has learnt. */
function* memoryOf(pid: number): Iterable<Buffer> {
  const areas = [...readFileSync(`/proc/${pid}/maps`, 'utf8').matchAll(/^([0-9a-f]+)-([0-9a-f]+) rw/gm)];
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  const buffer = Buffer.alloc(CHUNK_BYTES);
  try {
    for (const [, from = '', to = ''] of areas) {
      const end = Number.parseInt(to, 16);
      for (let at = Number.parseInt(from, 16); at < end; at += CHUNK_BYTES - OVERLAP_BYTES) {
        yield buffer.subarray(0, readSync(memory, buffer, 0, Math.min(CHUNK_BYTES, end - at), at));
      }
    }
  } finally {
    closeSync(memory);
  }
}
