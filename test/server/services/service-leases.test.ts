import { describe, expect, it } from 'vitest';
import type { ServiceState } from '../../../src/gen/networkcontroller/v1/node.js';
import { Service } from '../../../src/gen/networkcontroller/v1/types.js';
import { silentLog } from '../../../src/platform/log.js';
import type { Caller } from '../../../src/server/auth/caller.js';
import { ServiceLeases } from '../../../src/server/services/service-leases.js';
import { ADMIN, startServices } from '../../support/services.js';
import { until } from '../../support/until.js';

const nodeCaller = (nodeId: string): Caller => ({ kind: 'node', nodeId, network: 'default', serial: 'AA', address: '10.0.0.1' });
const state = (id: string, health = '', healthReason = ''): ServiceState => ({ id, health, healthReason });

/** A network with one node that offers one service, `one`. */
async function startOffer(wanted: Partial<Service> = {}) {
  const started = await startServices();
  const { clock, services, repository, register, token, presence } = started;
  const { node } = await register(await token());
  const caller = nodeCaller(node.id);
  presence.streamOpened(node.id, 'default', '');
  await services.add(Service.fromPartial({ id: 'one', name: 'registry', nodeId: node.id, port: 80, ...wanted }), caller);
  const record = (id = 'one') => repository.view.service('default', id)!.value;
  /** Lets time pass as it would, the store answering in between. */
  const pass = async (seconds: number): Promise<void> => {
    for (let i = 0; i < seconds * 4; i++) {
      clock.advance(250);
      await new Promise(setImmediate);
    }
  };
  return { ...started, node, caller, record, pass };
}

describe('a lease', () => {
  it('that is not renewed withholds the instance and says why and since when', async () => {
    const { clock, record, pass } = await startOffer();

    await pass(9);
    expect(record().withheld).toBe('');
    await pass(2);

    await until(() => record().withheld === 'not renewed for 10 s', 'the instance to be withheld');
    expect(record().lapsedAtMs).toBeGreaterThan(clock.now() - 5_000);
    expect(record().sinceMs).toBe(record().lapsedAtMs);
  });

  it('that is renewed writes nothing, however often', async () => {
    const { services, caller, repository, record, pass } = await startOffer();
    const before = repository.view.rev;

    for (let i = 0; i < 10; i++) {
      await pass(5);
      await services.renew('default', [state('one')], caller);
    }

    expect(record().withheld).toBe('');
    expect(repository.view.service('default', 'one')!.modRev).toBeLessThanOrEqual(before);
  });

  it('that has ended begins again with the next renewal, at once', async () => {
    const { services, caller, record, pass } = await startOffer();
    await pass(11);
    await until(() => record().withheld !== '', 'the instance to be withheld');

    await services.renew('default', [state('one')], caller);

    expect(record()).toMatchObject({ withheld: '', lapsedAtMs: 0 });
  });

  it('of many ends in one transaction', async () => {
    const { services, caller, node, repository, pass } = await startOffer();
    for (let i = 0; i < 40; i++) await services.add(Service.fromPartial({ id: `i${i}`, name: 'registry', nodeId: node.id }), caller);
    const withheld = () => [...repository.view.servicesOf('default')].filter(({ value }) => value.withheld !== '');

    await pass(11);
    await until(() => withheld().length === 41, 'all to be withheld');

    expect(new Set(withheld().map(({ modRev }) => modRev)).size).toBeLessThanOrEqual(2);
  });

  it('of an instance that is registered again as it is begins anew without a write', async () => {
    const { services, caller, node, repository, record, pass } = await startOffer({ metadata: { a: '1', b: '2' } });
    const { modRev } = repository.view.service('default', 'one')!;

    await pass(9);
    await services.add(Service.fromPartial({ id: 'one', name: 'registry', nodeId: node.id, port: 80, metadata: { b: '2', a: '1' } }), caller);
    await pass(9);

    expect(record().withheld).toBe('');
    expect(repository.view.service('default', 'one')!.modRev).toBe(modRev);
  });

  it('neither ends nor lives on because the clock is set', async () => {
    const { clock, record, pass } = await startOffer();

    clock.set(clock.now() + 3_600_000);
    await pass(9);
    expect(record().withheld).toBe('');
    clock.set(clock.now() - 7_200_000);
    await pass(2);

    await until(() => record().withheld !== '', 'the instance to be withheld');
  });

  it('that was held when the controller stopped begins anew, half a minute after its start', async () => {
    const { clock, repository, leases, presence, record, pass } = await startOffer();
    leases.stop();
    await pass(60);
    expect(record().withheld).toBe('');

    const restarted = new ServiceLeases({ repository, isHere: (id) => presence.isHere(id), clock, log: silentLog });
    await pass(39);
    expect(record().withheld).toBe('');
    await pass(2);

    await until(() => record().withheld !== '', 'the instance to be withheld');
    restarted.stop();
  });

  it('is not for somebody else to renew or to call unhealthy, which keeps nobody from renewing their own', async () => {
    const { services, register, token, caller, record, pass } = await startOffer();
    const other = await register(await token());
    await services.add(Service.fromPartial({ id: 'other', name: 'registry', nodeId: other.node.id }), nodeCaller(other.node.id));

    expect(await services.renew('default', [state('other', 'failing')], caller)).toEqual(['other']);
    expect(record('other')).toMatchObject({ withheld: '', health: '' });
    await pass(9);
    expect(await services.renew('default', [state('other'), state('one')], caller)).toEqual(['other']);
    await pass(2);

    await until(() => record('other').withheld === 'not renewed for 10 s', 'the other instance to be withheld');
    expect(record().withheld).toBe('');
  });

  it('can be renewed for everybody by an admin', async () => {
    const { services, record, pass } = await startOffer();
    await pass(9);

    expect(await services.renew('default', [state('one')], ADMIN)).toEqual([]);
    await pass(9);

    expect(record().withheld).toBe('');
  });

  it('of an instance that is gone is told to its owner', async () => {
    const { services, caller } = await startOffer();
    await services.remove('one', 'default', ADMIN);

    expect(await services.renew('default', [state('one'), state('never')], caller)).toEqual(['one', 'never']);
  });
});

describe('an instance that follows its node', () => {
  it('is withheld when the node has left and answered when it is back', async () => {
    const { node, presence, record, pass } = await startOffer({ withNode: true });
    await pass(60);
    expect(record().withheld).toBe('');

    presence.streamClosed(node.id);
    await pass(6);
    await until(() => record().withheld === 'its node is not connected', 'the instance to be withheld');
    presence.streamOpened(node.id, 'default', '');
    await pass(1);

    await until(() => record().withheld === '', 'the instance to be answered again');
  });

  it('is withheld from the start when its node is not here', async () => {
    const { services, register, token } = await startServices();
    const { node } = await register(await token());

    const { result } = await services.add(Service.fromPartial({ name: 'registry', nodeId: node.id, withNode: true }), ADMIN);

    expect(result.withheld).toBe('its node is not connected');
  });
});

describe('a health check', () => {
  it('that fails withholds the instance at once and says why, until it passes', async () => {
    const { services, caller, record } = await startOffer();

    await services.renew('default', [state('one', 'failing', 'tcp 10.66.0.2:80: refused')], caller);
    expect(record()).toMatchObject({ withheld: 'its health check fails: tcp 10.66.0.2:80: refused', health: 'failing' });
    await services.renew('default', [state('one', 'passing')], caller);

    expect(record()).toMatchObject({ withheld: '', health: 'passing', healthReason: '' });
  });

  it('that fails again and again is one change', async () => {
    const { services, caller, repository } = await startOffer();
    await services.renew('default', [state('one', 'failing', 'refused')], caller);
    const { modRev } = repository.view.service('default', 'one')!;

    await services.renew('default', [state('one', 'failing', 'timed out')], caller);

    expect(repository.view.service('default', 'one')!.modRev).toBe(modRev);
  });

  it('says no control characters and not more than fits a line', async () => {
    const { services, caller, record } = await startOffer();

    await services.renew('default', [state('one', 'failing', `\u001b[31mred\n${'x'.repeat(500)}`)], caller);

    expect(record().healthReason).toMatch(/^ \[31mred x+$/);
    expect(record().healthReason.length).toBe(200);
  });

  it('cannot say anything else than that', async () => {
    const { services, caller } = await startOffer();

    await expect(services.renew('default', [state('one', 'splendid')], caller)).rejects.toThrow(/service.health: want passing or failing, got "splendid"/);
  });
});
