import { mkdir, rm } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { parseDuration } from '../../domain/duration.js';
import { CreateAdminRequest, type CreateAdminResponse } from '../../gen/networkcontroller/v1/admin.js';
import { formatContexts } from '../../platform/config/contexts-config.js';
import { formatTime, isoTime } from '../../platform/measures.js';
import { writeFileAtomic } from '../../platform/pem-files.js';
import { toPem } from '../../platform/x509/pem.js';
import { adminFilesIn, makeAdminKey, readRequest, type AdminFiles } from '../admin-files.js';
import { examples } from '../../platform/run-command.js';
import { asOption } from '../options.js';
import type { RemoteInvocation, Session } from '../session.js';

interface Options {
  readonly role: string;
  readonly ttl: number;
  readonly csr?: string;
  readonly out?: string;
}

const DEFAULT_TTL_MS = 12 * 3_600_000;
const PUBLIC_FILE = 0o644;

/** `ncadm admin create`: a certificate with which somebody may be admin, or look, from elsewhere, and the context to use it with. */
export function addAdminCreate(parent: Command, session: Session): void {
  parent
    .command('create')
    .description('make a short-lived certificate for an admin elsewhere, and the key if it was not made there')
    .argument('<name>', 'who it is for, a lower-case DNS label')
    .addOption(new Option('--role <role>', 'admin may change things, viewer may look').choices(['admin', 'viewer']).default('admin'))
    .addOption(new Option('--ttl <duration>', 'how long it is good, at most 30d').argParser(asOption((text) => parseDuration(text, 'ttl'))).default(DEFAULT_TTL_MS, '12h'))
    .option('--csr <file>', 'the request that "ncadm admin request" made where the key stays')
    .option('--out <folder>', 'where certificate, CA and context are written (default: the name)')
    .addHelpText('after', examples('ncadm admin create alice --ttl 8h', 'ncadm admin create alice --csr request.pem', 'ncadm admin create dashboard --role viewer --ttl 30d --out /etc/nc/dashboard'))
    .action(
      session.remote<Options, [string]>(async (invocation, name) => {
        const { output, options } = invocation;
        const folder = options.out ?? name;
        const files = adminFilesIn(folder);
        const made = await certify(invocation, name, folder);
        await writeBundle(made, name, files);
        const { role = '', serial = '', expiresAtMs = 0 } = made.admin ?? {};
        const use = `ncadm --server ${serverOf(made)} --ca ${files.ca} --cert ${files.cert} --key ${files.key} status`;
        const { ca, cert, key, context } = files;
        output.result({ name, role, serial, expiresAt: isoTime(expiresAtMs), files: { ca, cert, key, context }, use }, () =>
          [`${output.colors.bold(name)} may be ${role} until ${formatTime(expiresAtMs)}, from wherever ${folder} and the key are:`, `  ncadm context add ${name} --from ${folder}`].join('\n'),
        );
      }),
    );
}

async function certify({ api, options }: RemoteInvocation<Options>, name: string, folder: string): Promise<CreateAdminResponse> {
  const wanted = { name, role: options.role, ttlMs: options.ttl };
  if (options.csr !== undefined) return api.call('createAdmin', CreateAdminRequest.create({ ...wanted, csr: readRequest(options.csr) }));
  // The key is on disk before it is certified: a certificate whose key was lost is of no use.
  const csr = await makeAdminKey(folder, name);
  const { key } = adminFilesIn(folder);
  return api.call('createAdmin', CreateAdminRequest.create({ ...wanted, csr })).catch((error: unknown) => rm(key).then(() => Promise.reject(error)));
}

async function writeBundle(made: CreateAdminResponse, name: string, files: AdminFiles): Promise<void> {
  await mkdir(resolve(files.cert, '..'), { recursive: true, mode: 0o700 });
  await writeFileAtomic(files.cert, toPem(made.certificate), PUBLIC_FILE);
  await writeFileAtomic(files.ca, (made.grpcCas?.certificates ?? []).map((der) => toPem(der)).join(''), PUBLIC_FILE);
  const context = { name, server: serverOf(made), ca: basename(files.ca), certificate: basename(files.cert), key: basename(files.key) };
  await writeFileAtomic(files.context, formatContexts({ current: name, contexts: [context] }), PUBLIC_FILE);
}

/** All of the cluster's servers, so that the next one is asked when the first does not answer. */
function serverOf({ controlEndpoints }: CreateAdminResponse): string {
  return controlEndpoints.join(',') || '<host:port>';
}
