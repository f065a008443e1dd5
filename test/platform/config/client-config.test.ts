import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseClientConfig, readClientConfig } from '../../../src/platform/config/client-config.js';

describe('a client.yml is refused when it', () => {
  it.each([
    ['has a key that nobody knows', 'client: {interfacename: nc1}', 'client.interfacename: unknown key, did you mean "interfaceName"?'],
    ['has an unknown key at the top', 'klient: {}', 'did you mean "client"?'],
    ['is the configuration of the server', 'mode: server', 'mode: want client'],
    ['names an interface that Linux would cut', 'client: {interfaceName: a-much-too-long-name}', 'client.interfaceName: want an interface name of at most 15'],
    ['names an interface that is a path', 'client: {interfaceName: ../x}', 'client.interfaceName'],
    ['names a device nobody has', 'client: {device: openvpn}', 'client.device: want auto, kernel, wireguard-go or recorded'],
    ['has a port out of range', 'client: {listenPort: 65536}', 'client.listenPort: want a port from 0 to 65535, got 65536'],
    ['has a port with a fraction', 'client: {listenPort: 1.5}', 'client.listenPort'],
    ['has an MTU below what IPv6 needs', 'client: {mtu: 576}', 'client.mtu: want 0 or 1280 to 9000 bytes, got 576'],
    ['has an endpoint without port', 'client: {endpoints: [192.0.2.1]}', 'client.endpoints.0: want host:port'],
    ['has an IPv6 endpoint without brackets', 'client: {endpoints: ["2001:db8::7:51820"]}', 'client.endpoints.0: want host:port'],
    ['has a server address with port 0', 'client: {serverAddr: ["c1:0"]}', 'client.serverAddr.0: want host:port'],
    ['has a node name that is no label', 'client: {name: "Web 1"}', 'client.name: want a lower-case DNS label, got "Web 1"'],
    ['offers a service without port', 'client: {services: [{name: registry}]}', 'client.services.0.port'],
    ['offers a service under a name that is no label', 'client: {services: [{name: a.b, port: 1}]}', 'client.services.0.name: want a lower-case DNS label'],
    ['offers a service for longer than a day', 'client: {services: [{name: a, port: 1, lease: 2d}]}', 'client.services.0.lease: want a duration from 1s to 1d, or node'],
    ['checks a service by nothing', 'client: {services: [{name: a, port: 1, check: {interval: 1s}}]}', 'client.services.0.check: want either url or exec'],
    ['checks a service twice', 'client: {services: [{name: a, port: 1, check: {url: "tcp://a:1", exec: [a]}}]}', 'client.services.0.check: want either url or exec'],
    ['checks a service by a line for a shell', 'client: {services: [{name: a, port: 1, check: {exec: "true && false"}}]}', 'client.services.0.check.exec'],
    ['checks a service at a port that is missing', 'client: {services: [{name: a, port: 1, check: {url: "tcp://127.0.0.1"}}]}', 'client.services.0.check.url: want tcp://host:port'],
    ['checks a service with a password', 'client: {services: [{name: a, port: 1, check: {url: "http://u:p@127.0.0.1/"}}]}', 'client.services.0.check.url: want tcp://host:port'],
    ['checks a service all the time', 'client: {services: [{name: a, port: 1, check: {url: "tcp://a:1", interval: 10ms}}]}', 'client.services.0.check.interval: want a duration from 100ms to 1h'],
    ['sets the DNS of this machine in a way nobody has', 'client: {hostDns: resolved}', 'client.hostDns: want auto or off, got "resolved"'],
    ['lets no peer be configured at all', 'client: {lazyPeersAbove: 0}', 'client.lazyPeersAbove: want a number of peers from 1 to 100000, got 0'],
    ['forgets peers before a handshake can end', 'client: {lazyPeersIdle: 1s}', 'client.lazyPeersIdle: want a duration from 5s to 1d, got 1000'],
    ['says yes where a way is wanted', 'client: {hostDns: true}', 'client.hostDns: want auto or off, got true'],
    ['offers a network with host bits', 'client: {routes: [192.168.7.1/24]}', 'client.routes.0: want a network without host bits, 192.168.7.0/24'],
    ['offers everything as a network', 'client: {routes: [0.0.0.0/0]}', 'client.routes.0: want a network behind the node'],
    ['offers its own loopback', 'client: {routes: [10.9.0.0/16, 127.0.0.0/8]}', 'client.routes.1: want a network in which other machines are'],
    ['offers a network of IPv6', 'client: {routes: ["fd00:7::/64"]}', 'client.routes.0: want an IPv4 network'],
    ['offers too many networks', `client: {routes: [${Array.from({ length: 17 }, (_, n) => `10.${n}.0.0/16`).join()}]}`, 'client.routes: want at most 16 networks'],
    ['leaves through what is no name', 'client: {redirectGateway: 203.0.113.9}', 'client.redirectGateway: want the name of a node'],
    ['is an exit in a word', 'client: {exitNode: sometimes}', 'client.exitNode'],
    ['offers a service for no time', 'client: {services: [{name: a, port: 1, lease: 0s}]}', 'client.services.0.lease: want a duration from 1s to 1d, or node'],
    ['offers a service at port 0', 'client: {services: [{name: a, port: 0}]}', 'client.services.0.port: want a port from 1 to 65535, got 0'],
    ['offers an instance that is no label', 'client: {services: [{name: a, port: 1, id: a_b}]}', 'client.services.0.id: want a lower-case DNS label, got "a_b"'],
    ['offers a service on a channel nobody has', 'client: {services: [{name: a, port: 1, channel: nightly}]}', 'client.services.0.channel: want stable, beta or alpha'],
    ['offers a service in a role nobody has', 'client: {services: [{name: a, port: 1, role: king}]}', 'client.services.0.role: want primary or replica'],
    ['offers a service of more weight than SRV has', 'client: {services: [{name: a, port: 1, weight: 65536}]}', 'client.services.0.weight: want a number from 0 to 65535'],
    ['tells of a service what is no text', 'client: {services: [{name: a, port: 1, metadata: {tier: 1}}]}', 'client.services.0.metadata.tier: want a text, got 1'],
    ['misspells a key of a service', 'client: {services: [{name: a, port: 1, wieght: 1}]}', 'did you mean "weight"?'],
    ['checks a service by no program', 'client: {services: [{name: a, port: 1, check: {exec: []}}]}', 'client.services.0.check.exec: want a program and its arguments'],
    ['checks a service for longer than an hour', 'client: {services: [{name: a, port: 1, check: {url: "tcp://a:1", timeout: 2h}}]}', 'client.services.0.check.timeout: want a duration from 100ms to 1h'],
    ['wants no check to fail', 'client: {services: [{name: a, port: 1, check: {url: "tcp://a:1", failures: 0}}]}', 'client.services.0.check.failures: want a whole number from 1 to 100'],
    ['offers a service over another protocol', 'client: {services: [{name: a, port: 1, protocol: sctp}]}', 'client.services.0.protocol: want tcp or udp'],
  ])('%s', (_fault, text, message) => {
    expect(() => parseClientConfig(text, 'client.yml')).toThrow(expect.objectContaining({ code: 'config_invalid', message: expect.stringContaining(message) }));
  });

  it('cannot be read', () => {
    expect(() => readClientConfig('/nowhere/client.yml')).toThrow(expect.objectContaining({ code: 'config_invalid', message: expect.stringContaining('/nowhere/client.yml') }));
  });
});

describe('the shipped client.yml', () => {
  const shipped = readFileSync('client.yml', 'utf8');

  it('says what the defaults are', () => {
    expect(parseClientConfig(shipped, 'client.yml')).toEqual(readClientConfig());
  });

  it.each(Object.keys(readClientConfig()))('explains %s', (key) => {
    expect(shipped).toMatch(new RegExp(`^ {2}(# )?${key}:`, 'm'));
  });

  it('gives an example of a service that is accepted when the comment signs are taken away', () => {
    const example = shipped.replace('services: []', 'services:').replaceAll(/^ {2}#(?= {2})/gm, '');

    expect(parseClientConfig(example, 'client.yml').services).toMatchObject([{ name: 'registry', port: 5000, protocol: 'tcp', channel: 'stable' }]);
  });
});

describe('a client configuration', () => {
  it('keeps its log inside its state unless told otherwise', () => {
    expect(parseClientConfig('client: {stateDir: /x/y}', 'client.yml').logDir).toBe('/x/y/log');
    expect(parseClientConfig('client: {stateDir: /x/y, logDir: /z}', 'client.yml').logDir).toBe('/z');
  });

  it('cannot be changed after it was read', () => {
    const config = readClientConfig();

    expect(() => Object.assign(config, { debug: true })).toThrow(TypeError);
    expect(() => (config.services as unknown[]).push(1)).toThrow(TypeError);
  });
});
