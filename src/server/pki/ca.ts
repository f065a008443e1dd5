import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { BACKDATE_MS } from '../../domain/certificate.js';
import { DomainError } from '../../domain/errors.js';
import { ifThere } from '../../platform/if-there.js';
import { createFileAtomic, readPrivateFile } from '../../platform/pem-files.js';
import { issueCaCertificate, type Issuer } from '../../platform/x509/certificate.js';
import { generateP256, p256KeyPair, privateKeyPem, type P256KeyPair } from '../../platform/x509/p256.js';
import { toPem } from '../../platform/x509/pem.js';

/**
 * What a CA signs for: `grpc` for servers, nodes' calls and admins, `network` for what peers and relays verify. With two CAs a relay
 * or a stolen network key is worth nothing at the control port.
 */
export type CaPurpose = 'grpc' | 'network';

/** One generation of a CA. Its private key never leaves the machine. */
export interface CertificateAuthority {
  readonly purpose: CaPurpose;
  /** 1, 2, …: a successor is a new generation with a new key and name. */
  readonly generation: number;
  readonly issuer: Issuer;
  readonly certificate: X509Certificate;
}

/**
 * Makes a generation of a CA in `dir`: `<purpose>-ca.g<N>.key` (0600), then `.crt`. A key without its certificate is what a
 * crash between the two leaves; it is used.
 *
 * @throws DomainError `already_initialised` when the generation exists.
 */
export async function createAuthority(
  dir: string,
  purpose: CaPurpose,
  generation: number,
  validity: { readonly nowMs: number; readonly lifetimeMs: number },
): Promise<CertificateAuthority> {
  const files = filesOf(dir, purpose, generation);
  if ((await ifThere(readdir(dir)))?.includes(basename(files.certificate)) === true) throw exists(files.certificate);
  const key = await existingOrNewKey(files.key);
  const issuer = { commonName: commonName(purpose, generation), key };
  const { der } = issueCaCertificate(issuer, validity.nowMs - BACKDATE_MS, validity.nowMs + validity.lifetimeMs);
  await unlessExists(createFileAtomic(files.certificate, toPem(der), 0o644), () => Promise.reject(exists(files.certificate)));
  return { purpose, generation, issuer, certificate: new X509Certificate(der) };
}

/**
 * Loads every generation of a CA in `dir`, oldest first.
 *
 * @throws DomainError `not_initialised` when there is none; `key_file_unsafe`; `state_invalid` when key and certificate do
 *   not belong together.
 */
export async function loadAuthorities(dir: string, purpose: CaPurpose): Promise<readonly CertificateAuthority[]> {
  const names = (await ifThere(readdir(dir))) ?? [];
  const generations = names.map((name) => generationOf(name, purpose)).filter((generation) => generation > 0);
  if (generations.length === 0) {
    throw new DomainError('not_initialised', `${dir}: no ${purpose} CA here; run nc-server init first`);
  }
  return Promise.all(generations.sort((a, b) => a - b).map((generation) => loadAuthority(dir, purpose, generation)));
}

async function loadAuthority(dir: string, purpose: CaPurpose, generation: number): Promise<CertificateAuthority> {
  const files = filesOf(dir, purpose, generation);
  const key = parseKey(files.key, await readPrivateFile(files.key));
  const certificate = new X509Certificate(await readFile(files.certificate));
  const issuer = { commonName: commonName(purpose, generation), key };
  if (!certificate.ca || certificate.subject !== `CN=${issuer.commonName}` || !certificate.checkPrivateKey(key.privateKey)) {
    throw new DomainError('state_invalid', `${files.certificate}: want the certificate of ${issuer.commonName} for the key beside it; restore both from a backup`);
  }
  return { purpose, generation, issuer, certificate };
}

async function existingOrNewKey(path: string): Promise<P256KeyPair> {
  const pem = privateKeyPem(generateP256());
  return unlessExists(createFileAtomic(path, pem).then(() => parseKey(path, pem)), async () => parseKey(path, await readPrivateFile(path)));
}

function parseKey(path: string, pem: string): P256KeyPair {
  try {
    return p256KeyPair(createPrivateKey(pem));
  } catch (cause) {
    throw new DomainError('state_invalid', `${path}: want a P-256 private key in PEM; restore it from a backup`, { cause });
  }
}

function exists(path: string): DomainError {
  return new DomainError('already_initialised', `${path}: this CA exists already`);
}

async function unlessExists<T>(attempt: Promise<T>, otherwise: () => Promise<T>): Promise<T> {
  try {
    return await attempt;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return otherwise();
    throw error;
  }
}

/** The generation whose certificate is called `name`, or 0. */
function generationOf(name: string, purpose: CaPurpose): number {
  return Number(new RegExp(`^${purpose}-ca\\.g([1-9][0-9]*)\\.crt$`).exec(name)?.[1] ?? 0);
}

function filesOf(dir: string, purpose: CaPurpose, generation: number): { readonly key: string; readonly certificate: string } {
  const path = join(dir, `${purpose}-ca.g${generation}`);
  return { key: `${path}.key`, certificate: `${path}.crt` };
}

function commonName(purpose: CaPurpose, generation: number): string {
  return `nc-${purpose}-ca g${generation}`;
}
