import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { serverName } from '../../domain/certificate.js';
import { parseHostPort } from '../../domain/host-port.js';
import type { Clock } from '../../platform/clock.js';
import { CaBundle } from '../../platform/x509/ca-bundle.js';
import type { Membership } from '../state/membership.js';
import type { Contact } from './machine.js';

const PATIENCE_MS = 6_000;
/** The controller tells its time in whole seconds. @see RFC 9110 §6.6.1 */
const HALF_SECOND_MS = 500;

/**
 * Knocks at a bootstrap listener and reads its clock. Its certificate is judged but not insisted on: to a machine whose clock is
 * wrong every certificate looks wrong, and that is what is to be found out. Nothing is told to it.
 */
export function contactController(endpoint: string, membership: Membership, clock: Clock): Promise<Contact> {
  const { host, port } = parseHostPort(endpoint);
  return new Promise((resolve) => {
    let reached: Contact['reached'] = 'nothing';
    let problem = '';
    let http: ClientHttp2Session | undefined;
    const socket: TLSSocket = connectTls({
      host,
      port,
      servername: serverName(membership.facts.clusterId),
      ca: new CaBundle(membership.bundle.grpc?.certificates ?? []).pem,
      minVersion: 'TLSv1.3',
      ALPNProtocols: ['h2'],
      rejectUnauthorized: false,
    });
    const end = (why: string, aheadMs?: number): void => {
      clearTimeout(timer);
      http?.destroy();
      socket.destroy();
      resolve({ endpoint, reached, problem: problem || why, aheadMs });
    };
    const timer = setTimeout(() => end(`no answer within ${PATIENCE_MS} ms`), PATIENCE_MS);
    socket.once('connect', () => (reached = 'tcp'));
    socket.once('error', (error) => end(error.message));
    socket.once('close', () => end('the connection was closed'));
    socket.once('secureConnect', () => {
      reached = 'tls';
      // Types have it as an error; it is a code where Node's own check failed.
      if (!socket.authorized) problem = String(socket.authorizationError);
      http = connectHttp2(`https://${endpoint}`, { createConnection: () => socket });
      http.once('error', (error) => end(error.message));
      readDate(http, clock, end);
    });
  });
}

/** Any answer has the time: a gRPC listener refuses what is no gRPC, and dates the refusal. */
function readDate(http: ClientHttp2Session, clock: Clock, end: (why: string, aheadMs?: number) => void): void {
  const askedMs = clock.now();
  const request = http.request({ ':path': '/' });
  request.once('error', (error) => end(error.message));
  request.once('response', ({ date }) => {
    const toldMs = Date.parse(date ?? '');
    if (Number.isNaN(toldMs)) return end('it did not tell the time');
    end('', (askedMs + clock.now()) / 2 - (toldMs + HALF_SECOND_MS));
  });
  request.end();
}
