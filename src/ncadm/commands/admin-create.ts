import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Option, type Command } from 'commander';
import { serverName } from '../../domain/certificate.js';
import { parseDuration } from '../../domain/duration.js';
import { DomainError } from '../../domain/errors.js';
import { CreateAdminRequest, type CreateAdminResponse } from '../../gen/networkcontroller/v1/admin.js';
import { formatTime, isoTime } from '../../platform/measures.js';
import { createFileAtomic, writeFileAtomic } from '../../platform/pem-files.js';
import { makeCsr } from '../../platform/x509/csr.js';
import { generateP256 } from '../../platform/x509/p256.js';
import { toPem } from '../../platform/x509/pem.js';
import { asOption, examples } from '../options.js';
import type { Session } from '../session.js';

interface Options {
  readonly role: string;
  readonly ttl: number;
  readonly out?: string;
}

const DEFAULT_TTL_MS = 12 * 3_600_000;
const PUBLIC_FILE = 0o644;

/** `ncadm admin create`: a certificate with which somebody may be admin, or look, from elsewhere. */
export function addAdminCreate(parent: Command, session: Session): void {
  parent
    .command('create')
    .description('make a key and a short-lived certificate for an admin elsewhere')
    .argument('<name>', 'who it is for, a lower-case DNS label')
    .addOption(new Option('--role <role>', 'admin may change things, viewer may look').choices(['admin', 'viewer']).default('admin'))
    .addOption(new Option('--ttl <duration>', 'how long it is good, at most 30d').argParser(asOption((text) => parseDuration(text, 'ttl'))).default(DEFAULT_TTL_MS, '12h'))
    .option('--out <folder>', 'where key, certificate and CA are written (default: the name)')
    .addHelpText('after', examples('ncadm admin create alice --ttl 8h', 'ncadm admin create dashboard --role viewer --ttl 30d --out /etc/nc/dashboard'))
    .action(
      session.remote<Options, [string]>(async ({ api, output, options }, name) => {
        const folder = options.out ?? name;
        const key = generateP256();
        const files = { ca: join(folder, 'ca.pem'), cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
        await mkdir(folder, { recursive: true, mode: 0o700 });
        // The key is on disk before it is certified: a certificate whose key was lost is of no use.
        await writeKey(files.key, key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
        const request = CreateAdminRequest.create({ name, role: options.role, ttlMs: options.ttl, csr: makeCsr(key, name) });
        const made = await api.call('createAdmin', request).catch((error: unknown) => rm(files.key).then(() => Promise.reject(error)));
        await writeFileAtomic(files.cert, toPem(made.certificate), PUBLIC_FILE);
        await writeFileAtomic(files.ca, (made.grpcCas?.certificates ?? []).map((der) => toPem(der)).join(''), PUBLIC_FILE);
        const use = commandLine(made, files);
        const { role = '', serial = '', expiresAtMs = 0 } = made.admin ?? {};
        output.result({ name, role, serial, expiresAt: isoTime(expiresAtMs), files, use }, () => `${output.colors.bold(name)} may be ${role} until ${formatTime(expiresAtMs)}:\n  ${use}`);
      }),
    );
}

async function writeKey(path: string, pem: string): Promise<void> {
  try {
    await createFileAtomic(path, pem);
  } catch (cause) {
    throw new DomainError('key_file_unsafe', `${path}: want a place where no key is yet: ${(cause as Error).message}`, { cause });
  }
}

/** How `ncadm` is told to use the certificate. */
function commandLine({ clusterId, controlEndpoints: [server = '<host:port>'] }: CreateAdminResponse, files: { ca: string; cert: string; key: string }): string {
  return `ncadm --server ${server} --server-name ${serverName(clusterId)} --ca ${files.ca} --cert ${files.cert} --key ${files.key} status`;
}
