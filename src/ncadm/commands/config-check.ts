import type { Command } from 'commander';
import { parseClientConfig } from '../../platform/config/client-config.js';
import { parseServerConfig } from '../../platform/config/server-config.js';
import { readConfigText } from '../../platform/yaml-config.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';

/** `mode: client`, which says whose file it is. */
const CLIENT_MODE = /^mode:\s*["']?client\b/m;

/** `ncadm config check`: says what is wrong with a server.yml or client.yml, offline. */
export function addConfigCheck(parent: Command, session: Session): void {
  parent
    .command('check')
    .description('say what is wrong with a server.yml or client.yml, without starting anything')
    .argument('[file]', 'the configuration; "mode: client" in it makes it one of nc-client', 'server.yml')
    .addHelpText('after', examples('ncadm config check', 'ncadm config check /etc/nc/client.yml'))
    .action(
      session.local<object, [string]>(({ output }, file) => {
        const text = readConfigText(file);
        const program = CLIENT_MODE.test(text) ? 'nc-client' : 'nc-server';
        if (program === 'nc-client') parseClientConfig(text, file);
        else parseServerConfig(text, file);
        output.result({ file, program, valid: true }, () => `${file}: a valid configuration of ${program}`);
      }),
    );
}
