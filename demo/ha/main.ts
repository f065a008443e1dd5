import { execFileSync } from 'node:child_process';
import { capabilities } from '../../test/support/lab-capabilities.js';
import { perform } from '../perform.js';
import { Teller } from '../teller.js';
import { HaStage } from './ha-stage.js';
import { HaStory } from './ha-story.js';

const teller = new Teller();

process.exitCode = await perform({ teller, raise, tell: (stage) => new HaStory(stage, teller).tell() });

async function raise(): Promise<HaStage> {
  const missing = capabilities().missing || missingEtcd();
  if (missing !== '') throw new Error(`this demo needs ${missing}; on Debian as root: apt-get install etcd-server iproute2 nftables wireguard-tools wireguard-go iputils-ping`);
  teller.say(HaStage.description());
  let stage: HaStage | undefined;
  await teller.promise('three data centres are there', async () => {
    stage = await HaStage.raise();
    return 'each with a machine for etcd and a controller, and two for nodes';
  });
  return stage as HaStage;
}

function missingEtcd(): string {
  try {
    execFileSync('etcd', ['--version'], { stdio: 'ignore' });
    return '';
  } catch {
    return 'the program etcd';
  }
}
