import { describe, expect, it } from 'vitest';
import { checkVersion } from '../../../../src/server/store/etcd/etcd-version.js';
import { recordingLog } from '../../../support/recording-log.js';

function check(version: string, allowOld = false): { ordered: boolean; warnings: number } {
  const { log, warnings } = recordingLog();
  const ordered = checkVersion('https://e:2379', version, allowOld, log);
  return { ordered, warnings: warnings.length };
}

describe('the version of etcd', () => {
  it.each(['2.3.8', '3.4.23', '3.4.99', '3.5.0', '3.5.12'])('%s is refused, with what to do', (version) => {
    expect(() => check(version)).toThrow(`https://e:2379: want etcd 3.5.13 or newer, got ${version}; update it, or set store.allowOldVersion`);
  });

  it.each(['', 'three', '3.5'])('that reads %j is refused', (version) => {
    expect(() => check(version, true)).toThrow(/want the version of etcd/);
  });

  it.each(['3.5.13', '3.5.27'])('%s is taken with a warning', (version) => {
    expect(check(version)).toEqual({ ordered: true, warnings: 1 });
  });

  it.each(['3.5.28', '3.5.28-rc.1', '3.6.0', '4.0.0'])('%s is taken', (version) => {
    expect(check(version)).toEqual({ ordered: true, warnings: 0 });
  });

  it.each([['3.4.23', false], ['3.5.7', false], ['3.5.8', true]])('%s is taken when that is asked for; its progress is in order: %j', (version, ordered) => {
    expect(check(version, true)).toEqual({ ordered, warnings: 1 });
  });
});
