import { parentPort, workerData } from 'node:worker_threads';
import { DomainError } from '../../domain/errors.js';
import { systemClock } from '../../platform/clock.js';
import type { Log, LogFields } from '../../platform/log.js';
import { StoredNodes } from '../store/stored-nodes.js';
import { DnsCounters } from './counters.js';
import { DnsService } from './dns-service.js';
import { openListeners, type Listeners } from './listeners.js';
import type { FromWorker, HandedAnswer, ToWorker, WorkerSetup } from './worker-messages.js';

// The thread that answers DNS. It has one of its own because a pause of the main thread, such as a change sent to
// thousands of watchers, would otherwise overflow the sockets and lose queries.

const setup = (workerData as { data: WorkerSetup }).data;
const tell = (message: FromWorker): void => parentPort?.postMessage(message);

function logTo(level: keyof Log) {
  return (message: string, fields: LogFields = {}): void => tell({ kind: 'log', level, message, fields });
}

async function open(service: DnsService): Promise<Listeners> {
  const listeners = await openListeners(setup, service, systemClock);
  tell({ kind: 'listening', ports: listeners.ports, tlsPorts: listeners.tlsPorts });
  return listeners;
}

let answers: HandedAnswer[] = [];

/** What is answered in one turn of the event loop goes in one message. */
function handBack(answer: HandedAnswer): void {
  if (answers.length === 0) {
    setImmediate(() => {
      tell({ kind: 'answers', answers });
      answers = [];
    });
  }
  answers.push(answer);
}

function fail(error: unknown): void {
  const known = error instanceof DomainError ? error : new DomainError('internal', String(error));
  tell({ kind: 'failed', code: known.code, message: known.message });
}

function start(): void {
  const log: Log = { debug: logTo('debug'), info: logTo('info'), warn: logTo('warn'), error: logTo('error') };
  const nodes = setup.storeFile === undefined ? undefined : new StoredNodes(setup.storeFile);
  const service = new DnsService({ ...setup, nodes, counters: new DnsCounters(setup.counters), clock: systemClock, log });
  service.signWith(setup.signingKeys);
  let listeners: Listeners | undefined;
  parentPort?.on('message', (message: ToWorker) => {
    switch (message.kind) {
      case 'apply':
        return service.apply(message);
      case 'open':
        return void open(service).then((opened) => (listeners = opened), fail);
      case 'queries':
        return message.queries.forEach(({ id, query, client }) =>
          service.handle(query, client, (answer, source) => handBack({ id, asked: answer && source && { answer: Uint8Array.from(answer), source } })),
        );
      case 'certificate':
        return listeners?.setCertificate(message.material);
      case 'signingKeys':
        return service.signWith(message.keys);
      case 'logQueries':
        return service.logQueries(message.on);
      case 'stop':
        return void listeners?.stop().then(() => {
          nodes?.close();
          tell({ kind: 'stopped' });
        });
    }
  });
}

try {
  start();
} catch (error) {
  fail(error);
}
