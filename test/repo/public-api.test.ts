import { expect, it } from 'vitest';
import * as api from '../../src/index.js';

it('exports these names, and a change of them is a change of the version', () => {
  expect(Object.keys(api).sort()).toEqual([
    'DomainError',
    'ERROR_CODES',
    'RecordedDevice',
    'VERSION',
    'createJoinString',
    'isErrorCode',
    'joinNode',
    'openLog',
    'parseClientConfig',
    'parseServerConfig',
    'readClientConfig',
    'readServerConfig',
    'silentLog',
    'startAgent',
    'startServer',
  ]);
});
