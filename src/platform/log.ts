/** The fields a log line may carry beside its message. Constant sentence first, facts as fields. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Where a program writes what it does. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  /** Important enough to wake somebody. */
  warn(message: string, fields?: LogFields): void;
  /** We cannot go on. */
  error(message: string, fields?: LogFields): void;
}

/** Writes nothing: for embedders and tests that do not look. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
