import { getEventListeners } from 'node:events';
import { request } from 'node:https';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { DomainError } from '../../../src/domain/errors.js';
import { Service } from '../../../src/gen/networkcontroller/v1/types.js';
import { silentLog } from '../../../src/platform/log.js';
import type { Caller } from '../../../src/server/auth/caller.js';
import { httpApp, type HttpRoutes } from '../../../src/server/http/http-app.js';
import { watchEndpoint } from '../../../src/server/http/service-stream.js';
import { startHttpsListener, tlsOptions } from '../../support/https.js';
import { ADMIN, startServices } from '../../support/services.js';
import { until } from '../../support/until.js';

const PATH = '/v1/watch/services';
const PULSE_MS = 15_000;
const READER: Caller = { kind: 'apiToken', id: 't1', scopes: ['services:read'], nodeId: '', network: '', address: '192.0.2.7' };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  return () => void vi.useRealTimers();
});

/** The watch on a real store; `who` is what is known of its caller from now on. */
async function start() {
  const cases = await startServices();
  const who: { is: Caller | DomainError; asked: number; draining: AbortSignal | undefined } = { is: READER, asked: 0, draining: undefined };
  const identify = (): Promise<Caller> => {
    who.asked++;
    return who.is instanceof DomainError ? Promise.reject(who.is) : Promise.resolve(who.is);
  };
  const remember = (routes: HttpRoutes): unknown => routes.use((c, next) => ((who.draining = c.get('draining')), next()));
  const watchRoutes = (routes: HttpRoutes): void => watchEndpoint(cases.repository, identify).addTo(routes, identify);
  const app = httpApp({ log: silentLog }, [remember, watchRoutes]);
  const ask = async (search = '', method = 'GET'): Promise<Response> => app.routes.request(PATH + search, { method }, { incoming: { socket: { remoteAddress: '192.0.2.7' } } });
  const add = (name: string) => cases.services.add(Service.fromPartial({ name, id: name, address: '192.0.2.1', port: 1, network: 'default', leaseSeconds: 0 }), ADMIN);
  /** Streams that the server would have to tell of its end. */
  const open = (): number => (who.draining === undefined ? 0 : getEventListeners(who.draining, 'abort').length);
  return { ...cases, who, app, ask, add, open, routes: [remember, watchRoutes] };
}

/** Reads a stream as it comes; `text` is what has come, `done` whether that is all. */
function follow({ body }: Response) {
  const reader = body!.getReader();
  const got = { text: '', done: false, cancel: () => reader.cancel() };
  void (async () => {
    for (let next = await reader.read(); !next.done; next = await reader.read()) got.text += Buffer.from(next.value).toString();
    got.done = true;
  })();
  onTestFinished(() => reader.cancel());
  return got;
}

/** The events in a stream, with their data. */
function eventsOf({ text }: { readonly text: string }): { name: string; data: Record<string, unknown> }[] {
  return [...text.matchAll(/event: (\w+)\ndata: (.*)\n\n/g)].map(([, name = '', data = '']) => ({ name, data: JSON.parse(data) }));
}

describe('a watch of services ends', () => {
  it.each([
    ['whose token was revoked', new DomainError('token_revoked', 'api token: revoked by an admin'), 401],
    ['whose token has expired', new DomainError('token_expired', 'api token: expired'), 401],
    ['whose node was revoked', new DomainError('node_revoked', 'node n1 has been revoked'), 403],
  ])('for a caller %s, who is told why and nothing after', async (_who, refusal, status) => {
    const { who, ask, add, open } = await start();
    const stream = follow(await ask());
    await until(() => stream.text.includes('synced'), 'what there is');

    who.is = refusal;
    vi.advanceTimersByTime(PULSE_MS);
    await until(() => stream.done, 'the end');
    await add('secret');

    expect(eventsOf(stream).map(({ name }) => name)).toEqual(['synced', 'refused']);
    expect(eventsOf(stream)[1]?.data).toMatchObject({ code: refusal.code, status, detail: refusal.message });
    expect(stream.text).not.toContain('secret');
    expect(open()).toBe(0);
  });

  it('with the server, whoever comes then is refused, and nobody is looked at any more', async () => {
    const { app, ask, who, open } = await start();
    const [one, other] = [follow(await ask()), follow(await ask())];
    await until(() => one.text.includes('synced') && other.text.includes('synced'), 'what there is');

    await app.drain();
    await until(() => one.done && other.done, 'the end of both');

    expect([eventsOf(one)[1], eventsOf(other)[1]]).toMatchObject([{ name: 'refused', data: { code: 'draining' } }, { name: 'refused', data: { code: 'draining' } }]);
    expect((await ask()).status).toBe(503);
    expect(open()).toBe(0);
    const { asked } = who;
    vi.advanceTimersByTime(10 * PULSE_MS);
    expect(who.asked).toBe(asked);
  });

  it('with its reader, and its place is free again', async () => {
    const { routes, who, open } = await start();
    const { target } = await startHttpsListener({ routes: (all) => routes.forEach((add) => add(all)) });
    let text = '';
    const watch = request({ ...tlsOptions(target), agent: false, path: PATH }, (response) => void response.on('data', (bytes: Buffer) => (text += bytes.toString())).on('error', () => {}));
    watch.on('error', () => {}).end();
    await until(() => text.includes('synced') && open() === 1, 'the watch');

    watch.destroy();

    await until(() => open() === 0, 'its end');
    const { asked } = who;
    vi.advanceTimersByTime(10 * PULSE_MS);
    expect(who.asked).toBe(asked);
  });
});

describe('a watch of services', () => {
  it('is kept awake while its caller is still let in, who is looked at each time', async () => {
    const { ask, who } = await start();
    const stream = follow(await ask());
    await until(() => stream.text.includes('synced'), 'what there is');
    const { asked } = who;

    vi.advanceTimersByTime(PULSE_MS);
    await until(() => stream.text.endsWith('\n\n:\n\n'), 'a pulse');

    expect(who.asked).toBe(asked + 1);
    expect(stream.done).toBe(false);
  });

  it('is not told of more than it asked for, and of each change once', async () => {
    const { ask, add, services } = await start();
    await add('other');
    await add('shop');
    const stream = follow(await ask('?name=shop'));
    await until(() => stream.text.includes('synced'), 'what there is');

    await services.remove('other', 'default', ADMIN);
    await services.remove('shop', 'default', ADMIN);
    await until(() => stream.text.includes('removed'), 'the change');

    expect(eventsOf(stream)).toMatchObject([
      { name: 'put', data: { id: 'shop', network: 'default' } },
      { name: 'synced', data: {} },
      { name: 'removed', data: { network: 'default', id: 'shop' } },
    ]);
    expect(stream.text).not.toContain('other');
  });

  it.each([
    ['HEAD, which has no reader', { is: READER, search: '', method: 'HEAD', status: 200 }],
    ['a refusal of what is asked', { is: { kind: 'node', nodeId: 'ID', network: 'default', serial: '1', address: '192.0.2.7' } as Caller, search: '?network=lab', method: 'GET', status: 403 }],
  ])('leaves its place to others after %s, however often', async (_what, { is, search, method, status }) => {
    const { ask, who, open, token, register } = await start();
    const { node } = await register(await token());
    who.is = is.kind === 'node' ? { ...is, nodeId: node.id } : is;

    const answers = [];
    for (let i = 0; i < 1_001; i++) answers.push((await ask(search, method)).status);

    expect(new Set(answers)).toEqual(new Set([status]));
    expect(open()).toBe(0);
    who.is = READER;
    expect(follow(await ask())).toMatchObject({ done: false });
  });

  it('is refused when there are too many, and let in when one has left', async () => {
    const { ask } = await start();
    const streams = [];
    for (let i = 0; i < 1_000; i++) streams.push(await ask());

    const refused = await ask();

    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '60']);
    await streams[0]!.body!.cancel();
    const again = await ask();
    expect(again.status).toBe(200);
    for (const { body } of [...streams.slice(1), again]) await body!.cancel();
  });
});
