import type { Command } from 'commander';
import { parseLabel } from '../../domain/names.js';
import { writeFileAtomic } from '../../platform/pem-files.js';
import { toPem } from '../../platform/x509/pem.js';
import { adminFilesIn, makeAdminKey } from '../admin-files.js';
import { examples } from '../../platform/run-command.js';
import { asOption } from '../options.js';
import type { Session } from '../session.js';

const PUBLIC_FILE = 0o644;

/** `ncadm admin request`: makes an admin's key on the admin's own machine, and the request to send to an admin. */
export function addAdminRequest(parent: Command, session: Session): void {
  parent
    .command('request')
    .description('make your key, which stays here, and a request that an admin turns into a certificate; offline')
    .argument('<name>', 'who it is for, a lower-case DNS label', asOption((text) => parseLabel(text, 'name')))
    .option('--out <folder>', 'where key and request are written (default: the name)')
    .addHelpText('after', examples('ncadm admin request alice', 'ncadm admin create alice --csr request.pem   # an admin, with the request', 'ncadm context add prod --from alice          # with ca.pem, cert.pem and context.yml in the folder'))
    .action(
      session.local<{ readonly out?: string }, [string]>(async ({ output, options }, name) => {
        const folder = options.out ?? name;
        const files = adminFilesIn(folder);
        await writeFileAtomic(files.request, toPem(await makeAdminKey(folder, name), 'CERTIFICATE REQUEST'), PUBLIC_FILE);
        output.result({ name, files: { key: files.key, request: files.request } }, () => `Send ${files.request} to an admin; put what comes back into ${folder}`);
      }),
    );
}
