import { PathKind } from '../../../gen/networkcontroller/v1/types.js';
import { formatAge, formatExpiry } from '../../../platform/measures.js';
import { STATE } from '../presence.js';
import type { Pair, PairEnd } from './pair.js';

/** What was looked at. */
export type CheckName = 'registered' | 'network' | 'interconnection' | 'connected' | 'certificate' | 'map' | 'peer' | 'path' | 'handshake' | 'answer';

/** One thing that was looked at, and how it is. */
export interface Step {
  readonly check: CheckName;
  readonly result: 'ok' | 'warn' | 'fail';
  /** One sentence without a full stop. */
  readonly says: string;
  /** What to do, or empty. */
  readonly mend: string;
}

/** One end of a pair as a step sees it, with the other. */
interface View extends Pair {
  readonly self: PairEnd;
  readonly other: PairEnd;
}

/** A part of a certificate's life that is left when it should have been renewed. @see docs/architecture.md, Identity */
const RENEWED_BEFORE = 1 / 4;
/** A WireGuard session is no longer used after this time. @see WireGuard whitepaper §6.1, Reject-After-Time */
const SESSION_MS = 180_000;

/**
 * Looks at a pair step by step. What a later step says has no meaning when an earlier one failed, so it stops there; both
 * ends are always looked at.
 */
export function stepsOf(pair: Pair): Step[] {
  const steps: Step[] = [];
  for (const look of STEPS) {
    steps.push(...look(pair));
    if (steps.some(({ result }) => result === 'fail')) break;
  }
  return steps;
}

const STEPS: readonly ((pair: Pair) => readonly Step[])[] = [
  registered,
  network,
  interconnection,
  both(connected),
  both(certificate),
  both(map),
  both(peer),
  both(path),
  both(handshake),
  answer,
];

function both(look: (view: View) => Step): (pair: Pair) => readonly Step[] {
  return (pair) => [look({ ...pair, self: pair.from, other: pair.to }), look({ ...pair, self: pair.to, other: pair.from })];
}

function ok(check: CheckName, says: string): Step {
  return { check, result: 'ok', says, mend: '' };
}

function warn(check: CheckName, says: string, mend: string): Step {
  return { check, result: 'warn', says, mend };
}

function fail(check: CheckName, says: string, mend: string): Step {
  return { check, result: 'fail', says, mend };
}

function registered({ from, to }: Pair): Step[] {
  const of = ({ record }: PairEnd): string => `${record.name} (${record.id}, ${record.bindIp})`;
  return [ok('registered', `${of(from)} and ${of(to)} are registered`)];
}

function network({ from, to }: Pair): Step[] {
  const [one, other] = [from.record.network, to.record.network];
  if (one === other) return [ok('network', `both are in network ${one}`)];
  const mend = `join one of them with a token of the other's network: "ncadm token create --network ${other}"`;
  return [fail('network', `${from.record.name} is in network ${one} and ${to.record.name} in ${other}; networks are separate`, mend)];
}

function interconnection({ network: { name, interconnection } }: Pair): Step[] {
  if (interconnection) return [ok('interconnection', `nodes of network ${name} may talk to each other`)];
  return [fail('interconnection', `network ${name} lets its nodes reach the controller only`, 'set interconnection to true in server.yml and restart nc-server')];
}

function connected({ self, nowMs }: View): Step {
  const { name } = self.record;
  switch (self.state) {
    case STATE.connected:
      return ok('connected', `${name} is connected${self.endpoint === '' ? '' : `, seen at ${self.endpoint}`}, NAT ${self.nat}`);
    case STATE.init:
      return fail('connected', `${name} has reached the controller by TCP, and no WireGuard handshake was completed`, `let UDP out from it to the controller's WireGuard port; "nc-client doctor" on ${name} tells more`);
    case STATE.idle:
      return fail('connected', `${name} is not connected; last seen ${formatAge(self.lastSeenMs, nowMs)}`, `look whether its agent runs: "nc-client status" and "nc-client doctor" on ${name}`);
  }
}

function certificate({ self, nowMs }: View): Step {
  const { name } = self.record;
  const { notBeforeMs, notAfterMs, problem } = self.certificate;
  const doctor = `"nc-client doctor" on ${name} says why it was not renewed`;
  if (problem !== '') return fail('certificate', `the network certificate of ${name} is refused by its peers: ${problem}`, `${doctor}; if it cannot be, join again with a new token`);
  const ends = `ends ${formatExpiry(notAfterMs, nowMs)}`;
  if (notAfterMs - nowMs < (notAfterMs - notBeforeMs) * RENEWED_BEFORE) return warn('certificate', `the network certificate of ${name} ${ends} and was not renewed in time`, doctor);
  return ok('certificate', `the network certificate of ${name} is valid, not revoked, and ${ends}`);
}

function map({ self, other, bundleVersion }: View): Step {
  const [name, about] = [self.record.name, other.record.name];
  if (self.appliedRevision < other.rev) {
    return warn('map', `${name} has applied revision ${self.appliedRevision} and not yet ${other.rev}, by which ${about} is as it is`, `wait a moment; if it stays so, look at the agent's log on ${name}`);
  }
  if (self.bundleVersion < bundleVersion) {
    return warn('map', `${name} believes trust bundle ${self.bundleVersion} and not yet ${bundleVersion}`, `wait a moment; "ncadm ca status" lists who is behind`);
  }
  return ok('map', `${name} knows ${about} as of revision ${self.appliedRevision}`);
}

function peer({ self, other }: View): Step {
  const [name, about] = [self.record.name, other.record.name];
  const refused = self.told?.refused ?? '';
  if (refused === '') return ok('peer', self.told === undefined ? `${name} did not answer when asked about ${about} just now` : `${name} has ${about} as a peer`);
  return fail('peer', `${name} refuses ${about}: ${refused}`, `compare the clocks of both machines; then let ${about} renew its certificates: restart its agent`);
}

function path({ self, other }: View): Step {
  const [name, about] = [self.record.name, other.record.name];
  const told = self.path;
  if (told === undefined) {
    return fail('path', `${name} has no WireGuard session with ${about}`, `"nc-client doctor" on ${name} and on ${about}: a firewall may drop UDP, or the interface may be gone`);
  }
  const since = `since ${new Date(told.sinceMs).toISOString()}`;
  if (told.path === PathKind.PATH_KIND_DIRECT) return ok('path', `${name} sends to ${about} directly, at ${told.endpoint}, ${since}`);
  const says = `${name} sends to ${about} through the controller's relay, ${since}`;
  return warn('path', `${says}: ${whyRelayed(self, other)}`, `for a direct path let UDP through between them, or forward a port to one and write it into "endpoints" of its client.yml`);
}

function whyRelayed(self: PairEnd, other: PairEnd): string {
  const nats = `NAT ${self.nat} here, ${other.nat} there`;
  if (self.nat === 'symmetric' && other.nat === 'symmetric') return `${nats}: two such NATs let no direct path through`;
  if (self.nat === 'symmetric' || other.nat === 'symmetric') return `${nats}: a direct path works only if the other is open`;
  return `${nats}: no direct path has worked so far`;
}

function handshake({ self, other, nowMs }: View): Step {
  const [name, about] = [self.record.name, other.record.name];
  const atMs = self.path?.lastHandshakeMs ?? 0;
  const says = `last WireGuard handshake of ${name} with ${about}: ${formatAge(atMs, nowMs)}`;
  if (atMs > 0 && nowMs - atMs < SESSION_MS) return ok('handshake', says);
  // A node tells its handshakes when it is asked or when the path changes.
  if (self.told === undefined) return ok('handshake', `${says}, when it was reported last`);
  return warn('handshake', says, `send something between them ("nc-client ping ${about}" on ${name}): an idle session is made anew at the first packet`);
}

function answer({ from, to }: Pair): Step[] {
  const [name, about] = [from.record.name, to.record.name];
  if (from.told?.tried !== true) return [];
  if (from.told.rttUs > 0) return [ok('answer', `${about} answers ${name} in ${(from.told.rttUs / 1000).toFixed(1)} ms`)];
  return [warn('answer', `${about} does not answer a ping of ${name} through the tunnel`, `let ICMP in on the WireGuard interface of ${about}, and try "nc-client ping ${about}" on ${name}`)];
}
