import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { adminSocketPath } from '../../src/platform/paths.js';

describe('adminSocketPath', () => {
  it('is in /run for root, whatever the session says', () => {
    expect(adminSocketPath({ uid: 0, runtimeDir: '/run/user/0' })).toBe('/run/nc/admin.sock');
  });

  it('is in the runtime folder of a user', () => {
    expect(adminSocketPath({ uid: 1000, runtimeDir: '/run/user/1000' })).toBe('/run/user/1000/nc/admin.sock');
  });

  it.each([undefined, ''])('is in a folder of the user’s own when the runtime folder is %j', (runtimeDir) => {
    expect(adminSocketPath({ uid: 1000, runtimeDir })).toBe(join(tmpdir(), 'nc-1000', 'admin.sock'));
  });
});
