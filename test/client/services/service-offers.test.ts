import { describe, expect, it } from 'vitest';
import { listOffers, offerService } from '../../../src/client/services/offer-requests.js';
import { ServiceOffers, type ServiceCalls } from '../../../src/client/services/service-offers.js';
import { DomainError } from '../../../src/domain/errors.js';
import { OfferServiceRequest } from '../../../src/gen/networkcontroller/v1/agent.js';
import { readServiceConfig } from '../../../src/platform/config/client-config.js';
import { ManualClock } from '../../support/clock.js';
import { recordingLog } from '../../support/recording-log.js';

const OWNER = { nodeId: 'n-1', name: 'web-1', network: 'default' };
const config = (values: Partial<Parameters<typeof readServiceConfig>[0]> = {}) => readServiceConfig({ name: 'shop', port: 8080, ...values });
const settle = () => new Promise(setImmediate);

/** Offers towards a controller that remembers its calls and does what a test tells it. */
function startOffers(...services: ReturnType<typeof config>[]) {
  const clock = new ManualClock();
  const { log, warnings } = recordingLog();
  const said: string[] = [];
  const refusals = new Map<string, Error>();
  const unknown: string[] = [];
  let connected = true;
  const hear = async (call: string, id: string): Promise<void> => {
    said.push(`${call} ${id}`);
    const refusal = refusals.get(`${call} ${id}`);
    if (refusal !== undefined) throw refusal;
  };
  const calls: ServiceCalls = {
    register: ({ id }) => hear('register', id),
    renewServices: (states, { onUnknown, onFailed }) =>
      void hear('renew', states.map(({ id }) => id).join()).then(() => onUnknown(unknown.splice(0)), onFailed),
    deregister: (id) => hear('deregister', id),
  };
  const offers = new ServiceOffers(services, OWNER, { calls: () => (connected ? calls : undefined), clock, log });
  return {
    offers,
    warnings,
    /** What was asked since the last look. */
    said: () => said.splice(0),
    refuse: (call: string, error: Error = new DomainError('conflict', 'somebody else has it')) => refusals.set(call, error),
    accept: () => refusals.clear(),
    forget: (...ids: string[]) => unknown.push(...ids),
    connect: (is: boolean) => (connected = is),
    async pass(ms: number) {
      clock.advance(ms);
      await settle();
    },
  };
}

describe('a service that is refused', () => {
  it('keeps none of the others from being offered, and says why', async () => {
    const { offers, said, refuse, warnings } = startOffers(config({ name: 'a' }), config({ name: 'b' }), config({ name: 'c' }));
    refuse('register b-web-1');

    await offers.register();

    expect(said()).toEqual(['register a-web-1', 'register b-web-1', 'register c-web-1']);
    expect(offers.problem).toBe('service b-web-1 is not offered: somebody else has it');
    expect(offers.list().map(({ refused }) => refused)).toEqual(['', 'somebody else has it', '']);
    expect(warnings).toMatchObject([{ message: 'service not offered', fields: { id: 'b-web-1', reason: 'somebody else has it' } }]);
  });

  it('is not renewed, and is offered again with the next connection', async () => {
    const { offers, said, refuse, accept, pass } = startOffers(config({ name: 'a' }), config({ name: 'b' }));
    refuse('register b-web-1');
    await offers.register();
    said();
    await pass(3334);
    expect(said()).toEqual(['renew a-web-1']);

    accept();
    await offers.register();

    expect(offers.problem).toBe('');
    said();
    await pass(3334);
    expect(said()).toEqual(['renew a-web-1,b-web-1']);
  });

  it('when it is added later is forgotten, and may be added again', async () => {
    const { offers, refuse, accept, said, pass } = startOffers();
    refuse('register shop-web-1');
    await expect(offers.add(config())).rejects.toMatchObject({ code: 'conflict', message: 'somebody else has it' });
    expect(offers.list()).toEqual([]);
    said();
    await pass(60_000);
    expect(said()).toEqual([]);

    accept();

    expect(await offers.add(config())).toMatchObject({ registered: true });
  });

  it('under an id that is offered already is not even asked for', async () => {
    const { offers, said } = startOffers(config());

    await expect(offers.add(config({ port: 9 }))).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('offers shop-web-1 already') });

    expect(said()).toEqual([]);
    expect(offers.list()).toMatchObject([{ service: { port: 8080 } }]);
  });

  it('to be taken back is one that this node does not offer', async () => {
    const { offers, said } = startOffers(config());

    await expect(offers.remove('other')).rejects.toMatchObject({ code: 'service_unknown', message: expect.stringContaining('"other"') });

    expect(said()).toEqual([]);
  });
});

describe('a lease', () => {
  it('is renewed three times in its life, all leases in one call, at the pace of the shortest', async () => {
    const { offers, said, pass } = startOffers(config({ name: 'a', lease: '9s' }), config({ name: 'b', lease: '60s' }), config({ name: 'c', lease: 'node' }));
    await offers.register();
    said();

    await pass(2999);
    expect(said()).toEqual([]);
    for (let i = 0; i < 3; i++) await pass(3000);

    expect(said()).toEqual(Array.from({ length: 3 }, () => 'renew a-web-1,b-web-1,c-web-1'));
  });

  it('is not renewed where all services last as long as the node', async () => {
    const { offers, said, pass } = startOffers(config({ lease: 'node' }));
    await offers.register();
    said();

    await pass(3_600_000);

    expect(said()).toEqual([]);
    expect(offers.list()).toMatchObject([{ service: { withNode: true, leaseSeconds: 0 } }]);
  });

  it('goes on being renewed after a renewal that failed', async () => {
    const { offers, said, refuse, accept, pass } = startOffers(config());
    await offers.register();
    refuse('renew shop-web-1', new DomainError('unavailable', 'gone'));
    said();

    await pass(3334);
    accept();
    await pass(3334);

    expect(said()).toEqual(['renew shop-web-1', 'renew shop-web-1']);
    expect(offers.problem).toBe('');
  });

  it('that the controller has let end is offered again at once', async () => {
    const { offers, said, forget, pass } = startOffers(config({ name: 'a' }), config({ name: 'b' }));
    await offers.register();
    said();
    forget('b-web-1', 'nobody-offers-this');

    await pass(3334);

    expect(said()).toEqual(['renew a-web-1,b-web-1', 'register b-web-1']);
  });

  it('waits without a connection, and is offered with the next', async () => {
    const { offers, said, connect, pass } = startOffers(config());
    connect(false);
    await offers.register();
    await pass(60_000);
    expect(said()).toEqual([]);

    connect(true);
    await offers.register();

    expect(said()).toEqual(['register shop-web-1']);
  });

  it('is renewed by one timer however often the connection was made anew', async () => {
    const { offers, said, pass } = startOffers(config());
    for (let i = 0; i < 5; i++) await offers.register();
    said();

    await pass(3334);

    expect(said()).toEqual(['renew shop-web-1']);
  });

  it('of less than three seconds is rounded up for the controller, never down to none', () => {
    const { offers } = startOffers(config({ lease: '1500ms' }));

    expect(offers.list()).toMatchObject([{ service: { leaseSeconds: 2 } }]);
  });
});

describe('the end', () => {
  it('takes all services back, one that fails keeping no other, and renews none', async () => {
    const { offers, said, refuse, pass } = startOffers(config({ name: 'a' }), config({ name: 'b' }));
    await offers.register();
    refuse('deregister a-web-1');
    said();

    await offers.withdraw();
    await pass(60_000);

    expect(said()).toEqual(['deregister a-web-1', 'deregister b-web-1']);
    expect(offers.list()).toEqual([]);
  });

  it('without a connection asks for nothing and does not fail', async () => {
    const { offers, said, connect } = startOffers(config());
    connect(false);

    await offers.withdraw();

    expect(said()).toEqual([]);
  });

  it('of the agent alone leaves the services to their leases', async () => {
    const { offers, said, pass } = startOffers(config());
    await offers.register();
    said();

    offers.stop();
    await pass(60_000);

    expect(said()).toEqual([]);
  });

  it('of one service leaves the others, and its name free', async () => {
    const { offers, said, pass } = startOffers(config({ name: 'a' }), config({ name: 'b' }));
    await offers.register();
    said();

    await offers.remove('a-web-1');
    await pass(3334);
    expect(said()).toEqual(['deregister a-web-1', 'renew b-web-1']);

    expect(await offers.add(config({ name: 'a' }))).toMatchObject({ registered: true, service: { id: 'a-web-1' } });
  });
});

describe('a service added while the agent runs', () => {
  it('is renewed with the others', async () => {
    const { offers, said, pass } = startOffers();
    await offers.register();

    await offers.add(config({ lease: '3s' }));
    said();
    await pass(1000);

    expect(said()).toEqual(['renew shop-web-1']);
  });

  it('without a connection is kept for the next', async () => {
    const { offers, said, connect } = startOffers();
    connect(false);

    expect(await offers.add(config())).toMatchObject({ registered: false });
    connect(true);
    await offers.register();

    expect(said()).toEqual(['register shop-web-1']);
  });

  it('has an id that is one label, however long its name', () => {
    const name = 'a'.repeat(62);
    const { offers } = startOffers(config({ name }), config({ id: 'mine' }));

    expect(offers.list().map(({ service }) => service.id)).toEqual([name, 'mine']);
  });
});

describe('a request to offer', () => {
  const offer = (service: Record<string, unknown> | undefined, more: Partial<OfferServiceRequest> = {}) => OfferServiceRequest.fromPartial({ ...(service && { service }), ...more });

  it.each<[string, OfferServiceRequest, string]>([
    ['no service', offer(undefined), 'service: want one'],
    ['no port', offer({ name: 'shop', protocol: 'tcp', channel: 'stable' }), 'service.port: want a port from 1 to 65535, got 0'],
    ['a name that is no label', offer({ name: 'Shop!', port: 1, protocol: 'tcp', channel: 'stable' }), 'service.name: want a lower-case DNS label'],
    ['another protocol', offer({ name: 'shop', port: 1, protocol: 'sctp', channel: 'stable' }), 'service.protocol: want tcp or udp, got "sctp"'],
    ['another channel', offer({ name: 'shop', port: 1, protocol: 'tcp', channel: 'nightly' }), 'service.channel: want stable, beta or alpha'],
    ['another role', offer({ name: 'shop', port: 1, protocol: 'tcp', channel: 'stable', role: 'king' }), 'service.role: want primary or replica'],
    ['too long a lease', offer({ name: 'shop', port: 1, protocol: 'tcp', channel: 'stable', leaseSeconds: 86_401 }), 'service.lease: want a duration from 1s to 1d'],
    ['a check of nothing', offer({ name: 'shop', port: 1, protocol: 'tcp', channel: 'stable' }, { checkUrl: 'ftp://127.0.0.1' }), 'service.check.url: want tcp://host:port'],
    ['a check all the time', offer({ name: 'shop', port: 1, protocol: 'tcp', channel: 'stable' }, { checkUrl: 'tcp://127.0.0.1:1', checkIntervalMs: 10 }), 'service.check.interval: want a duration from 100ms'],
  ])('with %s is refused, and nothing is offered', async (_, request, message) => {
    const { offers, said } = startOffers();

    await expect(offerService(offers, request)).rejects.toMatchObject({ code: 'invalid_argument', message: expect.stringContaining(message) });

    expect([said(), listOffers(offers)]).toEqual([[], { offers: [] }]);
  });

  it('is carried out with its lease, and listed', async () => {
    const { offers } = startOffers();

    const answer = await offerService(offers, offer({ name: 'shop', port: 1, protocol: 'tcp', channel: 'beta', role: 'primary', leaseSeconds: 30 }));

    expect(answer).toMatchObject({ registered: true, service: { id: 'shop-web-1', nodeId: 'n-1', network: 'default', leaseSeconds: 30 } });
    expect(listOffers(offers)).toMatchObject({ offers: [{ service: { channel: 'beta', role: 'primary' }, refused: '' }] });
  });
});
