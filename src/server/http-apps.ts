import type { ServerConfig } from '../platform/config/server-config.js';
import type { Clock } from '../platform/clock.js';
import type { Log } from '../platform/log.js';
import type { Authenticate } from './auth/authenticate.js';
import type { GuessLimit } from './auth/guess-limit.js';
import type { Dns } from './dns/start-dns.js';
import type { ApiRoute } from './http/api.js';
import { dnsOperations, dnsRoutes } from './http/dns-routes.js';
import { HEALTH, healthRoutes } from './http/health-routes.js';
import { httpApp, type HttpApp, type HttpAppDeps, type HttpRoutes } from './http/http-app.js';
import { anonymous, byCertificate, byToken, type Identify } from './http/identify.js';
import { nekoqFind, nekoqPublish, readPasswordHash } from './http/nekoq-endpoints.js';
import { DESCRIPTION, openApi } from './http/open-api.js';
import type { PurposeOf } from './http/peer.js';
import { listEndpoint, registerEndpoint, removeEndpoint, renewEndpoint, showEndpoint } from './http/service-endpoints.js';
import { watchEndpoint } from './http/service-stream.js';
import { nodesEndpoint, statusEndpoint } from './http/status-endpoints.js';
import type { LiveFacts } from './services/node-status.js';
import type { Repository } from './store/local-view.js';
import type { UseCases } from './use-cases.js';

/** What HTTP serves is made of. */
export interface HttpAppsDeps {
  readonly config: ServerConfig;
  readonly cases: UseCases;
  readonly repository: Repository;
  readonly dns: Pick<Dns, 'answer'>;
  readonly live: LiveFacts;
  readonly authenticate: Authenticate;
  readonly purposeOf: PurposeOf;
  readonly guesses: GuessLimit;
  readonly clock: Clock;
  readonly onRefusal: NonNullable<HttpAppDeps['onRefusal']>;
  readonly log: Log;
}

/**
 * What the HTTPS listener serves.
 *
 * @throws DomainError `config_invalid` for a password file that holds no hash.
 */
export function httpsApp(deps: HttpAppsDeps): HttpApp {
  const { config, cases, dns, repository, log, onRefusal } = deps;
  const certified = byCertificate(deps);
  const identify = byToken({ view: repository.view, clock: deps.clock, guesses: deps.guesses }, certified);
  const answer: Dns['answer'] = (query, client) => dns.answer(query, client);
  const api = (routes: HttpRoutes): void => {
    const endpoints = endpointsOf(deps, identify);
    for (const endpoint of endpoints) endpoint.addTo(routes, identify);
    const description = openApi([...endpoints.map(({ operation }) => operation), HEALTH, ...dnsOperations(config.dns.https), DESCRIPTION]);
    routes.get(DESCRIPTION.path, (c) => c.json(description));
  };
  return httpApp({ log, onRefusal }, [healthRoutes(() => cases.facts.state()), dnsRoutes({ answer, audience: config.dns.https, identify: certified }), api]);
}

/** What is served in the clear on loopback: DNS over HTTP and nothing else. */
export function plainDnsApp(dns: Pick<Dns, 'answer'>, log: Log): HttpApp {
  return httpApp({ log }, [dnsRoutes({ answer: (query, client) => dns.answer(query, client), audience: 'anyone', identify: anonymous })]);
}

function endpointsOf({ config, cases, repository, live, guesses }: HttpAppsDeps, identify: Identify): readonly ApiRoute[] {
  const { view } = repository;
  const services = { services: cases.services, view };
  const { nekoqPasswordFile } = config;
  const nekoq = nekoqPasswordFile === undefined ? undefined : { services: cases.services, guesses, passwordHash: readPasswordHash(nekoqPasswordFile) };
  return [
    registerEndpoint(services),
    listEndpoint(services),
    showEndpoint(services),
    renewEndpoint(services),
    removeEndpoint(services),
    watchEndpoint(repository, identify),
    statusEndpoint({ view, facts: cases.facts, live }),
    nodesEndpoint({ view, facts: cases.facts, live }),
    ...(nekoq === undefined ? [] : [nekoqFind(nekoq), nekoqPublish(nekoq)]),
  ];
}
