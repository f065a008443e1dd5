import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DomainError } from '../domain/errors.js';
import { createFileAtomic } from '../platform/pem-files.js';
import { makeCsr } from '../platform/x509/csr.js';
import { generateP256, privateKeyPem } from '../platform/x509/p256.js';
import { fromPem } from '../platform/x509/pem.js';

const PRIVATE_DIR = 0o700;

/** The files of an admin's folder. */
export interface AdminFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly request: string;
  readonly context: string;
}

/** The names of the files in an admin's folder. */
export function adminFilesIn(folder: string): AdminFiles {
  const at = (name: string): string => join(folder, name);
  return { ca: at('ca.pem'), cert: at('cert.pem'), key: at('key.pem'), request: at('request.pem'), context: at('context.yml') };
}

/**
 * Makes an admin's key where it stays, and the request for its certificate.
 *
 * @returns The request, PKCS #10, DER.
 * @throws DomainError `key_file_unsafe` when there is a key already: a second one would orphan its certificate.
 */
export async function makeAdminKey(folder: string, name: string): Promise<Buffer> {
  const key = generateP256();
  const { key: path } = adminFilesIn(folder);
  await mkdir(folder, { recursive: true, mode: PRIVATE_DIR });
  try {
    await createFileAtomic(path, privateKeyPem(key));
  } catch (cause) {
    throw new DomainError('key_file_unsafe', `${path}: want a place where no key is yet: ${(cause as Error).message}`, { cause });
  }
  return makeCsr(key, name);
}

/** Reads a request that `ncadm admin request` has made elsewhere, DER. @throws DomainError `csr_invalid` */
export function readRequest(path: string): Buffer {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new DomainError('csr_invalid', `${path}: cannot be read: ${(cause as Error).message}`, { cause });
  }
  const [request, ...more] = fromPem(text, 'CERTIFICATE REQUEST');
  if (request === undefined || more.length > 0) throw new DomainError('csr_invalid', `${path}: want one certificate request in PEM, as "ncadm admin request" makes it`);
  return request;
}
