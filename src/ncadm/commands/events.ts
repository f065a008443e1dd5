import type { Command } from 'commander';
import { WatchEventsRequest, type WatchEventsResponse } from '../../gen/networkcontroller/v1/admin.js';
import { formatTime, isoTime } from '../../platform/measures.js';
import { examples, revision, wholeNumber } from '../options.js';
import type { Session } from '../session.js';

interface Options {
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
    .addHelpText('after', examples('ncadm events --follow', 'ncadm events --from 120 -o json'))
    .action(
      session.remote<Options, []>(async ({ api, output, options }) => {
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
