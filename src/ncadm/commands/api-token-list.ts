import type { Command } from 'commander';
import { ListApiTokensRequest } from '../../gen/networkcontroller/v1/admin.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';
import { apiTokenColumns, apiTokenJson } from '../views/api-token-view.js';

/** `ncadm api-token list`: every API token that has not expired. */
export function addApiTokenList(parent: Command, session: Session): void {
  parent
    .command('list')
    .description('list the tokens for the HTTPS interface, without their secrets')
    .addHelpText('after', examples('ncadm api-token list'))
    .action(
      session.remote<object, []>(async ({ api, output, nowMs }) => {
        const { tokens } = await api.call('listApiTokens', ListApiTokensRequest.create());
        output.table(tokens.map(apiTokenJson), apiTokenColumns(output.colors, nowMs), tokens);
      }),
    );
}
