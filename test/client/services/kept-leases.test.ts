import { describe, expect, it } from 'vitest';
import { KeptLeases } from '../../../src/client/services/kept-leases.js';
import { DomainError } from '../../../src/domain/errors.js';
import type { KeepServicesRequest, KeepServicesResponse, ServiceState } from '../../../src/gen/networkcontroller/v1/node.js';
import type { DuplexEvents } from '../../../src/platform/rpc-client.js';

const state = (id: string, health = ''): ServiceState => ({ id, health, healthReason: '' });

/** Leases kept over streams that remember what was said on them. */
function startLeases() {
  const streams: { said: string[]; events: DuplexEvents<KeepServicesResponse> }[] = [];
  const leases = new KeptLeases((events) => {
    const said: string[] = [];
    streams.push({ said, events });
    return { write: ({ services }: KeepServicesRequest) => void said.push(services.map(({ id, health }) => id + health).join() || '–') };
  });
  const heard: string[] = [];
  const renew = (...states: ServiceState[]): void => leases.renew(states, { onUnknown: (ids) => void heard.push(`unknown ${ids.join()}`), onFailed: ({ message }) => void heard.push(`failed ${message}`) });
  return { streams, heard, renew };
}

describe('leases', () => {
  it('are named once and renewed without a word after that', () => {
    const { streams, renew } = startLeases();

    for (let i = 0; i < 3; i++) renew(state('a'), state('b'));

    expect(streams.map(({ said }) => said)).toEqual([['a,b', '–', '–']]);
  });

  it.each([
    ['one more', [state('a'), state('b')], 'a,b'],
    ['another', [state('b')], 'b'],
    ['another health', [state('a', 'failing')], 'afailing'],
  ])('are named anew with %s', (_what, states, words) => {
    const { streams, renew } = startLeases();
    renew(state('a'));

    renew(...states);
    renew(...states);

    expect(streams[0]!.said).toEqual(['a', words, '–']);
  });

  it('are all named on a new stream when the one before was lost, which is told', () => {
    const { streams, heard, renew } = startLeases();
    renew(state('a'));
    streams[0]!.events.onEnd(new DomainError('unavailable', 'gone'));

    renew(state('a'));

    expect(streams.map(({ said }) => said)).toEqual([['a'], ['a']]);
    expect(heard).toEqual(['failed gone']);
  });

  it('say nothing of an end that was meant', () => {
    const { streams, heard, renew } = startLeases();
    renew(state('a'));

    streams[0]!.events.onEnd(undefined);

    expect(heard).toEqual([]);
  });

  it('tell which the controller does not know', () => {
    const { streams, heard, renew } = startLeases();
    renew(state('a'), state('b'));

    streams[0]!.events.onMessage({ unknown: ['b'] });

    expect(heard).toEqual(['unknown b']);
  });
});
