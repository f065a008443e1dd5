import type { ServerConfig } from '../platform/config/server-config.js';
import type { Log } from '../platform/log.js';
import type { Authenticate } from './auth/authenticate.js';
import type { Dns } from './dns/start-dns.js';
import { dnsRoutes } from './http/dns-routes.js';
import { healthRoutes } from './http/health-routes.js';
import { httpApp, type HttpApp, type HttpAppDeps } from './http/http-app.js';
import { byCertificate } from './http/identify.js';
import type { PurposeOf } from './http/peer.js';
import type { UseCases } from './use-cases.js';

/** What HTTP serves is made of. */
export interface HttpAppsDeps {
  readonly config: ServerConfig;
  readonly cases: UseCases;
  readonly dns: Pick<Dns, 'answer'>;
  readonly authenticate: Authenticate;
  readonly purposeOf: PurposeOf;
  readonly onRefusal: NonNullable<HttpAppDeps['onRefusal']>;
  readonly log: Log;
}

/** What the HTTPS listener serves. */
export function httpsApp({ config, cases, dns, log, onRefusal, ...who }: HttpAppsDeps): HttpApp {
  const identify = byCertificate(who);
  const answer: Dns['answer'] = (query, client) => dns.answer(query, client);
  return httpApp({ log, onRefusal }, [healthRoutes(() => cases.facts.state()), dnsRoutes({ answer, audience: config.dns.https, identify })]);
}

/** What is served in the clear on loopback: DNS over HTTP and nothing else. */
export function plainDnsApp(dns: Pick<Dns, 'answer'>, log: Log): HttpApp {
  const identify = (): never => {
    throw new Error('whoever comes over loopback is not asked');
  };
  return httpApp({ log }, [dnsRoutes({ answer: (query, client) => dns.answer(query, client), audience: 'anyone', identify })]);
}
