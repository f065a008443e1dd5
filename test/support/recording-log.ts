import { silentLog, type Log, type LogFields } from '../../src/platform/log.js';

/** A log that keeps its warnings. */
export function recordingLog(): { readonly log: Log; readonly warnings: { message: string; fields: LogFields }[] } {
  const warnings: { message: string; fields: LogFields }[] = [];
  return { log: { ...silentLog, warn: (message, fields = {}) => void warnings.push({ message, fields }) }, warnings };
}
