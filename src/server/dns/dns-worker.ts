import { parentPort, workerData } from 'node:worker_threads';
import { DomainError } from '../../domain/errors.js';
import { systemClock } from '../../platform/clock.js';
import type { Log, LogFields } from '../../platform/log.js';
import { DnsCounters } from './counters.js';
import { DnsService } from './dns-service.js';
import { openListeners, type Listeners } from './listeners.js';
import type { FromWorker, ToWorker, WorkerSetup } from './worker-messages.js';

// The thread that answers DNS. It has one of its own because a pause of the main thread, such as a change sent to
// thousands of watchers, would otherwise overflow the sockets and lose queries.

const setup = (workerData as { data: WorkerSetup }).data;
const tell = (message: FromWorker): void => parentPort?.postMessage(message);

function logTo(level: keyof Log) {
  return (message: string, fields: LogFields = {}): void => tell({ kind: 'log', level, message, fields });
}

function serve(service: DnsService, listeners: Listeners): void {
  parentPort?.on('message', (message: ToWorker) => {
    switch (message.kind) {
      case 'apply':
        return service.apply(message);
      case 'query':
        return service.handle(message.query, message.client, (answer, source) => tell({ kind: 'answer', id: message.id, asked: answer && source && { answer: Uint8Array.from(answer), source } }));
      case 'certificate':
        return listeners.setCertificate(message.material);
      case 'signingKeys':
        return service.signWith(message.keys);
      case 'logQueries':
        return service.logQueries(message.on);
      case 'stop':
        return void listeners.stop().then(() => tell({ kind: 'stopped' }));
    }
  });
  tell({ kind: 'listening', ports: listeners.ports, tlsPorts: listeners.tlsPorts });
}

async function start(): Promise<void> {
  const log: Log = { debug: logTo('debug'), info: logTo('info'), warn: logTo('warn'), error: logTo('error') };
  const service = new DnsService({ ...setup, counters: new DnsCounters(setup.counters), clock: systemClock, log });
  service.signWith(setup.signingKeys);
  service.apply(setup.first);
  serve(service, await openListeners(setup, service.handle, systemClock));
}

start().catch((error: unknown) => {
  const known = error instanceof DomainError ? error : new DomainError('internal', String(error));
  tell({ kind: 'failed', code: known.code, message: known.message });
});
