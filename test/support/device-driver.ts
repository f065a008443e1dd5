import { createInterface } from 'node:readline';
import { systemClock } from '../../src/platform/clock.js';
import { silentLog } from '../../src/platform/log.js';
import { LinuxDevice } from '../../src/platform/wireguard/linux-device.js';
import type { DeviceConfig } from '../../src/platform/wireguard/device.js';
import { DomainError } from '../../src/domain/errors.js';

/** What the driver is told, one JSON line each. */
export type DriverRequest =
  | { readonly op: 'set' | 'amend'; readonly config: DeviceConfig }
  | { readonly op: 'observe' | 'release' | 'remove' | 'kind' }
  | { readonly op: 'open'; readonly endpoints: readonly string[] }
  | { readonly op: 'steer'; readonly publicKey: string; readonly endpoint: string; readonly fresh?: boolean };

const [, , interfaceName = 'wg0', folder = '/run', publicKey = '', prefer = 'auto'] = process.argv;
const device = new LinuxDevice({ interfaceName, folder, publicKey, prefer: prefer as 'auto', clock: systemClock, log: silentLog });

// The program of a lab machine that holds one device: a namespace can only be entered by a process of its own.
device.onLost((reason) => print({ lost: reason }));
createInterface({ input: process.stdin }).on('line', (line) => void answer(JSON.parse(line) as DriverRequest & { id: number }));
print({ ready: true });

async function answer({ id, ...request }: DriverRequest & { id: number }): Promise<void> {
  try {
    print({ id, result: (await perform(request)) ?? null });
  } catch (error) {
    print({ id, error: error instanceof DomainError ? error.code : 'bug', message: String(error) });
  }
}

async function perform(request: DriverRequest): Promise<unknown> {
  switch (request.op) {
    case 'set':
    case 'amend':
      return device[request.op](request.config);
    case 'steer':
      return device.steer(request.publicKey, request.endpoint, { fresh: request.fresh ?? false });
    case 'open':
      return device.open(request.endpoints);
    case 'observe': {
      const state = await device.observe();
      return state && { ...state, peers: [...state.peers.values()] };
    }
    case 'kind':
      return device.kind;
    case 'release':
    case 'remove':
      return device[request.op]();
  }
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
