import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { DomainError } from '../../domain/errors.js';
import { parseLabel } from '../../domain/names.js';
import { parseContexts, type ControllerContext } from '../../platform/config/contexts-config.js';
import { readConfigText } from '../../platform/yaml-config.js';
import { contextFilePath, LOCAL_CONTEXT, readContexts, writeContexts } from '../context-file.js';
import { givenContext, type ConnectionOptions } from '../controller-target.js';
import { examples } from '../../platform/run-command.js';
import { asOption } from '../options.js';
import type { Session } from '../session.js';

interface Options extends ConnectionOptions {
  readonly from?: string;
}

/** The file in the folder of `ncadm admin create` that says where the controller is. */
export const CONTEXT_FILE = 'context.yml';

/** `ncadm context add`: remembers a controller under a name. */
export function addContextAdd(parent: Command, session: Session): void {
  parent
    .command('add')
    .description('remember a controller under a name, and use it if it is the first')
    .argument('<name>', 'a lower-case DNS label', asOption((text) => parseLabel(text, 'name')))
    .option('--from <folder>', 'what "ncadm admin create" has written; the files stay there')
    .addHelpText('after', examples('ncadm context add prod --from ./alice', 'ncadm --socket /run/nc/admin.sock context add lab'))
    .action(
      session.local<Options, [string]>(async ({ io, output, options }, name) => {
        const known = await readContexts(io.env);
        if (name === LOCAL_CONTEXT || known.contexts.some((each) => each.name === name)) {
          throw new DomainError('invalid_argument', `context: ${name} is there already; remove it first, or choose another name`);
        }
        const context = { ...contextOf(options), name };
        const current = known.current || name;
        await writeContexts(io.env, { current, contexts: [...known.contexts, context] });
        output.result({ ...context, current: current === name }, () => `Context ${name} is in ${contextFilePath(io.env)}${current === name ? ' and is the current one' : ''}`);
      }),
    );
}

function contextOf(options: Options): Omit<ControllerContext, 'name'> {
  if (options.from !== undefined) return contextIn(options.from);
  const given = givenContext(options);
  if (given === undefined) throw new DomainError('invalid_argument', 'context: want --from, or --socket, or --server with --ca, --cert and --key');
  return Object.fromEntries(Object.entries(given).map(([key, value]) => [key, key === 'server' || value === undefined ? value : resolve(value)]));
}

function contextIn(folder: string): Omit<ControllerContext, 'name'> {
  const path = resolve(join(folder, CONTEXT_FILE));
  const [only, ...more] = parseContexts(readConfigText(path), path).contexts;
  if (only === undefined || more.length > 0) throw new DomainError('config_invalid', `${path}: want one context, got ${only === undefined ? 'none' : more.length + 1}`);
  return only;
}
