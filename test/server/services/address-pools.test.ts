import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AddressRecord, NetworkRecord } from '../../../src/gen/networkcontroller/store/v1/records.js';
import { silentLog } from '../../../src/platform/log.js';
import { AddressPools } from '../../../src/server/services/address-pools.js';
import { keys } from '../../../src/server/store/keys.js';
import { openStore } from '../../../src/server/store/open-store.js';
import { ManualClock } from '../../support/clock.js';
import { tmpDir } from '../../support/tmp-dir.js';

const code = (expected: string) => expect.objectContaining({ code: expected });

async function start(cidr = '10.66.0.0/29', cidr6 = '') {
  const { store, repository, close } = await openStore({ file: join(tmpDir(), 'nc.db'), clock: new ManualClock(), log: silentLog });
  onTestFinished(close);
  const applied = (rev: bigint): Promise<void> =>
    new Promise((resolve) => {
      if (repository.view.rev >= rev) return resolve();
      const unsubscribe = repository.onApplied((revision) => {
        if (revision.rev < rev) return;
        unsubscribe();
        resolve();
      });
    });
  const write = async (operation: { put: string; value: Uint8Array } | { del: string }): Promise<void> => applied((await store.txn({ if: [], then: [operation] })).rev);
  const addNetwork = (name: string, of: string, of6 = '') =>
    write({ put: keys.network(name), value: NetworkRecord.encode(NetworkRecord.fromPartial({ name, cidr: of, cidr6: of6, mtu: 1280 })).finish() });
  const take = (address: string, network = 'default') => write({ put: keys.address(network, address), value: AddressRecord.encode(AddressRecord.fromPartial({ nodeId: 'n' })).finish() });
  const free = (address: string, network = 'default') => write({ del: keys.address(network, address) });
  await addNetwork('default', cidr, cidr6);
  return { repository, pools: new AddressPools(repository), addNetwork, take, free };
}

/** Everything that a pool would still give, which empties it. */
function rest(pools: AddressPools, network = 'default'): string[] {
  const given: string[] = [];
  for (let claim = pools.claimLowest(network); claim !== undefined; claim = pools.claimLowest(network)) given.push(claim.bindIp);
  return given;
}

describe('a pool', () => {
  it('of an unknown network is refused, and the known ones are named', async () => {
    const { pools } = await start();

    expect(() => pools.claimLowest('lab')).toThrow(code('network_unknown'));
    expect(() => pools.capacity('lab')).toThrow(/want one of default, got "lab"/);
  });

  it.each(['10.66.0.0', '10.66.0.1', '10.66.0.7', '10.66.1.2', 'fd00::2', 'x', ''])('gives nobody %j by name', async (address) => {
    const { pools } = await start();

    expect(() => pools.claimNamed('default', address, 'bind_ip')).toThrow(code('invalid_argument'));
  });

  it('gives every host but the network, the controller and the broadcast address, lowest first, then none', async () => {
    const { pools } = await start();

    expect(rest(pools)).toEqual(['10.66.0.2', '10.66.0.3', '10.66.0.4', '10.66.0.5', '10.66.0.6']);
    expect(pools.capacity('default')).toBe(5);
    expect(pools.claimLowest('default')).toBeUndefined();
  });

  it('gives the IPv6 twin of the address', async () => {
    const { pools } = await start('10.66.0.0/24', 'fd00:66::/64');

    expect(pools.claimLowest('default')).toMatchObject({ bindIp: '10.66.0.2', bindIp6: 'fd00:66::2' });
    expect(pools.claimNamed('default', '10.66.0.200', 'bind_ip').bindIp6).toBe('fd00:66::c8');
  });

  it('is after a restart what the store says', async () => {
    const { repository, take, free } = await start();
    await take('10.66.0.2');
    await take('10.66.0.4');
    await take('10.66.0.5');
    await free('10.66.0.4');

    expect(rest(new AddressPools(repository))).toEqual(['10.66.0.3', '10.66.0.4', '10.66.0.6']);
  });

  it('follows what others take and free', async () => {
    const { pools, take, free } = await start();
    await take('10.66.0.2');
    await take('10.66.0.3');
    await free('10.66.0.2');

    expect(rest(pools)).toEqual(['10.66.0.2', '10.66.0.4', '10.66.0.5', '10.66.0.6']);
  });

  it('never gives the controller’s address, not even when its record goes', async () => {
    const { pools, take, free } = await start();
    await take('10.66.0.1');
    await free('10.66.0.1');

    expect(rest(pools)).not.toContain('10.66.0.1');
  });

  it('of a network that is added later is there at once, with its own addresses', async () => {
    const { pools, addNetwork, take } = await start();
    await addNetwork('lab', '10.67.0.0/29');
    await take('10.67.0.2', 'lab');

    expect(pools.claimLowest('lab')?.bindIp).toBe('10.67.0.3');
    expect(pools.claimLowest('default')?.bindIp).toBe('10.66.0.2');
  });

  it('forgets nothing when its network’s other settings change', async () => {
    const { pools, addNetwork, take } = await start();
    await take('10.66.0.2');
    await addNetwork('default', '10.66.0.0/29');

    expect(pools.claimLowest('default')?.bindIp).toBe('10.66.0.3');
  });
});

describe('a claim', () => {
  it('that came to nothing frees its address', async () => {
    const { pools } = await start();
    const claim = pools.claimLowest('default')!;

    pools.settle(claim);

    expect(pools.claimLowest('default')?.bindIp).toBe(claim.bindIp);
  });

  it('that was committed keeps its address', async () => {
    const { pools, take } = await start();
    const claim = pools.claimLowest('default')!;
    await take(claim.bindIp);

    pools.settle(claim);

    expect(rest(pools)).not.toContain(claim.bindIp);
  });

  it('is not given away when the record of the address comes and goes before it is settled', async () => {
    const { pools, take, free } = await start();
    const claim = pools.claimLowest('default')!;
    await take(claim.bindIp);
    await free(claim.bindIp);
    expect(pools.claimLowest('default')?.bindIp).not.toBe(claim.bindIp);

    pools.settle(claim);

    expect(pools.claimLowest('default')?.bindIp).toBe(claim.bindIp);
  });

  it('that is settled twice frees nobody else’s', async () => {
    const { pools } = await start();
    const claim = pools.claimLowest('default')!;
    pools.settle(claim);
    const other = pools.claimLowest('default')!;
    expect(other.bindIp).toBe(claim.bindIp);

    pools.settle({ ...claim, network: 'gone' });

    expect(pools.claimLowest('default')?.bindIp).not.toBe(other.bindIp);
  });
});
