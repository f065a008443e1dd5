import { parentPort } from 'node:worker_threads';
import { proveKeys } from './key-claim.js';
import { sendError, sendKeys, type ProofJob, type ProofOutcome } from './proof-protocol.js';

/** Answers go back a few at a time, so that whoever asked goes on with the first while the last are being checked. */
const ANSWERS_AT_ONCE = 4;

/** The thread that checks keys, in the order in which they come. */
function serve(): void {
  const port = parentPort;
  if (port === null) throw new Error('proof-worker runs as a worker thread');
  port.on('message', (jobs: readonly ProofJob[]) => {
    for (let at = 0; at < jobs.length; at += ANSWERS_AT_ONCE) port.postMessage(jobs.slice(at, at + ANSWERS_AT_ONCE).map(answer));
  });
}

function answer({ id, claim }: ProofJob): ProofOutcome {
  try {
    return { id, keys: sendKeys(proveKeys(claim)) };
  } catch (error) {
    return { id, ...sendError(error) };
  }
}

serve();
