import { parentPort, workerData } from 'node:worker_threads';
import { lockFile, openForWriting } from './database.js';
import { Ledger, type Outcome } from './ledger.js';
import { migrate } from './migrate.js';
import { sendError, sendOutcome, type WriterData, type WriterReply, type WriterRequest } from './writer-protocol.js';

/** The thread that owns the one connection that writes. It answers requests in the order in which they come. */
function serve(data: WriterData): void {
  const port = parentPort;
  if (port === null) throw new Error('sqlite-writer-worker runs as a worker thread');
  const reply = (message: WriterReply): void => port.postMessage(message);
  try {
    const { ledger, close } = open(data);
    reply(done(ledger));
    port.on('message', (request: WriterRequest) => {
      if (request.kind === 'close') {
        close();
        port.close();
        return;
      }
      reply(answer(ledger, request));
    });
  } catch (error) {
    reply({ kind: 'failed', error: sendError(error) });
  }
}

function open({ file, nowMs, follows }: WriterData): { ledger: Ledger; close: () => void } {
  const db = openForWriting(file);
  const unlock = lockFile(file);
  migrate(db);
  const ledger = new Ledger(db);
  if (follows) {
    // What a power cut takes from it is asked for again.
    db.pragma('synchronous = NORMAL');
  } else {
    ledger.endLeaderships(nowMs);
  }
  const close = (): void => {
    db.close();
    unlock();
  };
  return { ledger, close };
}

function answer(ledger: Ledger, request: Exclude<WriterRequest, { kind: 'close' }>): WriterReply {
  try {
    switch (request.kind) {
      case 'commit':
        return done(ledger, ledger.commit(request.transactions, request.nowMs));
      case 'expire':
        ledger.expire(request.nowMs);
        return done(ledger);
      case 'keepAlive':
        return { kind: 'answer', yes: ledger.keepAlive(request.key, request.modRev, request.expireAtMs) };
      case 'compact':
        return { kind: 'answer', yes: ledger.compact(request.rev) };
      case 'apply':
        return done(ledger, ledger.apply(request.revisions, request.rev));
      case 'stage':
        ledger.stage(request.records);
        return { kind: 'answer', yes: true };
      case 'replace':
        return done(ledger, ledger.replace(request.rev, request.nowMs));
      case 'checkpoint':
        ledger.checkpoint();
        return done(ledger);
    }
  } catch (error) {
    return { kind: 'failed', error: sendError(error) };
  }
}

function done(ledger: Ledger, outcomes: readonly Outcome[] = []): WriterReply {
  const { rev, nextExpiryMs, walBytes } = ledger;
  return { kind: 'done', state: { rev, nextExpiryMs, walBytes }, outcomes: outcomes.map(sendOutcome) };
}

serve((workerData as { data: WriterData }).data);
