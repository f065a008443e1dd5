import type { Registry } from 'prom-client';
import { addressUse } from '../services/address-pools.js';
import { STATE } from '../services/presence.js';
import type { LocalView } from '../store/local-view.js';
import { readCounter, readGauge, samplesOf, type Sample } from './families.js';

/** What the figures of the cluster are read from. */
export interface ClusterSources {
  readonly view: LocalView;
  readonly feed: { readonly watcherCount: number };
  readonly guesses: { readonly wrong: number; readonly refused: number };
}

/** Nodes, addresses and agents, and how often secrets were guessed at. */
export function addClusterMetrics(registry: Registry, { view, feed, guesses }: ClusterSources): void {
  readGauge(registry, {
    name: 'nc_nodes',
    help: 'Registered nodes without the controller, by network and state.',
    labels: ['network', 'state'],
    read: () => nodeSamples(view),
  });
  readGauge(registry, {
    name: 'nc_addresses',
    help: 'IPv4 addresses of each network: used, free, or resting after a node.',
    labels: ['network', 'state'],
    read: () =>
      view.networks().flatMap(({ value }) => {
        const { used, free, quarantined } = addressUse(view, value);
        return of(value.name, samplesOf('state', { used, free, quarantined }));
      }),
  });
  readGauge(registry, { name: 'nc_services', help: 'Registered services.', read: () => [{ value: view.serviceCount() }] });
  readGauge(registry, { name: 'nc_watchers', help: 'Agents that follow the network map.', read: () => [{ value: feed.watcherCount }] });
  readGauge(registry, { name: 'nc_store_revision', help: 'The last revision applied here.', read: () => [{ value: Number(view.rev) }] });
  readCounter(registry, { name: 'nc_token_guesses_total', help: 'Tokens shown that were none.', read: () => [{ value: guesses.wrong }] });
  readCounter(registry, {
    name: 'nc_token_guesses_refused_total',
    help: 'Requests refused unseen because their source had guessed too often.',
    read: () => [{ value: guesses.refused }],
  });
}

function nodeSamples(view: LocalView): Sample[] {
  const counts = view.nodeCountsByState();
  const states = Object.entries(STATE);
  return view.networks().flatMap(({ value: { name } }) => {
    const countOf = (state: number): number => counts.find((row) => row.network === name && row.state === state)?.count ?? 0;
    return of(name, samplesOf('state', Object.fromEntries(states.map(([word, state]) => [word, countOf(state)]))));
  });
}

function of(network: string, samples: readonly Sample[]): Sample[] {
  return samples.map(({ labels, value }) => ({ labels: { network, ...labels }, value }));
}
