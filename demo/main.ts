import { capabilities } from '../test/support/lab-capabilities.js';
import { LabStage } from './lab-stage.js';
import { perform } from './perform.js';
import { RecordedStage } from './recorded-stage.js';
import type { Stage } from './stage.js';
import { Story } from './story.js';
import { Teller } from './teller.js';

const teller = new Teller();

process.exitCode = await perform({ teller, raise, tell: (stage) => new Story(stage, teller).tell() });

async function raise(): Promise<Stage> {
  const missing = process.argv.includes('--recorded') ? 'to be run without --recorded' : capabilities().missing;
  teller.say(missing === '' ? LabStage.description() : RecordedStage.description(missing));
  let stage: Stage | undefined;
  await teller.promise('the machines are there', async () => {
    stage = missing === '' ? await LabStage.raise() : await RecordedStage.raise();
    return `a controller and ${stage.nodes.length} nodes${missing === '' ? ' on different subnets behind a NAT router' : ''}`;
  });
  return stage as Stage;
}
