import { createHash } from 'node:crypto';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Service } from '../../../src/gen/networkcontroller/v1/types.js';
import { silentLog } from '../../../src/platform/log.js';
import { GuessLimit } from '../../../src/server/auth/guess-limit.js';
import { httpApp } from '../../../src/server/http/http-app.js';
import { nekoqFind, nekoqPublish, readPasswordHash } from '../../../src/server/http/nekoq-endpoints.js';
import { anonymous } from '../../../src/server/http/identify.js';
import { startPlainServer } from '../../../src/server/http/plain-server.js';
import { ADMIN, startServices } from '../../support/services.js';
import { startTestServer } from '../../support/server.js';
import { tmpDir } from '../../support/tmp-dir.js';
import { until } from '../../support/until.js';

const PASSWORD = 'correct horse';
const HASH = createHash('sha256').update(PASSWORD).digest();
const HEADERS = { 'x-access-password': PASSWORD };

/** A file with `text`. */
function file(text: string): string {
  const path = join(tmpDir(), 'password');
  writeFileSync(path, text);
  return path;
}

describe('the password file', () => {
  it.each([
    ['is empty', ''],
    ['holds the password itself', `${PASSWORD}\n`],
    ['holds a hash that is cut', HASH.toString('hex').slice(1)],
    ['holds a longer hash', createHash('sha512').update(PASSWORD).digest('hex')],
    ['holds the hash in base64', HASH.toString('base64')],
  ])('is refused when it %s, and what it holds is not told', (_what, text) => {
    const path = file(text);

    const refusal = (() => {
      try {
        return readPasswordHash(path);
      } catch (error) {
        return error;
      }
    })();

    expect(refusal).toMatchObject({ code: 'config_invalid', message: expect.stringContaining(`${path}: want the SHA-256`) });
    if (text !== '') expect(String((refusal as Error).message)).not.toContain(text.trim());
  });

  it.each([
    ['not there', () => join(tmpDir(), 'none')],
    ['a folder', () => tmpDir()],
  ])('is refused when it is %s, and its key is named', (_what, path) => {
    expect(() => readPasswordHash(path())).toThrow(expect.objectContaining({ code: 'config_invalid', message: expect.stringContaining('server.nekoqPasswordFile') }));
  });

  it('keeps a server from starting when it holds no hash', async () => {
    await expect(startTestServer({ settings: [`nekoqPasswordFile: ${file('password')}`] })).rejects.toMatchObject({ code: 'config_invalid' });
  });

  it('is read as sha256sum prints it, in either case', () => {
    const path = file(`${HASH.toString('hex')}  -\n`);
    chmodSync(path, 0o400);

    expect(readPasswordHash(path)).toEqual(HASH);
    expect(readPasswordHash(file(HASH.toString('hex').toUpperCase()))).toEqual(HASH);
  });
});

/** `/service` alone, on real services; `perMinute` guesses are let pass. */
async function start(perMinute = 30) {
  const cases = await startServices();
  const deps = { services: cases.services, passwordHash: HASH, guesses: new GuessLimit(perMinute, cases.clock) };
  const app = httpApp({ log: silentLog }, [(routes) => [nekoqFind(deps), nekoqPublish(deps)].forEach((route) => route.addTo(routes, anonymous))]);
  const plain = await startPlainServer({ host: '127.0.0.1', port: 0 }, app, 'test');
  onTestFinished(() => plain.stop());
  const url = `http://127.0.0.1:${plain.port}/service`;
  const publish = (form: Record<string, string>, headers: Record<string, string> = HEADERS) => fetch(url, { method: 'POST', body: new URLSearchParams(form), headers });
  const find = (name: string, headers: Record<string, string> = HEADERS) => fetch(`${url}?name=${name}`, { headers });
  const found = async (name: string): Promise<unknown> => (await find(name)).json();
  /** Lets time pass as it would, the store answering in between. */
  const pass = async (seconds: number): Promise<void> => {
    for (let i = 0; i < seconds * 4; i++) {
      cases.clock.advance(250);
      await new Promise(setImmediate);
    }
  };
  return { ...cases, url, publish, find, found, pass };
}

describe('a program of NekoQ-Bootstrap', () => {
  it.each([
    ['without a password', {}],
    ['with the hash for a password', { 'x-access-password': HASH.toString('hex') }],
  ])('%s neither publishes nor finds', async (_who, headers) => {
    const { publish, find, found } = await start();
    const mq = { name: 'mq', node: 'one', address: '192.0.2.9:4222' };

    expect([(await publish(mq, headers)).status, (await find('mq', headers)).status]).toEqual([401, 401]);
    expect(await found('mq')).toEqual([]);
  });

  it('that guesses is refused unseen, with the right password too, until a minute is over', async () => {
    const { find, clock } = await start(2);
    const statuses = [];
    for (const password of ['a', 'b', PASSWORD]) statuses.push((await find('mq', { 'x-access-password': password })).status);

    expect(statuses).toEqual([401, 401, 429]);
    clock.advance(60_000);
    expect((await find('mq')).status).toBe(200);
  });

  it('that publishes what cannot be is told so, and nothing is published', async () => {
    const { publish, services } = await start();
    const whole = { name: 'mq', node: 'one', address: '192.0.2.9:4222' };
    const wrong = [
      { ...whole, name: '' },
      { ...whole, name: 'm q' },
      { ...whole, address: '' },
      { ...whole, address: '192.0.2.9' },
      { ...whole, address: '192.0.2.9:65536' },
      { ...whole, address: 'mq.example:4222' },
      { ...whole, ttl: '3600' },
    ];

    for (const form of wrong) {
      const answer = await publish(form);
      expect([answer.status, await answer.json()], JSON.stringify(form)).toMatchObject([400, { code: 'invalid_argument' }]);
    }
    expect(services.list({}, '', 10).items).toEqual([]);
  });

  it('finds what it has published, by form or by query, in the shape that it knows', async () => {
    const { url, publish, found } = await start();
    const query = new URLSearchParams({ name: 'mq', node: 'Node Two', address: '[2001:db8::9]:4222' });

    expect(await (await publish({ name: 'mq', node: 'one', address: '192.0.2.9:4222' })).text()).toBe('');
    expect((await fetch(`${url}?${query}`, { method: 'POST', body: new URLSearchParams(), headers: HEADERS })).status).toBe(200);

    expect(await found('mq')).toEqual(
      expect.arrayContaining([
        { address: '192.0.2.9:4222', node_id: 'one' },
        { address: '[2001:db8::9]:4222', node_id: 'Node Two' },
      ]),
    );
    expect(await found('other')).toEqual([]);
  });

  it('publishes again under its name, and moves by that', async () => {
    const { publish, found } = await start();
    await publish({ name: 'mq', node: 'one', address: '192.0.2.9:4222' });

    await publish({ name: 'mq', node: 'one', address: '192.0.2.10:4223' });

    expect(await found('mq')).toEqual([{ address: '192.0.2.10:4223', node_id: 'one' }]);
  });

  it('does not find an instance whose health check fails, and finds others by their id', async () => {
    const { services, found } = await start();
    const add = (id: string, health: string) => services.add(Service.fromPartial({ name: 'shop', id, network: 'default', address: '192.0.2.1', port: 80, health, leaseSeconds: 60 }), ADMIN);

    await add('well', 'passing');
    await add('sick', 'failing');

    expect(await found('shop')).toEqual([{ address: '192.0.2.1:80', node_id: 'well' }]);
  });

  it('is forgotten when it does not come again within ten seconds', async () => {
    const { publish, found, pass } = await start();
    await publish({ name: 'mq', node: 'one', address: '192.0.2.9:4222' });
    await pass(9);
    await publish({ name: 'mq', node: 'one', address: '192.0.2.9:4222' });
    await pass(9);
    expect(await found('mq')).toHaveLength(1);

    await pass(2);

    await until(async () => JSON.stringify(await found('mq')) === '[]', 'the lease to end');
  });
});
