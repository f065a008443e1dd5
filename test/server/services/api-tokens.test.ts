import { describe, expect, it } from 'vitest';
import { ApiTokenRecord } from '../../../src/gen/networkcontroller/store/v1/records.js';
import { callerOfApiToken } from '../../../src/server/auth/api-token.js';
import { ApiTokens, type ApiTokenRequest } from '../../../src/server/services/api-tokens.js';
import { ADMIN, startServices } from '../../support/services.js';

const DAY_MS = 86_400_000;

async function start() {
  const services = await startServices();
  const { repository, clock } = services;
  const tokens = new ApiTokens({ repository, clock });
  const create = (change: Partial<ApiTokenRequest> = {}) => tokens.create({ scopes: ['services:read'], node: '', network: '', label: '', lifetimeMs: DAY_MS, ...change }, ADMIN);
  const shown = (text: string) => callerOfApiToken(repository.view, text, clock.now(), '192.0.2.7');
  return { ...services, tokens, create, shown };
}

const refusal = (code: string) => expect.objectContaining({ code });

describe('an API token is not made', () => {
  it.each([
    ['without a scope', { scopes: [] }, 'invalid_argument'],
    ['with an unknown scope', { scopes: ['services:read', 'nodes:write'] }, 'invalid_argument'],
    ['for less than a minute', { lifetimeMs: 59_999 }, 'invalid_argument'],
    ['for more than a year', { lifetimeMs: 367 * DAY_MS }, 'invalid_argument'],
    ['for an end that is no number', { lifetimeMs: Number.NaN }, 'invalid_argument'],
    ['for a node that is not there', { node: 'nobody' }, 'node_unknown'],
  ])('%s', async (_what, change, code) => {
    const { create, tokens } = await start();

    await expect(create(change)).rejects.toMatchObject({ code });
    expect(tokens.list()).toEqual([]);
  });
});

describe('an API token is refused', () => {
  it.each([
    ['of another shape', () => 'Bearer'],
    ['empty', () => ''],
    ['with a secret that is not its own', (text: string) => `${text.slice(0, -2)}${text.endsWith('AA') ? 'BB' : 'AA'}`],
    ['with an id that is not there', (text: string) => text.replace(/_[0-9a-f]{16}/, '_0123456789abcdef')],
    ['with something behind it', (text: string) => `${text}A`],
  ])('%s, in the same words', async (_what, change) => {
    const { create, shown } = await start();
    const { text } = await create();

    expect(() => shown(change(text))).toThrow(expect.objectContaining({ code: 'token_invalid', message: 'api token: not one of this controller; ask an admin for "ncadm api-token create"' }));
  });

  it('from the moment that it ends, and not before', async () => {
    const { create, shown, clock } = await start();
    const { text } = await create();

    clock.set(clock.now() + DAY_MS - 1);
    expect(shown(text)).toMatchObject({ kind: 'apiToken' });
    clock.set(clock.now() + 1);
    expect(() => shown(text)).toThrow(refusal('token_expired'));
  });

  it('once it is revoked, which only who holds its secret learns', async () => {
    const { create, shown, tokens } = await start();
    const { text, record } = await create();

    await tokens.revoke(record.id, ADMIN);

    expect(() => shown(text)).toThrow(refusal('token_revoked'));
    expect(() => shown(text.replace(/.{22}$/, 'AAAAAAAAAAAAAAAAAAAAAA'))).toThrow(refusal('token_invalid'));
    await expect(tokens.revoke('0123456789abcdef', ADMIN)).rejects.toMatchObject({ code: 'token_unknown' });
  });

  it('when its node is gone', async () => {
    const { create, shown, register, token, nodes } = await start();
    const { id: nodeId } = (await register(await token(), { nodeName: 'web-1' })).node;
    const { text } = await create({ node: 'web-1' });
    expect(shown(text)).toMatchObject({ nodeId, network: 'default' });

    await nodes.remove(nodeId, 'default', 'UnregisterNode', ADMIN);

    expect(() => shown(text)).toThrow(refusal('node_unknown'));
  });
});

it('an API token is listed without its secret, of which only a hash is stored, and its making and its end are audited', async () => {
  const { create, tokens, repository } = await start();
  const { text, record } = await create({ scopes: ['services:write', 'services:read', 'services:write'], label: 'ci\u0000\u001b[31m' });

  await tokens.revoke(record.id, ADMIN);
  await tokens.revoke(record.id, ADMIN);

  expect(tokens.list()).toMatchObject([{ id: record.id, scopes: ['services:write', 'services:read'], label: 'ci [31m', createdBy: 'local' }]);
  const stored = repository.view.apiToken(record.id)!;
  expect(Buffer.from(ApiTokenRecord.encode(stored.value).finish()).includes(text.slice(-22))).toBe(false);
  const audit = repository.view.pageAudit({ object: `api-token/${record.id}` }, '', 10).items.map(({ value }) => [value.method, value.actor, value.result]);
  expect(audit).toEqual([['RevokeApiToken', 'local', 'ok'], ['CreateApiToken', 'local', 'ok']]);
});
