import { Option, type Command } from 'commander';
import { WatchEventsRequest, type WatchEventsResponse } from '../../gen/networkcontroller/v1/admin.js';
import { formatTime, isoTime } from '../../platform/measures.js';
import { examples } from '../../platform/run-command.js';
import { revision, wholeNumber } from '../options.js';
import { printAudit, type AuditOptions } from '../print-audit.js';
import type { Session } from '../session.js';

interface Options extends AuditOptions {
  readonly audit?: boolean;
  readonly follow?: boolean;
  readonly from?: bigint;
  readonly limit?: number;
}

/** `ncadm events`: what changed, in the order it did, by revision. */
export function addEvents(parent: Command, session: Session): void {
  parent
    .command('events')
    .description('show what changed, by revision')
    .option('--follow', 'go on with each change as it happens, until interrupted')
    .option('--from <revision>', 'begin with this revision', revision)
    .option('--limit <count>', 'end after so many', wholeNumber(1, 1_000_000))
    .addOption(new Option('--audit', 'show who did it instead, and who was refused').conflicts(['follow', 'from', 'limit']))
    .option('--actor <actor>', 'with --audit: only what "local", "admin:<name>" or "node:<id>" did')
    .option('--object <object>', 'with --audit: only what was done to "node/<id>", "token/<id>", …')
    .option('--result <result>', 'with --audit: only "ok", or the refusals with this code')
    .addHelpText('after', examples('ncadm events --follow', 'ncadm events --from 120 -o json', 'ncadm events --audit --actor admin:alice'))
    .action(
      session.remote<Options, []>(async (invocation) => {
        const { api, output, options } = invocation;
        if (options.audit === true) return printAudit(invocation);
        const request = WatchEventsRequest.create({ fromRevision: options.from ?? 0n, follow: options.follow === true, limit: options.limit ?? 0 });
        for await (const event of api.watchEvents(request)) output.item(eventJson(event), () => eventText(event));
      }),
    );
}

function eventJson({ revision: rev, atMs, operation, kind, object, network }: WatchEventsResponse) {
  return { revision: rev, at: isoTime(atMs), operation, kind, object, network };
}

function eventText({ revision: rev, atMs, operation, kind, object, network }: WatchEventsResponse): string {
  const where = network === '' ? '' : `  ${network}`;
  return `${formatTime(atMs)}  ${String(rev).padStart(6)}  ${operation.padEnd(6)}  ${kind.padEnd(11)}  ${object}${where}`;
}
