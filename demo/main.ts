import { capabilities } from '../test/support/lab-capabilities.js';
import { LabStage } from './lab-stage.js';
import { isBuilt } from './programs.js';
import { RecordedStage } from './recorded-stage.js';
import type { Stage } from './stage.js';
import { Story } from './story.js';
import { BrokenPromise, Teller } from './teller.js';

const keep = process.argv.includes('--keep');
const teller = new Teller();
const interrupted = new Promise<never>((_, reject) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => reject(new Error(`interrupted by ${signal}`)));
});
// Whoever races with it hears of it; until somebody does it is no error.
interrupted.catch(() => {});

process.exitCode = await perform();

/** Raises a stage, tells the story, strikes the stage. The last line and the exit code say the same. */
async function perform(): Promise<number> {
  let stage: Stage | undefined;
  try {
    stage = await raise();
    await Promise.race([new Story(stage, teller).tell(), interrupted]);
    if (!keep) await teller.promise('nothing is left behind', () => strike(stage as Stage));
  } catch (error) {
    await fail(error, stage);
    return 1;
  }
  if (keep) tellHowToLookAround(stage);
  teller.say(`\ndemo: ok`);
  if (keep) await interrupted.catch(() => strike(stage as Stage));
  return 0;
}

async function raise(): Promise<Stage> {
  if (!isBuilt()) throw new Error('the programs are not built: npm run build');
  const missing = process.argv.includes('--recorded') ? 'to be run without --recorded' : capabilities().missing;
  teller.say(missing === '' ? LabStage.description() : RecordedStage.description(missing));
  let stage: Stage | undefined;
  await teller.promise('the machines are there', async () => {
    stage = missing === '' ? await LabStage.raise() : await RecordedStage.raise();
    return `a controller and ${stage.nodes.length} nodes${missing === '' ? ' on different subnets behind a NAT router' : ''}`;
  });
  return stage as Stage;
}

async function strike(stage: Stage): Promise<string> {
  await stage.strike();
  const left = stage.leftovers();
  if (left.length > 0) throw new Error(`still there: ${left.join(', ')}`);
  return 'no process, no namespace, no file';
}

async function fail(error: unknown, stage: Stage | undefined): Promise<void> {
  const reason = error instanceof Error ? error.message : String(error);
  process.stderr.write(`\n${stage?.logs() ?? ''}\n${reason}\n`);
  await stage?.strike();
  teller.say(`\ndemo: failed: ${error instanceof BrokenPromise ? error.promise : reason}`);
}

function tellHowToLookAround(stage: Stage): void {
  teller.say('\nThe lab stays up until Ctrl-C. Look around from another terminal:');
  for (const command of stage.lookAround()) teller.say(`  ${command}`);
}
