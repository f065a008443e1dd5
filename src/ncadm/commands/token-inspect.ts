import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { formatHostPort } from '../../domain/host-port.js';
import { MAX_JOIN_STRING, parseJoinString } from '../../domain/join-string.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';
import { describeFields } from '../views/fields-view.js';

/** `ncadm token inspect`: what a join string says, read offline; its secret is not shown. */
export function addTokenInspect(parent: Command, session: Session): void {
  parent
    .command('inspect')
    .description('read a join string from standard input, offline, and show all but its secret')
    .addHelpText('after', examples('ncadm token inspect < join-string', 'ncadm token create | tee join-string | ncadm token inspect -o json'))
    .action(
      session.local<object, []>(async ({ io, output }) => {
        const { token, pins, endpoints } = parseJoinString((await text(io.stdin)).slice(0, 2 * MAX_JOIN_STRING));
        const value = { id: token.id, pins, endpoints: endpoints.map(formatHostPort) };
        output.result(value, () => describeFields(output.colors, value));
      }),
    );
}
