import { expect, it } from 'vitest';
import { resolveEndpoints } from '../../src/client/resolve-endpoints.js';

const KNOWN: Record<string, { address: string; family: number }[]> = {
  'c1.example': [{ address: '203.0.113.7', family: 4 }, { address: '2001:db8::7', family: 6 }],
  'c2.example': [{ address: '203.0.113.7', family: 4 }],
};

it.each([
  ['leaves addresses as they are', ['203.0.113.9:6441', '[2001:db8::9]:6441'], ['203.0.113.9:6441', '[2001:db8::9]:6441']],
  ['gives every address of a name, IPv6 in brackets', ['c1.example:6441'], ['203.0.113.7:6441', '[2001:db8::7]:6441']],
  ['names each address once', ['c2.example:6441', '203.0.113.7:6441'], ['203.0.113.7:6441']],
  ['leaves out a name that does not resolve', ['nobody.example:6441', 'c2.example:6441'], ['203.0.113.7:6441']],
  ['gives nothing for nothing', [], []],
])('%s', async (_what, endpoints, expected) => {
  const look = (host: string) => (KNOWN[host] === undefined ? Promise.reject(new Error('ENOTFOUND')) : Promise.resolve(KNOWN[host]));

  expect(await resolveEndpoints(endpoints, look)).toEqual(expected);
});
