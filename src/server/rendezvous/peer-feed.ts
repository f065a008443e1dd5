import type { NetworkRecord, NodeRecord } from '../../gen/networkcontroller/store/v1/records.js';
import { kindOf } from '../store/keys.js';
import type { AppliedRevision, LocalView, Repository } from '../store/local-view.js';
import type { FindPeer, Rendezvous, RendezvousPeer } from './rendezvous.js';

/** The controller's own addresses in a network. */
type OwnAddresses = (record: NetworkRecord) => { readonly bindIp: string; readonly bindIp6: string };

/**
 * Keeps the rendezvous in step with the store: the nodes and networks that it knows are as the revision applied last has them. A node
 * becomes known when it comes ({@link peerFinder}), so that a million that are away cost nothing.
 *
 * @returns Ends the following.
 */
export function followPeers(rendezvous: Rendezvous, repository: Repository, ownAddresses: OwnAddresses): () => void {
  const { view } = repository;
  for (const network of view.networks()) setNetwork(rendezvous, network.value, ownAddresses);
  return repository.onApplied((revision) => apply(rendezvous, view, revision, ownAddresses));
}

/** Finds nodes by their keys as the store has them. */
export function peerFinder(view: LocalView): FindPeer {
  return (wgPublicKey) => {
    const owner = view.wireguardKeyOwner(wgPublicKey.toString('hex'))?.value;
    const node = owner && view.nodeById(owner.nodeId)?.value;
    // A key stays its owner's for good, though the owner may have another or be gone.
    return node === undefined || node.reserved || !wgPublicKey.equals(node.wgPublicKey) ? undefined : peerOf(node);
  };
}

function apply(rendezvous: Rendezvous, view: LocalView, revision: AppliedRevision, ownAddresses: OwnAddresses): void {
  for (const event of revision.events) {
    const last = event.key.slice(event.key.lastIndexOf('/') + 1);
    const kind = kindOf(event.key);
    if (kind === 'network' && event.type === 'put') {
      const network = view.network(last);
      if (network !== undefined) setNetwork(rendezvous, network.value, ownAddresses);
    } else if (kind === 'node' && event.type === 'delete') rendezvous.removePeer(last);
    else if (kind === 'node' && rendezvous.knows(last)) {
      const node = view.nodeById(last);
      if (node !== undefined) rendezvous.setPeer(peerOf(node.value));
    }
  }
}

function setNetwork(rendezvous: Rendezvous, record: NetworkRecord, ownAddresses: OwnAddresses): void {
  rendezvous.setNetwork({ name: record.name, interconnection: record.interconnection, ...ownAddresses(record) });
}

function peerOf({ id: nodeId, network, wgPublicKey, bindIp, bindIp6 }: NodeRecord): RendezvousPeer {
  return { nodeId, network, wgPublicKey, bindIp, bindIp6 };
}
