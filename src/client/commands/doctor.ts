import type { Command } from 'commander';
import { DomainError } from '../../domain/errors.js';
import { examples } from '../../platform/run-command.js';
import { examine } from '../doctor/examine.js';
import { systemMachine } from '../doctor/machine.js';
import { admit } from '../doctor/patient.js';
import type { Session } from '../session.js';
import { doctorText } from '../views/doctor-view.js';

/** `nc-client doctor`: what is wrong with this node, and how it is mended. */
export function addDoctor(parent: Command, session: Session): void {
  parent
    .command('doctor')
    .description('look for what is wrong with this node and say how it is mended; ends with 1 when something is')
    .addHelpText('after', examples('nc-client doctor', "nc-client doctor -o json | jq '.findings[] | select(.result != \"ok\")'"))
    .action(
      session.node<object, []>(async ({ config, output, clock }) => {
        const findings = await examine(await admit(config, clock, systemMachine));
        const failed = findings.filter(({ result }) => result === 'fail');
        output.result({ healthy: failed.length === 0, findings }, () => doctorText(output.colors, findings));
        const [first] = failed;
        if (first !== undefined) throw new DomainError('check_failed', `${first.says}${failed.length > 1 ? `, and ${failed.length - 1} more` : ''}`);
      }),
    );
}
