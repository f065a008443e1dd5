import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { CertificateRecord_State } from '../../../src/gen/networkcontroller/store/v1/records.js';
import { Admins, type AdminRequest } from '../../../src/server/services/admins.js';
import { ADMIN, startServices } from '../../support/services.js';

const code = (expected: string) => expect.objectContaining({ code: expected });

async function start() {
  const { repository, clock, register, token } = await startServices();
  const issued: { lifetimeMs?: number }[] = [];
  const issueAdminCertificate = (request: { lifetimeMs?: number }) => {
    issued.push(request);
    return { der: randomBytes(64), serial: randomBytes(16).toString('hex').toUpperCase(), notAfterMs: clock.now() + (request.lifetimeMs ?? 3_600_000), caGeneration: 1 };
  };
  const admins = new Admins({ repository, issuer: { issueAdminCertificate }, clock });
  const create = (wanted: Partial<AdminRequest> = {}) => admins.create({ name: 'alice', role: 'admin', spki: randomBytes(91), lifetimeMs: undefined, ...wanted }, ADMIN);
  return { repository, clock, admins, create, issued, register, token };
}

describe('an admin', () => {
  it.each([{ name: 'Alice' }, { name: '' }, { role: 'root' }, { role: '' }, { lifetimeMs: 59_999 }, { lifetimeMs: -1 }])('asked for as %j is refused before anything is certified', async (wanted) => {
    const { create, issued, repository } = await start();
    const before = repository.view.rev;

    await expect(create(wanted)).rejects.toEqual(code('invalid_argument'));

    expect(issued).toEqual([]);
    expect(repository.view.rev).toBe(before);
  });

  it('has the role that stands in the row, and an audit record', async () => {
    const { create, repository } = await start();

    const { record } = await create({ role: 'viewer' });

    expect(repository.view.certificate(record.serial)?.value).toMatchObject({ subjectKind: 'admin', subjectId: 'alice', role: 'viewer', purpose: 'grpc' });
    expect(repository.view.pageAudit({ object: 'admin/alice' }, '', 5).items[0]?.value).toMatchObject({ method: 'CreateAdmin', actor: 'local' });
  });
});

describe('revoking', () => {
  it.each(['bob', 'FF00', ''])('%j, which is no admin, is refused', async (target) => {
    const { admins, create } = await start();
    await create();

    await expect(admins.revoke(target, ADMIN)).rejects.toEqual(code('admin_unknown'));
  });

  it('a node by its certificate’s serial is refused: it is no admin', async () => {
    const { admins, register, token } = await start();
    const { node } = await register(await token());

    await expect(admins.revoke(node.grpcSerial, ADMIN)).rejects.toEqual(code('admin_unknown'));
  });

  it('a name ends all its certificates, and nobody else’s', async () => {
    const { admins, create, clock } = await start();
    await create();
    await create();
    await create({ name: 'bob' });

    expect(await admins.revoke('alice', ADMIN)).toHaveLength(2);

    const states = admins.list().map(({ subjectId, state, revokedAtMs }) => [subjectId, state === CertificateRecord_State.STATE_REVOKED, revokedAtMs]);
    expect(states.sort()).toEqual([['alice', true, clock.now()], ['alice', true, clock.now()], ['bob', false, 0]]);
  });

  it('a serial ends that certificate alone', async () => {
    const { admins, create } = await start();
    const [lost, kept] = [await create(), await create()];

    await admins.revoke(lost.record.serial, ADMIN);

    const open = admins.list().filter(({ state }) => state !== CertificateRecord_State.STATE_REVOKED);
    expect(open.map(({ serial }) => serial)).toEqual([kept.record.serial]);
  });

  it('twice is once, at the time of the first', async () => {
    const { admins, create, clock, repository } = await start();
    await create();
    await admins.revoke('alice', ADMIN);
    const before = repository.view.rev;
    clock.set(clock.now() + 1_000);

    const [again] = await admins.revoke('alice', ADMIN);

    expect(again?.revokedAtMs).toBe(clock.now() - 1_000);
    expect(repository.view.rev).toBe(before);
  });
});
