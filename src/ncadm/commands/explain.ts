import type { Command } from 'commander';
import { ExplainRequest } from '../../gen/networkcontroller/v1/admin.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';
import { explainJson, explainText } from '../views/explain-view.js';

/** `ncadm explain`: why one node can or cannot reach another. */
export function addExplain(parent: Command, session: Session): void {
  parent
    .command('explain')
    .description('say why one node can or cannot reach another; both are asked to try')
    .argument('<from>', 'a node\'s id or name')
    .argument('<to>', 'another node\'s id or name')
    .option('--network <name>', 'look for names in this network only')
    .addHelpText('after', examples('ncadm explain web-1 web-2', "ncadm explain web-1 web-2 -o json | jq -r .verdict"))
    .action(
      session.remote<{ readonly network?: string }, [string, string]>(async ({ api, output, options, nowMs }, from, to) => {
        const answer = await api.call('explain', ExplainRequest.create({ from, to, network: options.network ?? '' }));
        output.result(explainJson(answer), () => explainText(output, answer, nowMs));
      }),
    );
}
