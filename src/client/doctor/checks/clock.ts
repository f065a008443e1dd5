import { fail, ok, warn, type Finding } from '../finding.js';
import type { Patient } from '../patient.js';

/** The controller tells whole seconds, and the network takes its time. */
const NOTICED_MS = 5_000;
/** Proofs are good for a minute. @see docs/errors.md `proof_invalid` */
const HARMFUL_MS = 60_000;

/** Whether this machine's clock agrees with the controller's. */
export function checkClock({ membership, contacts }: Patient): Finding[] {
  if (membership === undefined) return [];
  const aheadMs = contacts.find((contact) => contact.aheadMs !== undefined)?.aheadMs;
  if (aheadMs === undefined) return [warn('clock', 'not compared: no controller told its time', 'compare "date -u" on both machines')];
  const seconds = Math.round(Math.abs(aheadMs) / 1000);
  const says = `this clock is ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} the controller's`;
  const mend = 'let both machines keep time by NTP: "timedatectl set-ntp true"';
  if (Math.abs(aheadMs) >= HARMFUL_MS) return [fail('clock', `${says}: certificates and proofs will be refused`, mend)];
  return [Math.abs(aheadMs) >= NOTICED_MS ? warn('clock', says, mend) : ok('clock', 'this clock and the controller\'s agree')];
}
