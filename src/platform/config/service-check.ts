import * as v from 'valibot';
import { parseDuration } from '../../domain/duration.js';
import { parsed } from '../yaml-config.js';

const URLS = 'tcp://host:port, http://…, https://… or grpc://host:port/service';
const TIME = 'a duration from 100ms to 1h';
const TIMES = 'a whole number from 1 to 100';

const duration = v.pipe(parsed(parseDuration, TIME), v.minValue(100, TIME), v.maxValue(3_600_000, TIME));
const times = v.pipe(v.number(TIMES), v.integer(TIMES), v.minValue(1, TIMES), v.maxValue(100, TIMES));

/** How the agent finds out whether a service is well. */
export const CHECK = v.pipe(
  v.strictObject({
    url: v.optional(v.pipe(v.string(URLS), v.check(isCheckUrl, URLS))),
    exec: v.optional(v.pipe(v.array(v.string('a text')), v.minLength(1, 'a program and its arguments'))),
    interval: v.optional(duration, '5s'),
    timeout: v.optional(duration, '2s'),
    failures: v.optional(times, 1),
    successes: v.optional(times, 1),
  }),
  v.check(({ url, exec }) => (url === undefined) !== (exec === undefined), 'either url or exec'),
);

/** A health check: `interval` and `timeout` in ms, and how many in a row change the verdict. */
export type CheckConfig = Readonly<v.InferOutput<typeof CHECK>>;

/** Whether a check can ask at this URL. */
export function isCheckUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.hostname === '' || url.username !== '' || url.password !== '') return false;
  if (url.protocol === 'tcp:') return url.port !== '' && /^\/?$/.test(url.pathname);
  if (url.protocol === 'grpc:') return url.port !== '';
  return url.protocol === 'http:' || url.protocol === 'https:';
}
