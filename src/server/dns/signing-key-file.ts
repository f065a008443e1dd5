import { SigningKey } from '../../platform/dns/dnssec/signing-key.js';
import { createFileAtomic, readPrivateFile } from '../../platform/pem-files.js';
import type { SigningKeysPem } from './dns-service.js';

/**
 * Reads the key that signs the zones, or makes it the first time.
 *
 * @throws DomainError `key_file_unsafe` when others may read it; `state_invalid` for a file that holds no such key.
 */
export async function signingKeyIn(path: string): Promise<SigningKeysPem> {
  const pem = await readPrivateFile(path).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    const made = SigningKey.generate();
    await createFileAtomic(path, made);
    return made;
  });
  SigningKey.fromPem(pem);
  return { active: [pem], published: [] };
}
