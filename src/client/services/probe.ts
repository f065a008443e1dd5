import { get as getHttp } from 'node:http';
import { get as getHttps } from 'node:https';
import { connect } from 'node:net';
import type { CheckConfig } from '../../platform/config/service-check.js';
import { askGrpcHealth } from '../../platform/grpc-health.js';
import { runBare } from '../../platform/run-bare.js';

/** Looks once whether a service is well. Rejects with the reason when it is not, and soon after `signal` fires. */
export type Probe = (signal: AbortSignal) => Promise<void>;

/** The probe that a check asks for. */
export function probeOf({ url, exec }: CheckConfig): Probe {
  if (exec !== undefined) return (signal) => probeExec(exec, signal);
  const target = new URL(url!);
  switch (target.protocol) {
    case 'tcp:':
      return (signal) => probeTcp(target, signal);
    case 'grpc:':
      return (signal) => probeGrpc(target, signal);
    default:
      return (signal) => probeHttp(target, signal);
  }
}

/** Well when the connection is taken. */
function probeTcp({ hostname, port }: URL, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: bareHost(hostname), port: Number(port), signal });
    socket.on('error', reject).once('connect', () => {
      socket.destroy();
      resolve();
    });
  });
}

/** Well when the answer is 2xx; a redirection is not followed. @see RFC 9110 §15.3 */
function probeHttp(url: URL, signal: AbortSignal): Promise<void> {
  const get = url.protocol === 'https:' ? getHttps : getHttp;
  return new Promise((resolve, reject) => {
    // A connection of its own: one that is kept open would say nothing about whether new ones are taken.
    const request = get(url, { agent: false, signal }, (response) => {
      const { statusCode = 0 } = response;
      response.destroy();
      if (statusCode >= 200 && statusCode < 300) resolve();
      else reject(new Error(`answered ${statusCode}`));
    });
    request.on('error', reject);
  });
}

/** Well when the server says SERVING of the service in the path. */
async function probeGrpc({ host, pathname }: URL, signal: AbortSignal): Promise<void> {
  const status = await askGrpcHealth({ address: host, service: decodeURIComponent(pathname.slice(1)) }, signal);
  if (status !== 'SERVING') throw new Error(`answered ${status}`);
}

/** Well when the program ends with 0. */
async function probeExec(argv: readonly string[], signal: AbortSignal): Promise<void> {
  const ended = await runBare(argv, signal);
  if (ended !== 0) throw new Error(typeof ended === 'number' ? `ended with ${ended}` : `was ended by ${ended}`);
}

/** A URL has IPv6 addresses in brackets. @see RFC 3986 §3.2.2 */
function bareHost(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}
