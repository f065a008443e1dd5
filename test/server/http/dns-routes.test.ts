import { describe, expect, it, onTestFinished } from 'vitest';
import { silentLog } from '../../../src/platform/log.js';
import { dnsRoutes } from '../../../src/server/http/dns-routes.js';
import { httpApp } from '../../../src/server/http/http-app.js';
import { startPlainServer } from '../../../src/server/http/plain-server.js';
import { aQuery, put, read, startTestDns } from '../../support/dns.js';

const MEDIA_TYPE = 'application/dns-message';
const question = aQuery('web-1.default.nc.internal');

async function startPlain() {
  const dns = await startTestDns({ changes: [put.node(), put.service(), ...Array.from({ length: 100 }, (_, i) => put.service({ id: `i${i}`, name: 'many' }))] });
  const routes = dnsRoutes({ answer: (query, client) => dns.answer(query, client), audience: 'anyone', identify: () => Promise.reject(new Error('nobody asks for callers on loopback')) });
  const doh = await startPlainServer({ host: '127.0.0.1', port: 0 }, httpApp({ log: silentLog }, [routes]), 'server.dns.http');
  onTestFinished(() => doh.stop());
  const url = `http://127.0.0.1:${doh.port}/dns-query`;
  const get = (query: Uint8Array) => fetch(`${url}?dns=${Buffer.from(query).toString('base64url')}`);
  const post = (body: Uint8Array<ArrayBuffer>, type = MEDIA_TYPE) => fetch(url, { method: 'POST', body, headers: { 'content-type': type } });
  return { dns, url, get, post };
}

describe('a request is refused', () => {
  it.each([
    ['without a query', 400, ''],
    ['with an empty one', 400, '?dns='],
    ['with padding', 400, '?dns=AAAA=='],
    ['with standard base64', 400, '?dns=AA+/'],
    ['that holds no DNS query', 400, '?dns=AAAA'],
    ['that is too long', 413, `?dns=${'A'.repeat(6000)}`],
  ])('%s: %i', async (_, status, search) => {
    const { url } = await startPlain();

    const response = await fetch(url + search);

    expect(response.status).toBe(status);
    expect(response.headers.get('cache-control')).toBe('no-store');
  });

  it('with another content type, method or path, and told what is wanted', async () => {
    const { url, post } = await startPlain();

    expect([(await post(Buffer.from(question), 'text/plain')).status, (await fetch(url, { method: 'PUT' })).status, (await fetch(url.replace('dns-query', ''))).status]).toEqual([415, 405, 404]);
    expect((await fetch(url, { method: 'PUT' })).headers.get('allow')).toBe('GET, POST');
  });

  it('with a body that does not end in time to be a query', async () => {
    const { post } = await startPlain();

    expect((await post(Buffer.alloc(5000))).status).toBe(413);
  });
});

describe('an answer', () => {
  it('comes to GET and POST with the time that it may be kept', async () => {
    const { dns, get, post } = await startPlain();

    for (const response of [await get(question), await post(Buffer.from(question))]) {
      expect([response.status, response.headers.get('content-type'), response.headers.get('cache-control')]).toEqual([200, MEDIA_TYPE, 'max-age=60']);
      expect(read(new Uint8Array(await response.arrayBuffer())).answers).toMatchObject([{ data: '10.66.0.5' }]);
    }
    expect(dns.stats().httpsQueries).toBe(2);
  });

  it.each([
    ['a denial as long as its SOA says', 'nobody.default.nc.internal', 'max-age=5'],
    ['a refusal not at all', 'example.com', 'max-age=0'],
  ])('may be kept: %s', async (_, name, cacheControl) => {
    const { get } = await startPlain();

    expect((await get(aQuery(name))).headers.get('cache-control')).toBe(cacheControl);
  });

  it('is never cut', async () => {
    const { get } = await startPlain();

    const response = await get(aQuery('_many._tcp.svc.nc.internal', 'SRV'));

    expect(read(new Uint8Array(await response.arrayBuffer()))).toMatchObject({ flag_tc: false, answers: { length: 100 } });
  });
});
