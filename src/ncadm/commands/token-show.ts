import type { Command } from 'commander';
import { DomainError } from '../../domain/errors.js';
import { GetTokenRequest } from '../../gen/networkcontroller/v1/admin.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';
import { describeFields } from '../views/fields-view.js';
import { tokenJson } from '../views/token-view.js';

/** `ncadm token show`: all that is known of one token. */
export function addTokenShow(parent: Command, session: Session): void {
  parent
    .command('show')
    .description('show one bootstrap token, without its secret')
    .argument('<id>', 'the token id: the 16 digits after "ncj1_"')
    .addHelpText('after', examples('ncadm token show 3f0c9a6be1d24c55'))
    .action(
      session.remote<object, [string]>(async ({ api, output }, id) => {
        const { token } = await api.call('getToken', GetTokenRequest.create({ id }));
        if (token === undefined) throw new DomainError('token_unknown', `no token has the id "${id}"`);
        output.result(tokenJson(token), () => describeFields(output.colors, tokenJson(token)));
      }),
    );
}
