/** Reports that all agents together send in a second. */
const REPORTS_A_SECOND = 50;
/** Few agents report this often; however many there are, each is heard every four minutes. What changes they tell at once. */
const REPORT_SECONDS = { shortest: 30, longest: 240 } as const;

/** Connections that a server takes in a second beside its other work; a handshake is about two milliseconds of its core. */
const CONNECTIONS_A_SECOND = 250;
/** The longest pause that an agent makes by itself before it tries the controller again. */
const LONGEST_PAUSE_MS = 30_000;
/** Nobody waits longer for a server that is back. */
const LONGEST_RECONNECT_SECONDS = 45;

/** When an agent is to report next if nothing changes, seconds: the more there are, the later. */
export function reportSeconds(agents: number): number {
  return Math.min(REPORT_SECONDS.longest, Math.max(REPORT_SECONDS.shortest, Math.ceil(agents / REPORTS_A_SECOND)));
}

/** Within how many seconds agents that are sent away come back, each at a moment of its own. */
export function reconnectSeconds(agents: number): number {
  return Math.max(1, Math.ceil(retryWithinMs(agents) / 1_000));
}

/** Within how many ms agents that find no server try again: so many of them, that a server which comes back can take all who come. */
export function retryWithinMs(agents: number): number {
  return Math.min(LONGEST_RECONNECT_SECONDS, agents / CONNECTIONS_A_SECOND) * 1_000;
}

/** Within how many ms after a start so many nodes may be on their way back. */
export function returnWithinMs(nodes: number): number {
  return Math.max(LONGEST_PAUSE_MS, retryWithinMs(nodes));
}
