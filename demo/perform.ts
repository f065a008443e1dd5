import { isBuilt } from './programs.js';
import { BrokenPromise, type Teller } from './teller.js';

/** Where a story is told, as far as raising and leaving it goes. */
export interface Scene {
  /** How somebody may look around, one command a line. */
  lookAround(): readonly string[];
  /** What the programs said last. */
  logs(): string;
  /** Leaves nothing: no process, no namespace, no file. */
  strike(): Promise<void>;
  /** What {@link strike} did leave, by name. */
  leftovers(): readonly string[];
}

/** A demo: where it is told, and what. */
export interface Performance<S extends Scene> {
  readonly teller: Teller;
  raise(): Promise<S>;
  tell(scene: S): Promise<void>;
}

/** Raises a scene, tells the story, strikes the scene. The last line and the exit code say the same. With --keep the scene stays until Ctrl-C. */
export async function perform<S extends Scene>({ teller, raise, tell }: Performance<S>): Promise<number> {
  const keep = process.argv.includes('--keep');
  const interrupted = interruption();
  let scene: S | undefined;
  try {
    if (!isBuilt()) throw new Error('the programs are not built: npm run build');
    scene = await raise();
    await Promise.race([tell(scene), interrupted]);
    if (!keep) await teller.promise('nothing is left behind', () => strike(scene as S));
  } catch (error) {
    await fail(error, scene, teller);
    return 1;
  }
  if (keep) tellHowToLookAround(scene, teller);
  teller.say(`\ndemo: ok`);
  if (keep) await interrupted.catch(() => strike(scene as S));
  return 0;
}

function interruption(): Promise<never> {
  const interrupted = new Promise<never>((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => reject(new Error(`interrupted by ${signal}`)));
  });
  // Whoever races with it hears of it; until somebody does it is no error.
  interrupted.catch(() => {});
  return interrupted;
}

async function strike(scene: Scene): Promise<string> {
  await scene.strike();
  const left = scene.leftovers();
  if (left.length > 0) throw new Error(`still there: ${left.join(', ')}`);
  return 'no process, no namespace, no file';
}

async function fail(error: unknown, scene: Scene | undefined, teller: Teller): Promise<void> {
  const reason = error instanceof Error ? error.message : String(error);
  process.stderr.write(`\n${scene?.logs() ?? ''}\n${reason}\n`);
  await scene?.strike();
  teller.say(`\ndemo: failed: ${error instanceof BrokenPromise ? error.promise : reason}`);
}

function tellHowToLookAround(scene: Scene, teller: Teller): void {
  teller.say('\nThe lab stays up until Ctrl-C. Look around from another terminal:');
  for (const command of scene.lookAround()) teller.say(`  ${command}`);
}
