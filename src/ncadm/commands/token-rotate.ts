import type { Command } from 'commander';
import { parseDuration } from '../../domain/duration.js';
import { DomainError } from '../../domain/errors.js';
import { RotateTokenRequest } from '../../gen/networkcontroller/v1/admin.js';
import { isoTime } from '../../platform/measures.js';
import { examples } from '../../platform/run-command.js';
import { asOption } from '../options.js';
import type { Session } from '../session.js';

const AT_ONCE = 0;

/** `ncadm token rotate`: gives a token another secret and prints the new join string, and nothing else on stdout. */
export function addTokenRotate(parent: Command, session: Session): void {
  parent
    .command('rotate')
    .description('give a bootstrap token another secret and print its new join string, once')
    .argument('<id>', 'the token id')
    .option('--grace <duration>', 'how long the old string stays good, at most 7d (default: not at all)', asOption((text) => parseDuration(text, 'grace')), AT_ONCE)
    .addHelpText('after', examples('ncadm token rotate 3f0c9a6be1d24c55 --grace 1h > join-string'))
    .action(
      session.remote<{ readonly grace: number }, [string]>(async ({ api, output, options }, id) => {
        const { token, join } = await api.call('rotateToken', RotateTokenRequest.create({ id, graceMs: options.grace }));
        if (token === undefined) throw new DomainError('internal', 'the controller rotated a token and did not say which');
        output.result({ id: token.id, join, expiresAt: isoTime(token.expiresAtMs), uses: token.maxUses }, () => join);
        output.note(`Token ${token.id} has a new secret, shown this once; what it was bound to stays.`);
      }),
    );
}
