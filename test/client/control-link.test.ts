import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { ControlLink, type ControlHandlers, type ControlState } from '../../src/client/control-link.js';
import type { ControlSession } from '../../src/client/control-session.js';
import { EndpointOrder } from '../../src/client/endpoint-order.js';
import { DomainError } from '../../src/domain/errors.js';
import { PeerSignal, ReportRequest, type ReportResponse, type WatchRequest, type WatchResponse } from '../../src/gen/networkcontroller/v1/node.js';
import { silentLog } from '../../src/platform/log.js';
import { ManualClock } from '../support/clock.js';
import { until } from '../support/until.js';

const PROGRESS: WatchResponse = { message: { $case: 'progress', value: { revision: 7n, serverTimeMs: 0 } } };
let clock: ManualClock;
let sessions: FakeSession[];
/** Whether connections made from now on answer reports. */
let newSessionsAnswer: boolean;
/** What controllers ask of a crowd. */
let retryWithinMs: number;
/** Endpoints that refuse, and with what. */
let refusals: Map<string, DomainError>;

beforeEach(() => {
  clock = new ManualClock();
  sessions = [];
  newSessionsAnswer = true;
  retryWithinMs = 0;
  refusals = new Map();
});

describe('the link to the controller ends', () => {
  it.each(['node_revoked', 'node_unknown'] as const)('for good when the node is told %s', async (code) => {
    refusals.set('c1:1', new DomainError(code, 'gone'));
    const { link, ended } = startLink(['c1:1', 'c2:1']);

    await until(() => ended.length === 1);
    clock.advance(120_000);
    await link.stop();

    expect(ended).toEqual([expect.objectContaining({ code })]);
    expect(sessions).toHaveLength(1);
  });

  it('when it is stopped, even in the middle of a pause', async () => {
    refusals.set('c1:1', new DomainError('unavailable', 'nobody'));
    const { link } = startLink(['c1:1']);
    await until(() => link.lastError !== '');

    await link.stop();

    expect(link.state).toBe('connecting');
  });
});

describe('the link to the controller tries again', () => {
  it('at the next endpoint at once, and after a round only when the pause is over', async () => {
    for (const endpoint of ['c1:1', 'c2:1']) refusals.set(endpoint, new DomainError('unavailable', 'nobody'));
    startLink(['c1:1', 'c2:1']);

    await until(() => sessions.length === 2);
    await settled();
    expect(sessions.map(({ endpoint }) => endpoint)).toEqual(['c1:1', 'c2:1']);
    clock.advance(30_000);

    await until(() => sessions.length === 4);
  });

  it('elsewhere when a stream says nothing for thirty seconds', async () => {
    const { link } = startLink(['c1:1', 'c2:1']);
    (await nthSession(1)).say(PROGRESS);
    await until(() => link.state === 'connected');

    clock.advance(29_000);
    expect(sessions[0]?.closed).toBe(false);
    clock.advance(1_000);

    expect((await nthSession(2)).endpoint).toBe('c2:1');
    expect(link.lastError).toContain('30 s');
  });

  it('elsewhere when a controller accepts and never answers', async () => {
    startLink(['c1:1', 'c2:1']);
    await nthSession(1);

    clock.advance(10_000);

    expect((await nthSession(2)).endpoint).toBe('c2:1');
  });

  it('of one that it has asked in vain with twice the patience: it may have ten thousand others to answer', async () => {
    startLink(['c1:1']);
    await nthSession(1);
    clock.advance(10_000);
    await settled();
    clock.advance(600);

    const second = await nthSession(2);
    clock.advance(19_000);
    expect(second.closed).toBe(false);
    clock.advance(1_000);
    expect(second.closed).toBe(true);
  });

  it.each([
    ['many times a minute', 0, 100, 1_000],
    ['a few times a minute when it is one of thousands', 40_000, 2, 30],
  ])('%s after a controller was lost that does not come back', async (_name, withinMs, atLeast, atMost) => {
    retryWithinMs = withinMs;
    const { link, acknowledged } = startLink(['c1:1']);
    (await nthSession(1)).say(PROGRESS);
    await until(() => link.state === 'connected');
    clock.advance(10_000);
    await until(() => acknowledged.length > 0);
    refusals.set('c1:1', new DomainError('unavailable', 'nobody'));

    (await nthSession(1)).close();
    for (let tenth = 0; tenth < 590; tenth++) {
      clock.advance(100);
      for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
    }

    expect(sessions.length).toBeGreaterThanOrEqual(atLeast);
    expect(sessions.length).toBeLessThan(atMost);
  });

  it('ever more rarely when a controller accepts and never answers for longer than a minute', async () => {
    startLink(['c1:1']);

    for (let second = 0; second < 600; second++) {
      clock.advance(1_000);
      for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
    }

    // An attempt takes ten seconds: six in the first minute, and sixty of them if none were ever waited for.
    expect(sessions.length).toBeGreaterThan(10);
    expect(sessions.length).toBeLessThan(45);
  });

  it('elsewhere when it is asked to go, within the time it is given', async () => {
    const { link } = startLink(['c1:1', 'c2:1']);
    const first = await nthSession(1);
    first.say(PROGRESS);
    first.say({ message: { $case: 'goAway', value: { reconnectWithinSeconds: 10 } } });
    await until(() => link.state === 'connected');
    await settled();

    clock.advance(5_000);

    expect((await nthSession(2)).endpoint).toBe('c2:1');
  });

  it('not before its own moment when a controller that stops has ended the stream at once', async () => {
    const { link } = startLink(['c1:1', 'c2:1']);
    const first = await nthSession(1);
    first.say(PROGRESS);
    first.say({ message: { $case: 'goAway', value: { reconnectWithinSeconds: 60 } } });
    await until(() => link.state === 'connected');
    await settled();
    first.close();
    await until(() => link.state === 'offline');
    await settled();

    clock.advance(29_000);
    await settled();
    expect(sessions).toHaveLength(1);
    clock.advance(1_000);

    expect((await nthSession(2)).endpoint).toBe('c2:1');
  });

  it('first where it was connected last', async () => {
    const { link } = startLink(['c1:1', 'c2:1', 'c3:1'], 'c3:1');
    (await nthSession(1)).say(PROGRESS);
    await until(() => link.state === 'connected');

    expect(link.endpoint).toBe('c3:1');
  });

  it('with the position it holds by then', async () => {
    const { requests } = startLink(['c1:1'], '', [3n, 9n]);
    (await nthSession(1)).say(PROGRESS);
    await until(() => requests.length === 1);
    sessions[0]?.close();
    await settled();
    clock.advance(1_000);
    await nthSession(2);

    expect(requests.map(({ fromRevision }) => fromRevision)).toEqual([3n, 9n]);
  });
});

describe('the link to the controller moves over to a new connection', () => {
  it('without having been offline, and closes the old one only when the new one has answered', async () => {
    const { link, states, requests } = startLink(['c1:1'], '', [3n, 9n]);
    const old = await nthSession(1);
    old.say(PROGRESS);
    await until(() => link.state === 'connected');

    const moved = link.moveOver();
    expect(old.closed).toBe(false);
    await moved;
    await until(() => requests.length === 2);
    await settled();

    expect(old.closed).toBe(true);
    expect(states).toEqual(['connected']);
    expect(requests[1]?.fromRevision).toBe(9n);
    expect(sessions).toHaveLength(2);
  });

  it('and sends nothing over the old one from then on', async () => {
    const { link } = startLink(['c1:1']);
    const old = await nthSession(1);
    old.say(PROGRESS);
    await until(() => link.state === 'connected');
    clock.advance(0);
    await until(() => old.reports === 1);

    const moved = link.moveOver();
    link.reportSoon();
    clock.advance(1_000);
    await moved;
    await until(() => sessions[1]!.reports > 0);

    expect(old.reports).toBe(1);
  });

  it('or, when the new one does not answer, leaves both and begins anew', async () => {
    const { link, states } = startLink(['c1:1', 'c2:1']);
    (await nthSession(1)).say(PROGRESS);
    await until(() => link.state === 'connected');

    newSessionsAnswer = false;
    await link.moveOver();
    newSessionsAnswer = true;

    (await nthSession(3)).say(PROGRESS);
    await until(() => link.state === 'connected');
    expect(sessions.map(({ closed }) => closed)).toEqual([true, true, false]);
    expect(states).toEqual(['connected', 'offline', 'connected']);
  });

  it('at once when it was in a pause', async () => {
    refusals.set('c1:1', new DomainError('unavailable', 'nobody'));
    const { link } = startLink(['c1:1']);
    await until(() => link.lastError !== '');
    await settled();

    await link.moveOver();

    await nthSession(2);
  });
});

describe('a certificate that the controller does not take', () => {
  it.each(['certificate_invalid', 'certificate_superseded'] as const)('is told of once for each attempt (%s), and the attempts go on', async (code) => {
    refusals.set('c1:1', new DomainError(code, 'no'));
    const { ended, refused } = startLink(['c1:1']);
    await until(() => refused.length === 1);

    // The pause begins some time after the refusal was told of.
    await until(() => {
      if (refused.length < 2) clock.advance(1_000);
      return refused.length >= 2;
    });
    expect(ended).toEqual([]);
  });
});

describe('reports', () => {
  it('go out at once, then when the controller asked for the next', async () => {
    const { link, reported } = startLink(['c1:1']);
    (await nthSession(1)).say(PROGRESS);
    await until(() => link.state === 'connected');

    clock.advance(0);
    await until(() => reported.length === 1);
    await settled();
    clock.advance(19_999);
    expect(reported).toHaveLength(1);
    clock.advance(1);

    await until(() => reported.length === 2);
  });

  it('are sent once for many changes, and not at all without a connection', async () => {
    const { link, reported } = startLink(['c1:1']);
    link.reportSoon();
    clock.advance(1_000);
    expect(reported).toHaveLength(0);
    (await nthSession(1)).say(PROGRESS);
    await until(() => link.state === 'connected');
    clock.advance(0);
    await until(() => reported.length === 1);
    await settled();

    for (let change = 0; change < 5; change++) link.reportSoon();
    clock.advance(1_000);
    await until(() => reported.length === 2);
    await settled();
    clock.advance(1_000);

    expect(reported).toHaveLength(2);
  });

  it('go out at once when somebody may be waiting', async () => {
    const { link, reported } = startLink(['c1:1']);
    (await nthSession(1)).say(PROGRESS);
    await until(() => link.state === 'connected');
    clock.advance(0);
    await until(() => reported.length === 1);
    await settled();

    link.reportNow();
    clock.advance(0);

    await until(() => reported.length === 2);
  });

  it('count as told only when they arrived', async () => {
    const { link, reported, acknowledged } = startLink(['c1:1']);
    const session = await nthSession(1);
    session.failReports = true;
    session.say(PROGRESS);
    await until(() => link.state === 'connected');

    clock.advance(0);
    await until(() => reported.length === 1);
    await settled();

    expect(acknowledged).toHaveLength(0);
  });
});

describe('signals', () => {
  it('are refused while there is no connection', async () => {
    const { link } = startLink(['c1:1']);

    await expect(link.signal([PeerSignal.create({ nodeId: 'n2' })])).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('tell who was not reached', async () => {
    const { link } = startLink(['c1:1']);
    (await nthSession(1)).say(PROGRESS);
    await until(() => link.state === 'connected');

    expect(await link.signal([PeerSignal.create({ nodeId: 'n2' })])).toEqual(['n2']);
  });
});

interface Started {
  readonly link: ControlLink;
  readonly ended: DomainError[];
  readonly refused: string[];
  readonly states: ControlState[];
  readonly requests: WatchRequest[];
  readonly reported: ReportRequest[];
  readonly acknowledged: ReportRequest[];
}

function startLink(endpoints: readonly string[], preferred = '', revisions: readonly bigint[] = []): Started {
  const refused: string[] = [];
  const [ended, states, requests, reported, acknowledged]: [DomainError[], ControlState[], WatchRequest[], ReportRequest[], ReportRequest[]] = [[], [], [], [], []];
  const left = [...revisions];
  const handlers: ControlHandlers = {
    beginStream: () => ({ epoch: 'e1', fromRevision: left.shift() ?? 0n, agentVersion: '' }),
    onMessage: () => {},
    onState: (state) => states.push(state),
    onEnd: (error) => ended.push(error),
    onUnreachable: () => {},
    onCertificateRefused: () => void refused.push('certificate'),
    report: () => Promise.resolve(ReportRequest.create({})),
    onReported: (request) => acknowledged.push(request),
  };
  const connect = (endpoint: string): FakeSession => new FakeSession(endpoint, requests, reported);
  const link = new ControlLink({ endpoints: new EndpointOrder(endpoints, preferred), connect, handlers, clock, log: silentLog, random: () => 0.5 });
  link.start();
  onTestFinished(() => link.stop());
  return { link, ended, refused, states, requests, reported, acknowledged };
}

/** A connection on which the test says what the controller says. */
class FakeSession implements ControlSession {
  closed = false;
  failReports = !newSessionsAnswer;
  reports = 0;
  readonly #said: WatchResponse[] = [];
  #wake: () => void = () => {};

  constructor(
    readonly endpoint: string,
    private readonly requests: WatchRequest[],
    private readonly reported: ReportRequest[],
  ) {
    sessions.push(this);
  }

  say(message: WatchResponse): void {
    this.#said.push(message);
    this.#wake();
  }

  async *watch(request: WatchRequest): AsyncGenerator<WatchResponse> {
    this.requests.push(request);
    const refusal = refusals.get(this.endpoint);
    if (refusal !== undefined) throw refusal;
    while (!this.closed) {
      const next = this.#said.shift();
      if (next !== undefined) yield next;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    throw new DomainError('unavailable', 'closed');
  }

  report(request: ReportRequest): Promise<ReportResponse> {
    this.reported.push(request);
    this.reports++;
    return this.failReports ? Promise.reject(new DomainError('timeout', 'late')) : Promise.resolve({ nextReportSeconds: 20, retryWithinMs });
  }

  signal(signals: readonly PeerSignal[]): Promise<readonly string[]> {
    return Promise.resolve(signals.map(({ nodeId }) => nodeId));
  }

  renew(): Promise<never> {
    return Promise.reject(new DomainError('unavailable', 'not here'));
  }

  register(): Promise<void> {
    return Promise.resolve();
  }

  renewServices(): void {}

  deregister(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.closed = true;
    this.#wake();
  }
}

function nthSession(count: number): Promise<FakeSession> {
  return until(() => sessions[count - 1], `connection ${count}`);
}

/** Lets everything that was set in motion come to rest. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}
