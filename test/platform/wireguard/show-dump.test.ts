import { expect, it } from 'vitest';
import { parseGivenBytes, parseShowDump } from '../../../src/platform/wireguard/show-dump.js';

it('reads an interface with peers, one of them never heard of', () => {
  const dump = [
    'cHJpdmF0ZQ==\tb3du\t51820\toff',
    'cGVlcjE=\t(none)\t203.0.113.7:51820\t10.66.0.5/32,fd00:66::5/128\t1700000000\t1234\t567\t25',
    'cGVlcjI=\t(none)\t(none)\t(none)\t0\t0\t0\toff',
    '',
  ].join('\n');

  const state = parseShowDump(dump);

  expect(state).toMatchObject({ publicKey: 'b3du', listenPort: 51_820 });
  expect([...state.peers.values()]).toEqual([
    {
      publicKey: 'cGVlcjE=',
      endpoint: '203.0.113.7:51820',
      allowedIps: ['10.66.0.5/32', 'fd00:66::5/128'],
      latestHandshakeMs: 1_700_000_000_000,
      rxBytes: 1234,
      txBytes: 567,
      persistentKeepalive: 25,
    },
    { publicKey: 'cGVlcjI=', allowedIps: [], latestHandshakeMs: 0, rxBytes: 0, txBytes: 0, persistentKeepalive: 0 },
  ]);
});

it('gives an empty key for an interface that has none, and never the private one', () => {
  expect(parseShowDump('(none)\t(none)\t0\toff\n')).toEqual({ publicKey: '', listenPort: 0, givenBytes: 0, peers: new Map() });
  expect(JSON.stringify(parseShowDump('c2VjcmV0\tb3du\t1\toff\n'))).not.toContain('c2VjcmV0');
});

it('reads what the machine has given to an interface, and nothing of others', () => {
  const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       1    0    0    0     0          0         0      200       1    0    0    0     0       0          0
  nc01:     300       1    0    0    0     0          0         0      400       1    0    0    0     0       0          0
   nc0:     500       1    0    0    0     0          0         0      600       1    0    0    0     0       0          0
`;

  expect([parseGivenBytes(text, 'nc0'), parseGivenBytes(text, 'nc'), parseGivenBytes('', 'nc0')]).toEqual([600, 0, 0]);
});
