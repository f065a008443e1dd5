/** What is looked at, in this order. */
export const CHECKS = ['state', 'agent', 'certificate', 'clock', 'controller', 'udp', 'mtu', 'wireguard', 'interface', 'overlap', 'reach', 'dns'] as const;

/** One of {@link CHECKS}. */
export type CheckName = (typeof CHECKS)[number];

/** How something is: `fail` keeps the node from working, `warn` is worth knowing. */
export interface Finding {
  readonly check: CheckName;
  readonly result: 'ok' | 'warn' | 'fail';
  /** One sentence without a full stop. */
  readonly says: string;
  /** What to do, or empty. */
  readonly mend: string;
}

/** All is well. */
export function ok(check: CheckName, says: string): Finding {
  return { check, result: 'ok', says, mend: '' };
}

/** Something to know. */
export function warn(check: CheckName, says: string, mend: string): Finding {
  return { check, result: 'warn', says, mend };
}

/** Something that must be mended. */
export function fail(check: CheckName, says: string, mend: string): Finding {
  return { check, result: 'fail', says, mend };
}
