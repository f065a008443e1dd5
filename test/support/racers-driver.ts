/**
 * Many machines of one process that join with one join string at the same moment.
 *
 * Arguments: how many, a folder for their state. Writes `ready` when it has loaded; a line on stdin, the join string, lets them run. Then
 * writes one line of JSON: for each machine the node's id, or the code of the refusal.
 */
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { joinNode } from '../../src/client/join.js';
import { DomainError } from '../../src/domain/errors.js';
import { parseClientConfig } from '../../src/platform/config/client-config.js';

const [count = '1', folder = ''] = process.argv.slice(2);

createInterface({ input: process.stdin }).once('line', (joinString) => void race(joinString));
console.log('ready');

async function race(joinString: string): Promise<void> {
  const outcomes = await Promise.all(Array.from({ length: Number(count) }, (_, i) => outcomeOf(i, joinString)));
  console.log(JSON.stringify(outcomes));
  process.exit(0);
}

async function outcomeOf(index: number, joinString: string): Promise<string> {
  const client = { name: `racer-${process.pid}-${index}`, stateDir: join(folder, `state-${index}`), device: 'recorded' };
  try {
    return (await joinNode(parseClientConfig(JSON.stringify({ client }), 'racer.yml'), joinString)).nodeId;
  } catch (error) {
    if (error instanceof DomainError) return error.code;
    throw error;
  }
}
