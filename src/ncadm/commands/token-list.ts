import type { Command } from 'commander';
import { ListTokensRequest } from '../../gen/networkcontroller/v1/admin.js';
import { examples } from '../../platform/run-command.js';
import { PAGE_SIZE, readAllPages } from '../pages.js';
import type { Session } from '../session.js';
import { tokenColumns, tokenJson } from '../views/token-view.js';

interface Options {
  readonly network?: string;
  readonly all?: boolean;
}

/** `ncadm token list`: the bootstrap tokens that can still be used, or all that are kept. */
export function addTokenList(parent: Command, session: Session): void {
  parent
    .command('list')
    .description('list the bootstrap tokens, without their secrets')
    .option('--network <name>', 'only those of this network')
    .option('--all', 'also the expired, spent and revoked ones')
    .addHelpText('after', examples('ncadm token list --all', "ncadm token list -o json | jq -r '.[].id'"))
    .action(
      session.remote<Options, []>(async ({ api, output, options, nowMs }) => {
        const tokens = await readAllPages(async (pageToken) => {
          const request = ListTokensRequest.create({ network: options.network ?? '', all: options.all === true, pageSize: PAGE_SIZE, pageToken });
          const response = await api.call('listTokens', request);
          return { items: response.tokens, next: response.nextPageToken };
        });
        output.table(tokens.map(tokenJson), tokenColumns(output.colors, nowMs), tokens);
      }),
    );
}
