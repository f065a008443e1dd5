import { readFileSync } from 'node:fs';
import type { CaBundle } from '../gen/networkcontroller/v1/types.js';
import { writeFileAtomic } from '../platform/pem-files.js';
import { fromPem, toPem } from '../platform/x509/pem.js';

const PUBLIC_FILE = 0o644;

/**
 * Makes the file hold the CAs that a server has named, whom the file itself vouched for: so it follows the exchange of a CA, and the admin
 * goes on being served when the next one signs.
 *
 * @returns Whether it held others.
 * @throws Error of the file system.
 */
export async function followCas(path: string, { certificates }: CaBundle): Promise<boolean> {
  const held = fromPem(readFileSync(path, 'utf8'));
  const isSame = held.length === certificates.length && certificates.every((der) => held.some((each) => each.equals(der)));
  if (isSame || certificates.length === 0) return false;
  await writeFileAtomic(path, certificates.map((der) => toPem(der)).join(''), PUBLIC_FILE);
  return true;
}
