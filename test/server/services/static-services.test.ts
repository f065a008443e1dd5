import { describe, expect, it } from 'vitest';
import { Service } from '../../../src/gen/networkcontroller/v1/types.js';
import { parseServerConfig } from '../../../src/platform/config/server-config.js';
import { silentLog } from '../../../src/platform/log.js';
import { reconcileStaticServices } from '../../../src/server/services/static-services.js';
import { ADMIN, startServices } from '../../support/services.js';

const services = (...lines: string[]) => parseServerConfig(`server:\n  services: [${lines.join(', ')}]`, 'server.yml').services;
const NTP = '{ name: ntp, address: 192.0.2.1, port: 123, protocol: udp }';

async function startStatic(...lines: string[]) {
  const started = await startServices();
  const reconcile = (...wanted: string[]): Promise<void> => reconcileStaticServices(started.repository, services(...wanted), started.clock, silentLog);
  await reconcile(...lines);
  return { ...started, reconcile, all: () => started.services.list({}, '', 100).items };
}

describe('a service of server.yml', () => {
  it('is not for admins to replace or to take away', async () => {
    const { services, all } = await startStatic(NTP);

    await expect(services.add(Service.fromPartial({ id: 'ntp-192-0-2-1-123', name: 'ntp', address: '192.0.2.9' }), ADMIN)).rejects.toThrow(/stands in server.yml; change it there/);
    await expect(services.remove('ntp', 'default', ADMIN)).rejects.toThrow(/stands in server.yml/);

    expect(all()).toMatchObject([{ address: '192.0.2.1' }]);
  });

  it('with metadata that no record can carry keeps the server from starting', async () => {
    const long = 'x'.repeat(300);

    await expect(startStatic(`{ name: ntp, address: 192.0.2.1, port: 123, metadata: { a: ${long} } }`)).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining('server.services: ntp-192-0-2-1-123: service.metadata: want') as string,
    });
  });

  it('is answered without lease, and unchanged by the next start', async () => {
    const { repository, reconcile, all } = await startStatic(NTP);
    const { rev } = repository.view;

    await reconcile(NTP);

    expect(repository.view.rev).toBe(rev);
    expect(all()).toMatchObject([{ id: 'ntp-192-0-2-1-123', port: 123, protocol: 'udp', leaseSeconds: 0, withheld: '', ttlSeconds: 60 }]);
  });

  it('changes and goes with the file, and nothing else goes with it', async () => {
    const { services, reconcile, all } = await startStatic(NTP, '{ name: mail, id: m, address: "2001:db8::1", port: 25 }');
    await services.add(Service.fromPartial({ id: 'kept', name: 'ntp', address: '192.0.2.7' }), ADMIN);

    await reconcile('{ name: post, id: m, address: "2001:db8::2", port: 25, ttl: 5m }');

    expect(all().map(({ id, name, address, ttlSeconds }) => ({ id, name, address, ttlSeconds }))).toEqual([
      { id: 'kept', name: 'ntp', address: '192.0.2.7', ttlSeconds: 60 },
      { id: 'm', name: 'post', address: '2001:db8::2', ttlSeconds: 300 },
    ]);
  });

  it('takes its id from whoever registered one of it before', async () => {
    const { services, reconcile, all } = await startStatic();
    await services.add(Service.fromPartial({ id: 'ntp-192-0-2-1-123', name: 'other', address: '192.0.2.9' }), ADMIN);

    await reconcile(NTP);

    expect(all()).toMatchObject([{ name: 'ntp', address: '192.0.2.1' }]);
  });
});
