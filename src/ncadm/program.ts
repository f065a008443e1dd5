import { Option, type Command } from 'commander';
import { commandTree, examples, withPrintingOptions, type CommandIo } from '../platform/run-command.js';
import { addAdminCreate } from './commands/admin-create.js';
import { addAdminList } from './commands/admin-list.js';
import { addAdminRequest } from './commands/admin-request.js';
import { addAdminRevoke } from './commands/admin-revoke.js';
import { addApiTokenCreate } from './commands/api-token-create.js';
import { addApiTokenList } from './commands/api-token-list.js';
import { addApiTokenRevoke } from './commands/api-token-revoke.js';
import { addCaActivate } from './commands/ca-activate.js';
import { addCaPrepare } from './commands/ca-prepare.js';
import { addCaRetire } from './commands/ca-retire.js';
import { addCaStatus } from './commands/ca-status.js';
import { addCompletion } from './commands/completion.js';
import { addConfigCheck } from './commands/config-check.js';
import { addContextAdd } from './commands/context-add.js';
import { addContextList } from './commands/context-list.js';
import { addContextRemove } from './commands/context-remove.js';
import { addContextUse } from './commands/context-use.js';
import { addDnsDs } from './commands/dns-ds.js';
import { addDnsKey } from './commands/dns-key.js';
import { addDnsLog } from './commands/dns-log.js';
import { addDnsQuery } from './commands/dns-query.js';
import { addDnsRecordAdd } from './commands/dns-record-add.js';
import { addDnsRecordList } from './commands/dns-record-list.js';
import { addDnsRecordRemove } from './commands/dns-record-remove.js';
import { addDnsStatus } from './commands/dns-status.js';
import { addEvents } from './commands/events.js';
import { addExplain } from './commands/explain.js';
import { addHealth } from './commands/health.js';
import { addNodeList } from './commands/node-list.js';
import { addNodeRename } from './commands/node-rename.js';
import { addNodeRevoke } from './commands/node-revoke.js';
import { addNodeShow } from './commands/node-show.js';
import { addNodeUnregister } from './commands/node-unregister.js';
import { addRelayCreate } from './commands/relay-create.js';
import { addRelayList } from './commands/relay-list.js';
import { addRelayRevoke } from './commands/relay-revoke.js';
import { addReplicaDrain } from './commands/replica-drain.js';
import { addReplicaList } from './commands/replica-list.js';
import { addRouteApprove } from './commands/route-approve.js';
import { addRouteList } from './commands/route-list.js';
import { addRouteRevoke } from './commands/route-revoke.js';
import { addServiceAdd } from './commands/service-add.js';
import { addServiceList } from './commands/service-list.js';
import { addServiceRemove } from './commands/service-remove.js';
import { addServiceShow } from './commands/service-show.js';
import { addSnapshotList } from './commands/snapshot-list.js';
import { addSnapshotRestore } from './commands/snapshot-restore.js';
import { addSnapshotSave } from './commands/snapshot-save.js';
import { addSnapshotVerify } from './commands/snapshot-verify.js';
import { addStatus } from './commands/status.js';
import { addStoreDoctor } from './commands/store-doctor.js';
import { addStoreMigrate } from './commands/store-migrate.js';
import { addSupportBundle } from './commands/support-bundle.js';
import { addTokenCreate } from './commands/token-create.js';
import { addTokenInspect } from './commands/token-inspect.js';
import { addTokenList } from './commands/token-list.js';
import { addTokenRevoke } from './commands/token-revoke.js';
import { addTokenRotate } from './commands/token-rotate.js';
import { addTokenShow } from './commands/token-show.js';
import { addVersion } from './commands/version.js';
import type { Session } from './session.js';

/** Builds the tree of `ncadm`'s commands; each acts through `session`, help is written to `io`. */
export function buildProgram(session: Session, io: CommandIo): Command {
  const program = withPrintingOptions(commandTree('ncadm', io))
    .description('The admin\'s tool of network-controller.')
    .addOption(new Option('--context <name>', 'one of "ncadm context list" (default: the current one)').conflicts(['socket', 'server']))
    .option('--socket <path>', 'the admin socket on the server\'s host (or NC_ADMIN_SOCKET)')
    .option('--server <host:port>', 'a controller elsewhere, several servers of it with commas between; wants --ca, --cert and --key')
    .option('--ca <file>', 'the certificate of the controller\'s CA, PEM')
    .option('--cert <file>', 'the admin certificate, PEM')
    .option('--key <file>', 'its key, PEM')
    .option('--consistent', 'want every change that was acknowledged before in the answer, or none')
    .addHelpText('after', examples('ncadm token create --expire 10m', 'ncadm status'));
  addNouns(program, session);
  return program;
}

function addNouns(program: Command, session: Session): void {
  for (const add of [addStatus, addExplain, addHealth]) add(program, session);
  const token = program.command('token').description('bootstrap tokens, with which nodes join');
  for (const add of [addTokenCreate, addTokenList, addTokenShow, addTokenRotate, addTokenRevoke, addTokenInspect]) add(token, session);
  const node = program.command('node').description('the machines in the network');
  for (const add of [addNodeList, addNodeShow, addNodeRename, addNodeUnregister, addNodeRevoke]) add(node, session);
  const route = program.command('route').description('networks behind nodes, and the way out through a node');
  for (const add of [addRouteList, addRouteApprove, addRouteRevoke]) add(route, session);
  const service = program.command('service').description('names for what nodes offer');
  for (const add of [addServiceAdd, addServiceList, addServiceShow, addServiceRemove]) add(service, session);
  const dns = program.command('dns').description('names: what is answered, and what signs it');
  const record = dns.command('record').description('DNS records that are added and removed while the controller runs');
  for (const add of [addDnsRecordAdd, addDnsRecordList, addDnsRecordRemove]) add(record, session);
  for (const add of [addDnsQuery, addDnsStatus, addDnsDs, addDnsKey, addDnsLog]) add(dns, session);
  const admin = program.command('admin').description('people and programs who may be admin from elsewhere');
  for (const add of [addAdminRequest, addAdminCreate, addAdminList, addAdminRevoke]) add(admin, session);
  const apiToken = program.command('api-token').description('tokens with which programs ask over HTTPS');
  for (const add of [addApiTokenCreate, addApiTokenList, addApiTokenRevoke]) add(apiToken, session);
  const relay = program.command('relay').description("relays beside the controller's own");
  for (const add of [addRelayCreate, addRelayList, addRelayRevoke]) add(relay, session);
  const replica = program.command('replica').description('the servers of the cluster');
  for (const add of [addReplicaList, addReplicaDrain]) add(replica, session);
  const ca = program.command('ca').description('the two CAs and their exchange under a running network');
  for (const add of [addCaStatus, addCaPrepare, addCaActivate, addCaRetire]) add(ca, session);
  const snapshot = program.command('snapshot').description('copies of all records, from which a cluster is made again');
  for (const add of [addSnapshotSave, addSnapshotList, addSnapshotVerify, addSnapshotRestore]) add(snapshot, session);
  const store = program.command('store').description('what the records are kept in; on the server\'s host');
  for (const add of [addStoreDoctor, addStoreMigrate]) add(store, session);
  const context = program.command('context').description('the controllers that you work with');
  for (const add of [addContextList, addContextAdd, addContextUse, addContextRemove]) add(context, session);
  addConfigCheck(program.command('config').description('configuration files'), session);
  for (const add of [addEvents, addSupportBundle, addVersion, addCompletion]) add(program, session);
}
