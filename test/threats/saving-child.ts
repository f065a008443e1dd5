import { writeSync } from 'node:fs';
import { StateFolder } from '../../src/client/state/state-folder.js';
import { silentLog } from '../../src/platform/log.js';
import { aMembership } from '../support/membership.js';

/** Saves one membership after the other, each with other keys, and says so, until it is killed. */
const [path = '', before = '0'] = process.argv.slice(2);
const state = StateFolder.open(path, silentLog);
for (let serial = Number(before) + 1; ; serial++) {
  state.save(aMembership(serial));
  writeSync(1, '.');
}
