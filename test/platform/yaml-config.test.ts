import { join } from 'node:path';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { parseYamlConfig, readYamlConfig, section } from '../../src/platform/yaml-config.js';
import { tmpDir } from '../support/tmp-dir.js';

const PORT = v.pipe(v.number(), v.check((port) => port > 0 && port < 65_536, 'a port from 1 to 65535'));
const SCHEMA = section({
  server: section({
    grpcPort: v.optional(PORT, 6440),
    zone: v.optional(v.string(), 'nc.internal'),
    debug: v.optional(v.boolean(), false),
    networks: v.optional(v.array(v.strictObject({ name: v.string(), cidr: v.string() })), []),
  }),
});
const parse = (text: string) => parseYamlConfig(text, 'server.yml', SCHEMA);

describe('parseYamlConfig refuses', () => {
  it.each([
    ['a value out of range', 'server:\n  grpcPort: 70000\n', 'server.yml:2: server.grpcPort: want a port from 1 to 65535, got 70000'],
    ['a value of another type', 'server:\n  debug: "yes"\n', 'server.yml:2: server.debug: want true or false, got "yes"'],
    ['a key without value', 'server:\n  zone:\n', 'server.yml:2: server.zone: want a text, got null'],
    ['a key missing in a list', 'server:\n  networks:\n    - name: lab\n', 'server.yml:3: server.networks.0.cidr: want '],
    ['a list where a group stands', 'server:\n  - 1\n', 'server: want a group of keys, got [1]'],
    ['an unknown key, naming the nearest', 'server:\n  grpcport: 1\n', 'server.yml:2: server.grpcport: unknown key, did you mean "grpcPort"?'],
    ['an unknown key with nothing near, listing what is known', 'server:\n  colour: 1\n', 'unknown key; known here: grpcPort, zone, debug, networks'],
    ['an unknown key at the top', 'sever:\n  grpcPort: 1\n', 'server.yml:1: sever: unknown key, did you mean "server"?'],
    ['an unknown key in a list', 'server:\n  networks:\n    - name: a\n      cidr: b\n      nmae: c\n', 'server.yml:5: server.networks.0.nmae: unknown key, did you mean "name"?'],
    ['the same key twice', 'server:\n  zone: a\n  zone: b\n', 'server.yml:3: Map keys must be unique'],
    ['tabs', 'server:\n\tzone: a\n', 'server.yml:2: Tabs are not allowed'],
    ['aliases', 'a: &a [1]\nserver: *a\n', 'server.yml: want no anchors and aliases'],
    ['tags of its own', 'server: !!js/function "x"\n', 'server.yml:1: Unresolved tag'],
    ['two documents', 'server: {}\n---\nserver: {}\n', 'server.yml'],
    ['what is not YAML', 'server: [\n', 'server.yml:'],
  ])('%s', (_what, text, message) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'config_invalid', message: expect.stringContaining(message) }));
  });

  it('an alias bomb, before it grows', () => {
    const bomb = ['a0: &a0 [x]', ...Array.from({ length: 30 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]`)].join('\n');
    expect(() => parse(bomb)).toThrow('want no anchors and aliases');
  });

  it('a text of more than 1 MiB', () => {
    expect(() => parse(`# ${'x'.repeat(1024 * 1024)}`)).toThrow('want at most 1 MiB');
  });

  it('all faults at once', () => {
    expect(() => parse('server:\n  zone: 1\n  debug: 2\n')).toThrow(/server\.zone.*; .*server\.debug/);
  });

  it('a file that is not there', () => {
    expect(() => readYamlConfig(join(tmpDir(), 'none.yml'), SCHEMA)).toThrow(expect.objectContaining({ code: 'config_invalid' }));
  });
});

describe('parseYamlConfig', () => {
  it('gives the defaults for what is left out, whole groups too', () => {
    expect(parse('')).toEqual({ server: { grpcPort: 6440, zone: 'nc.internal', debug: false, networks: [] } });
  });

  it('takes a group whose keys are all commented out as left out', () => {
    expect(parse('server:\n  # zone: a\n').server.grpcPort).toBe(6440);
  });

  it('gives a value that nobody can change, however deep', () => {
    const config = parse('server:\n  networks: [{ name: lab, cidr: x }]\n');

    expect(() => Object.assign(config.server.networks[0] ?? {}, { name: 'other' })).toThrow(TypeError);
  });
});
