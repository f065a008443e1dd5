import type { PeerSignal_Kind } from '../gen/networkcontroller/v1/node.js';
import type { BackgroundTasks } from './background-tasks.js';
import type { PathContext } from './path-action.js';
import type { PathDependencies } from './path-types.js';
import type { PeerPath } from './peer-path.js';
import type { Wanted } from './peer-paths.js';

/** Signals of one request. */
const MAX_SIGNALS = 512;

interface Outgoing {
  readonly path: PeerPath;
  readonly kind: PeerSignal_Kind;
  readonly attempt: number;
  readonly hasSession: boolean;
}

/** Does what the paths want: at the device at once, and at the peers by signals that nobody waits for. */
export class PathActions {
  readonly #deps: PathDependencies;
  readonly #tasks: BackgroundTasks;

  constructor(deps: PathDependencies, tasks: BackgroundTasks) {
    this.#deps = deps;
    this.#tasks = tasks;
  }

  /** Resolves when the device has done its part. */
  async perform(wanted: readonly Wanted[], context: PathContext): Promise<void> {
    const { device, log } = this.#deps;
    // A peer that is told of an opening uses it at once.
    const opened = wanted.flatMap(([, action]) => (action.act === 'open' ? action.endpoints : []));
    if (opened.length > 0) await device.open(opened).catch((error: unknown) => log.debug('NAT not opened', { error: String(error) }));
    const signals = wanted.flatMap(([path, action]) => (action.act === 'signal' ? [{ path, ...action, hasSession: path.hasSession(context) }] : []));
    for (let at = 0; at < signals.length; at += MAX_SIGNALS) this.#tasks.add(this.#signal(signals.slice(at, at + MAX_SIGNALS), context));
    await Promise.all(wanted.flatMap(([path, action]) => {
      if (action.act === 'steer') return [device.steer(path.publicKey, action.endpoint, { fresh: action.fresh })];
      return action.act === 'nudge' ? [device.nudge(path.publicKey)] : [];
    }));
  }

  async #signal(signals: readonly Outgoing[], { nat, distances }: PathContext): Promise<void> {
    const { self, send } = this.#deps;
    const common = { candidates: [...self.candidates()], symmetricNat: nat?.symmetric ?? false, portRestrictedNat: nat?.portRestricted ?? false, natUnknown: nat === undefined, relays: [...distances()] };
    const everybody = signals.map(({ path }) => path.nodeId);
    const missed = await send(signals.map(({ path, kind, attempt, hasSession }) => ({ ...common, nodeId: path.nodeId, kind, attempt, hasSession }))).catch(() => everybody);
    const undelivered = new Set(missed);
    for (const { path, kind } of signals) if (undelivered.has(path.nodeId)) path.undelivered(kind);
  }
}
