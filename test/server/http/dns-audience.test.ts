import { describe, expect, it } from 'vitest';
import { DomainError } from '../../../src/domain/errors.js';
import type { Caller } from '../../../src/server/auth/caller.js';
import { dnsRoutes, type DnsAudience } from '../../../src/server/http/dns-routes.js';
import { httpApp } from '../../../src/server/http/http-app.js';
import { silentLog } from '../../../src/platform/log.js';
import { aQuery } from '../../support/dns.js';

type Answerer = Parameters<typeof dnsRoutes>[0]['answer'];

/** What somebody at `address` gets, and what the name server was told about him. */
async function asked(audience: DnsAudience, address: string, caller: Partial<Caller> | DomainError) {
  const clients: Parameters<Answerer>[1][] = [];
  const answer: Answerer = (query, client) => {
    clients.push(client);
    return Promise.resolve(query);
  };
  const identify = () => (caller instanceof DomainError ? Promise.reject(caller) : Promise.resolve({ address, ...caller } as Caller));
  const { routes } = httpApp({ log: silentLog }, [dnsRoutes({ answer, audience, identify })]);
  const { status } = await routes.request(`/dns-query?dns=${aQuery('web-1.nc.internal').toString('base64url')}`, {}, { incoming: { socket: { remoteAddress: address } } });
  return { status, clients };
}

const STRANGER = { kind: 'anonymous' } as const;
const NODE = { kind: 'node', nodeId: 'n1', network: 'lab' } as const;

describe('names over HTTPS', () => {
  it('are for members: a stranger without certificate is refused, and the name server not asked', async () => {
    expect(await asked('members', '192.0.2.7', STRANGER)).toEqual({ status: 401, clients: [] });
    expect(await asked('members', '2001:db8::7', STRANGER)).toEqual({ status: 401, clients: [] });
  });

  it('are refused to a certificate that is worth nothing, even where anyone may ask', async () => {
    const revoked = new DomainError('node_revoked', 'node n1 has been revoked');

    expect(await asked('members', '192.0.2.7', revoked)).toEqual({ status: 403, clients: [] });
    expect(await asked('anyone', '192.0.2.7', revoked)).toEqual({ status: 403, clients: [] });
  });

  it('are told members wherever they are, who count as our own', async () => {
    expect(await asked('members', '192.0.2.7', { kind: 'admin' })).toEqual({ status: 200, clients: [{ address: '192.0.2.7', via: 'https', own: true }] });
  });

  it('are told a node as its network sees them, wherever it asks from', async () => {
    expect(await asked('members', '192.0.2.7', NODE)).toEqual({ status: 200, clients: [{ address: '192.0.2.7', via: 'https', own: true, network: 'lab' }] });
  });

  it.each(['127.0.0.1', '::ffff:127.0.0.1', '127.9.9.9', '::1'])('are told this machine, from %s', async (address) => {
    expect(await asked('members', address, STRANGER)).toMatchObject({ status: 200, clients: [{ own: true }] });
  });

  it('are told anyone where that is configured, who does not become one of our own by it', async () => {
    expect(await asked('anyone', '192.0.2.7', STRANGER)).toEqual({ status: 200, clients: [{ address: '192.0.2.7', via: 'https' }] });
  });

  it('are told nobody where that is configured', async () => {
    expect(await asked('nobody', '127.0.0.1', NODE)).toEqual({ status: 404, clients: [] });
  });
});
