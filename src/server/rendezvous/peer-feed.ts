import type { NetworkRecord, NodeRecord } from '../../gen/networkcontroller/store/v1/records.js';
import { kindOf } from '../store/keys.js';
import type { AppliedRevision, LocalView, Repository } from '../store/local-view.js';
import type { Rendezvous } from './rendezvous.js';

/** The controller's own addresses in a network. */
type OwnAddresses = (record: NetworkRecord) => { readonly bindIp: string; readonly bindIp6: string };

/**
 * Keeps the rendezvous in step with the store: it knows exactly the nodes and networks of the revision applied last.
 *
 * @returns Ends the following.
 */
export function followPeers(rendezvous: Rendezvous, repository: Repository, ownAddresses: OwnAddresses): () => void {
  const { view } = repository;
  for (const network of view.networks()) {
    setNetwork(rendezvous, network.value, ownAddresses);
    for (const node of view.nodesOf(network.value.name)) setPeer(rendezvous, node.value);
  }
  return repository.onApplied((revision) => apply(rendezvous, view, revision, ownAddresses));
}

function apply(rendezvous: Rendezvous, view: LocalView, revision: AppliedRevision, ownAddresses: OwnAddresses): void {
  for (const event of revision.events) {
    const last = event.key.slice(event.key.lastIndexOf('/') + 1);
    const kind = kindOf(event.key);
    if (kind === 'network' && event.type === 'put') {
      const network = view.network(last);
      if (network !== undefined) setNetwork(rendezvous, network.value, ownAddresses);
    } else if (kind === 'node' && event.type === 'delete') rendezvous.removePeer(last);
    else if (kind === 'node') {
      const node = view.nodeById(last);
      if (node !== undefined) setPeer(rendezvous, node.value);
    }
  }
}

function setNetwork(rendezvous: Rendezvous, record: NetworkRecord, ownAddresses: OwnAddresses): void {
  rendezvous.setNetwork({ name: record.name, interconnection: record.interconnection, ...ownAddresses(record) });
}

function setPeer(rendezvous: Rendezvous, node: NodeRecord): void {
  if (node.reserved) return;
  const { id: nodeId, network, wgPublicKey, bindIp, bindIp6 } = node;
  rendezvous.setPeer({ nodeId, network, wgPublicKey, bindIp, bindIp6 });
}
