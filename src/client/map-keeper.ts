import type { MapDelta, MapSnapshot } from '../gen/networkcontroller/v1/node.js';
import type { Clock } from '../platform/clock.js';
import type { Log } from '../platform/log.js';
import { LazyWriter } from './state/lazy-writer.js';
import type { StateFolder } from './state/state-folder.js';

/** Octets of changes after which the map is written whole again; some thousand nodes. */
const MAX_JOURNAL_BYTES = 4 * 1024 * 1024;

/**
 * Keeps the map on disk: whole soon after it was replaced, and after that each change as it comes.
 *
 * The first change in the life of an agent has the map written whole too, because only then is it known what the file holds.
 */
export class MapKeeper {
  readonly #state: StateFolder;
  readonly #log: Log;
  readonly #whole: LazyWriter;
  #isWhole = false;

  /** @param snapshot The map now; undefined before the first. */
  constructor(state: StateFolder, clock: Clock, log: Log, snapshot: () => MapSnapshot | undefined) {
    this.#state = state;
    this.#log = log;
    this.#whole = new LazyWriter(clock, log, () => {
      const map = snapshot();
      if (map === undefined) return;
      state.saveMap(map);
      this.#isWhole = true;
    });
  }

  /** The map is another one. */
  replaced(): void {
    this.#isWhole = false;
    this.#whole.touch();
  }

  /** The map has changed by this much. */
  changed(delta: MapDelta): void {
    if (!this.#isWhole || this.#state.mapJournal.bytes > MAX_JOURNAL_BYTES || !this.#append(delta)) this.replaced();
  }

  /** Writes what waits to be written. */
  flush(): void {
    this.#whole.flush();
  }

  /** @returns whether the entry is whole; behind one that is not nothing more could be read. */
  #append(delta: MapDelta): boolean {
    try {
      this.#state.mapJournal.append(delta);
      return true;
    } catch (error) {
      this.#log.warn('the state folder cannot be written', { reason: (error as Error).message });
      return false;
    }
  }
}
