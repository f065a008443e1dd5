import { describe, expect, it } from 'vitest';
import { DomainError } from '../../../src/domain/errors.js';
import { AdminServiceService } from '../../../src/gen/networkcontroller/v1/admin.js';
import { BootstrapServiceService } from '../../../src/gen/networkcontroller/v1/bootstrap.js';
import { NodeServiceService } from '../../../src/gen/networkcontroller/v1/node.js';
import { RelayServiceService } from '../../../src/gen/networkcontroller/v1/relay.js';
import type { Caller } from '../../../src/server/auth/caller.js';
import { authorise, POLICY } from '../../../src/server/transport/policy.js';

const address = '192.0.2.1';
const CALLERS = {
  anonymous: { kind: 'anonymous', address },
  node: { kind: 'node', nodeId: 'n-1', network: 'default', serial: 'A1', address },
  relay: { kind: 'relay', name: 'paris', serial: 'A4', address },
  viewer: { kind: 'admin', name: 'vera', role: 'viewer', serial: 'A2', address },
  admin: { kind: 'admin', name: 'alice', role: 'admin', serial: 'A3', address },
  local: { kind: 'local', address: '' },
} as const satisfies Record<string, Caller>;

const pathsOf = (definition: Readonly<Record<string, { path: string }>>): string[] => Object.values(definition).map(({ path }) => path);
const allowed = (path: string, caller: Caller): boolean => {
  try {
    authorise(path, caller);
    return true;
  } catch (error) {
    if (error instanceof DomainError) return false;
    throw error;
  }
};

/** Admin methods that change nothing. */
const READS = /\/((Get|List|Watch|Query)[A-Z]|Explain$)/;

/** Admin methods that nobody elsewhere may call. */
const LOCAL_ONLY = /\/(Prepare|Activate|Retire)Ca$/;

describe('the policy', () => {
  it('has a line for every method of every service, and none besides', () => {
    const paths = [AdminServiceService, BootstrapServiceService, NodeServiceService, RelayServiceService].flatMap(pathsOf);

    expect(Object.keys(POLICY).sort()).toEqual(paths.sort());
  });

  it.each(pathsOf(AdminServiceService))('keeps nodes and strangers from %s', (path) => {
    expect(() => authorise(path, CALLERS.node)).toThrow(expect.objectContaining({ code: 'permission_denied', message: expect.stringContaining('got node:n-1') }));
    expect(() => authorise(path, CALLERS.anonymous)).toThrow(expect.objectContaining({ code: 'unauthenticated' }));
  });

  it.each(pathsOf(AdminServiceService))('lets admins do %s unless it is about the CAs, and viewers if it only reads', (path) => {
    expect([allowed(path, CALLERS.admin), allowed(path, CALLERS.local)]).toEqual([!LOCAL_ONLY.test(path), true]);
    expect(allowed(path, CALLERS.viewer)).toBe(READS.test(path));
  });

  it.each(pathsOf(NodeServiceService))('keeps strangers from %s', (path) => {
    expect(allowed(path, CALLERS.node)).toBe(true);
    expect(allowed(path, CALLERS.anonymous)).toBe(false);
  });

  it.each(pathsOf(RelayServiceService))('leaves %s to relays alone', (path) => {
    expect(Object.entries(CALLERS).filter(([, caller]) => allowed(path, caller)).map(([kind]) => kind)).toEqual(['relay']);
  });

  it.each([...pathsOf(AdminServiceService), ...pathsOf(NodeServiceService)])('keeps relays from %s', (path) => {
    expect(allowed(path, CALLERS.relay)).toBe(false);
  });

  it.each(['Watch', 'Report', 'Signal', 'Renew', 'RegisterService', 'DeregisterService'])('leaves %s to nodes alone', (method) => {
    for (const caller of [CALLERS.viewer, CALLERS.admin, CALLERS.local]) {
      expect(allowed(`/networkcontroller.v1.NodeService/${method}`, caller)).toBe(false);
    }
  });

  it('lets an admin, but no viewer, unregister a node under LiteKube’s name', () => {
    const path = '/networkcontroller.v1.NodeService/UnRegister';

    expect([allowed(path, CALLERS.admin), allowed(path, CALLERS.viewer)]).toEqual([true, false]);
  });

  it.each(pathsOf(BootstrapServiceService))('lets strangers do %s', (path) => {
    expect(allowed(path, CALLERS.anonymous)).toBe(true);
  });

  it.each(['/networkcontroller.v1.AdminService/Forgotten', '', 'toString', '__proto__', 'constructor'])('calls a method without a line a fault of ours: %j', (path) => {
    for (const caller of Object.values(CALLERS)) {
      expect(() => authorise(path, caller)).toThrow(/has no policy|is not a function/);
    }
  });
});
