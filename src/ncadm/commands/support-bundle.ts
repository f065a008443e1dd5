import { join } from 'node:path';
import type { Command } from 'commander';
import { GetCaStatusRequest, ListAuditRequest, ListTokensRequest } from '../../gen/networkcontroller/v1/admin.js';
import { readServerConfig } from '../../platform/config/server-config.js';
import { examples } from '../../platform/run-command.js';
import { lastLines, supportBundle, writeBundle, type BundleParts } from '../../platform/support-bundle.js';
import type { AdminApi } from '../admin-api.js';
import { readStatus } from '../read-status.js';
import type { Session } from '../session.js';
import { caJson } from '../views/ca-view.js';
import { statusJson } from '../views/status-view.js';
import { tokenJson } from '../views/token-view.js';

const AUDIT_ENTRIES = 200;

/** `ncadm support-bundle`: all that somebody who helps from afar needs to see of a controller, without a secret. */
export function addSupportBundle(parent: Command, session: Session): void {
  parent
    .command('support-bundle')
    .description('gather what somebody who helps needs to see of the controller, as YAML without keys and tokens')
    .argument('[file]', 'where to write it; without one, on stdout')
    .option('--config <file>', 'on the server\'s host: its server.yml, for settings, log and figures')
    .addHelpText('after', examples('ncadm support-bundle --config /etc/nc/server.yml support.yml', 'ncadm support-bundle | less'))
    .action(
      session.remote<{ readonly config?: string }, [string?]>(async ({ api, io, output, options, nowMs }, file) => {
        const text = await supportBundle('ncadm', nowMs, { ...controllerParts(api, nowMs), ...(options.config === undefined ? {} : hostParts(options.config)) });
        if (file === undefined) return void io.stdout.write(text);
        writeBundle(file, text);
        output.result({ file }, () => `${file} is written; read it before you send it`);
      }),
    );
}

function controllerParts(api: AdminApi, nowMs: number): BundleParts {
  return {
    status: async () => {
      const { status, nodes } = await readStatus(api, '');
      return statusJson(status, nodes);
    },
    cas: async () => caJson(await api.call('getCaStatus', GetCaStatusRequest.create()), nowMs),
    tokens: async () => (await api.call('listTokens', ListTokensRequest.create({ all: true }))).tokens.map(tokenJson),
    audit: async () => (await api.call('listAudit', ListAuditRequest.create({ pageSize: AUDIT_ENTRIES }))).entries,
  };
}

/** What only the server's own host knows. */
function hostParts(path: string): BundleParts {
  return {
    config: () => readServerConfig(path),
    log: () => {
      const { logDir } = readServerConfig(path);
      if (logDir === undefined) throw new Error('the server logs to its standard output: see its supervisor');
      return lastLines(join(logDir, 'nc-server-log.log'));
    },
    metrics: async () => {
      const { listen } = readServerConfig(path).metrics;
      if (listen === undefined) throw new Error('metrics.listen is empty');
      const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host;
      return (await (await fetch(`http://${host}:${listen.port}/metrics`)).text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    },
  };
}
