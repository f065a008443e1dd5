import type { NetworkInterfaceInfo } from 'node:os';
import { expect, it } from 'vitest';
import { endpointsOf } from '../../src/server/endpoints.js';
import { testConfig } from '../support/server.js';
import { tmpDir } from '../support/tmp-dir.js';

const PORTS = { bootstrap: 1, control: 2, wireguard: 3, probe: 4, https: 5, names: [] };

function inter(address: string, internal = false): NetworkInterfaceInfo {
  const family = address.includes(':') ? { family: 'IPv6' as const, scopeid: 0 } : { family: 'IPv4' as const };
  return { address, internal, netmask: '', mac: '', cidr: null, ...family };
}

const MACHINE = { lo: [inter('127.0.0.1', true), inter('::1', true)], eth0: [inter('192.0.2.7'), inter('2001:db8::7'), inter('fe80::7')], eth1: [inter('198.51.100.7')] };

/** Where a server is found that has no configured host. */
function found(bindAddress: string, machine: Record<string, NetworkInterfaceInfo[]> = MACHINE): readonly string[] {
  const config = { ...testConfig(tmpDir()), ip: [], bindAddress };
  return endpointsOf(config, PORTS, () => machine).control;
}

it('are the configured hosts and no others, each with the port of its listener', () => {
  const config = { ...testConfig(tmpDir()), ip: ['nc.example', '2001:db8::1'], bindAddress: '0.0.0.0' };

  expect(endpointsOf(config, PORTS, () => MACHINE)).toEqual({
    control: ['nc.example:2', '[2001:db8::1]:2'],
    bootstrap: ['nc.example:1', '[2001:db8::1]:1'],
    wireguard: ['nc.example:3', '[2001:db8::1]:3'],
    probe: ['nc.example:4', '[2001:db8::1]:4'],
    https: ['nc.example:5', '[2001:db8::1]:5'],
    dns: [],
  });
});

it('name the name servers by the hosts where these listen everywhere, and by their own address elsewhere', () => {
  const listen = [{ host: '0.0.0.0', port: 53 }, { host: '192.0.2.7', port: 0 }];
  const config = testConfig(tmpDir());
  const configured = { ...config, ip: ['nc.example'], dns: { ...config.dns, listen } };

  expect(endpointsOf(configured, { ...PORTS, names: [53, 4053] }, () => MACHINE).dns).toEqual(['nc.example:53', '192.0.2.7:4053']);
});

it('are the machine’s IPv4 addresses for a listener on all of them, never loopback', () => {
  expect(found('0.0.0.0')).toEqual(['192.0.2.7:2', '198.51.100.7:2']);
});

it('are the addresses of both families for a listener on ::, never link-local ones', () => {
  expect(found('::')).toEqual(['192.0.2.7:2', '[2001:db8::7]:2', '198.51.100.7:2']);
});

it('are the one address that the listener is bound to', () => {
  expect(found('198.51.100.7')).toEqual(['198.51.100.7:2']);
});

it('are loopback only when there is nothing else', () => {
  expect(found('0.0.0.0', { lo: MACHINE.lo })).toEqual(['127.0.0.1:2']);
  expect(found('::', {})).toEqual(['127.0.0.1:2']);
});
