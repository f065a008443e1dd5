import { existsSync, linkSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ResolvConf } from '../../../src/client/host-dns/resolv-conf.js';
import { tmpDir } from '../../support/tmp-dir.js';

const BEFORE = '# by the DHCP client\r\nsearch example.net\nnameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\noptions timeout:1';
const STUB = '127.0.0.54';

function aFile(text: string | undefined = BEFORE) {
  const folder = tmpDir();
  const path = join(folder, 'resolv.conf');
  if (text !== undefined) writeFileSync(path, text);
  const of = (interfaceName: string) => new ResolvConf({ path, backupPath: join(folder, `${interfaceName}.before`), interfaceName });
  return { path, of, file: of('nc0'), read: () => readFileSync(path, 'utf8'), nameservers: () => readFileSync(path, 'utf8').match(/(?<=^nameserver ).*/gm) };
}

describe('resolv.conf is not touched', () => {
  it('when the agent of another interface has it', () => {
    const { file, of, read } = aFile();
    file.take(STUB);
    const taken = read();

    expect(() => of('nc1').take('127.0.0.55')).toThrow(expect.objectContaining({ code: 'conflict' }));
    of('nc1').restore();

    expect(read()).toBe(taken);
  });

  it('at the end, when somebody else has written it since', () => {
    const { file, path, read } = aFile();
    file.take(STUB);
    writeFileSync(path, 'nameserver 198.51.100.1\n');

    file.restore();

    expect(read()).toBe('nameserver 198.51.100.1\n');
  });

  it('by an end that had no beginning', () => {
    const { file, read } = aFile();

    file.restore();

    expect(read()).toBe(BEFORE);
  });

  it('a second time by a second end', () => {
    const { file, path, read } = aFile();
    file.take(STUB);
    file.restore();
    writeFileSync(path, 'later');

    file.restore();

    expect(read()).toBe('later');
  });
});

describe('resolv.conf', () => {
  it('names the stub first and the servers from before behind it, three in all', () => {
    const { file, read, nameservers } = aFile();

    file.take(STUB);

    expect(nameservers()).toEqual([STUB, '192.0.2.1', '192.0.2.2']);
    expect(read()).toMatch(/^search example\.net$/m);
    expect(read()).toMatch(/^options timeout:1$/m);
  });

  it('is the same file after it: what a container mounts there cannot be renamed over', () => {
    const { file, path } = aFile();
    linkSync(path, `${path}.link`);

    file.take(STUB);

    expect(statSync(path).ino).toBe(statSync(`${path}.link`).ino);
  });

  it('is byte for byte what it was before', () => {
    const { file, read } = aFile();
    file.take(STUB);

    file.restore();

    expect(read()).toBe(BEFORE);
  });

  it('is gone again where there was none', () => {
    const { file, path } = aFile();
    rmSync(path);
    file.take(STUB);
    expect(file.nameservers()).toEqual([]);

    file.restore();

    expect(existsSync(path)).toBe(false);
  });

  it('can be put back by the next agent when the first one was killed', () => {
    const { file, of, read } = aFile();
    file.take(STUB);

    const next = of('nc0');
    expect(next.isOurs).toBe(true);
    expect(next.nameservers()).toEqual(['192.0.2.1', '192.0.2.2', '192.0.2.3']);
    next.take('127.0.0.55');
    next.restore();

    expect(read()).toBe(BEFORE);
  });

  it('is taken again from whoever has written it, whose text is put back then', () => {
    const { file, path, read, nameservers } = aFile();
    file.take(STUB);
    writeFileSync(path, 'nameserver 198.51.100.1\n');
    expect(file.isOurs).toBe(false);

    file.take(STUB);
    expect(nameservers()).toEqual([STUB, '198.51.100.1']);
    file.restore();

    expect(read()).toBe('nameserver 198.51.100.1\n');
  });
});
