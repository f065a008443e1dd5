import { status } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import { fateOf } from '../../../../src/server/store/etcd/fate.js';

it.each([
  ['the member had no connection', status.UNAVAILABLE, 'No connection established. Last error: connect ECONNREFUSED 127.0.0.1:2379', 'unsent'],
  ['its name was not found', status.UNAVAILABLE, 'Name resolution failed for target dns:etcd1', 'unsent'],
  ['the member knew no leader', status.UNAVAILABLE, 'etcdserver: no leader', 'unsent'],
  ['the connection broke while the answer was due', status.UNAVAILABLE, 'read ECONNRESET', 'unknown'],
  ['the leader changed under it', status.UNAVAILABLE, 'etcdserver: leader changed', 'unknown'],
  ['the majority did not answer the member in time', status.UNAVAILABLE, 'etcdserver: request timed out', 'unknown'],
  ['nobody answered us in time', status.DEADLINE_EXCEEDED, 'Deadline exceeded', 'unknown'],
  ['the member crashed in the middle', status.INTERNAL, 'Received RST_STREAM with code 2', 'unknown'],
  ['we gave up', status.CANCELLED, 'Cancelled on client', 'unknown'],
  ['the member said something without a code', status.UNKNOWN, '', 'unknown'],
  ['the request was too large', status.INVALID_ARGUMENT, 'etcdserver: request is too large', 'refused'],
  ['a key was written twice', status.INVALID_ARGUMENT, 'etcdserver: duplicate key given in txn request', 'refused'],
  ['its space is used up', status.RESOURCE_EXHAUSTED, 'etcdserver: mvcc: database space exceeded', 'refused'],
  ['the lease was gone', status.NOT_FOUND, 'etcdserver: requested lease not found', 'refused'],
  ['the revision was compacted', status.OUT_OF_RANGE, 'etcdserver: mvcc: required revision has been compacted', 'refused'],
  ['we may not', status.PERMISSION_DENIED, 'etcdserver: permission denied', 'refused'],
  ['our certificate is not good enough', status.UNAUTHENTICATED, 'etcdserver: invalid auth token', 'refused'],
] as const)('when %s, the fate of a request is known as it is', (_what, code, details, fate) => {
  expect(fateOf({ code, details })).toBe(fate);
});

it('words that name no leader are believed of a member that is away only', () => {
  expect(fateOf({ code: status.UNKNOWN, details: 'etcdserver: no leader' })).toBe('unknown');
});
