import { createHash } from 'node:crypto';
import { DomainError } from '../../domain/errors.js';
import type { NodeName } from '../../domain/names.js';
import { AddressRecord, ExchangeRecord, NodeRecord, OwnerRecord, type TokenRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { Clock } from '../../platform/clock.js';
import { requireUsable, verifyBootstrapToken } from '../auth/bootstrap-token.js';
import type { Caller } from '../auth/caller.js';
import { keys } from '../store/keys.js';
import type { Decision, LocalView, Repository, Versioned } from '../store/local-view.js';
import type { Operation } from '../store/store.js';
import { addressKey } from './address-pools.js';
import type { AddressTaking } from './address-taking.js';
import { auditOperation } from './audit.js';
import { certificateRow, type NodeCertificateIssuer } from './certificate-rows.js';
import { NodeIds } from './node-ids.js';
import { NodeNames } from './node-names.js';
import { newNodeToken } from './node-tokens.js';
import { SetAside } from './set-aside.js';
import type { TokenUses } from './token-uses.js';
import { tokenState } from './tokens.js';

/** A registration whose proofs have been checked: the three keys are the caller's own. */
export interface RegistrationRequest {
  /** "<id>.<secret>" */
  readonly bootstrapToken: string;
  /** The name wanted, or '' to be given a variant of `hostname`. */
  readonly nodeName: string;
  readonly hostname: string;
  /** SubjectPublicKeyInfo, DER. */
  readonly grpcSpki: Uint8Array;
  readonly networkSpki: Uint8Array;
  /** X25519, 32 bytes. */
  readonly wgPublicKey: Uint8Array;
}

/** What the node is given. */
export interface Registration {
  readonly node: NodeRecord;
  readonly nodeToken: string;
  /** DER. */
  readonly grpcCertificate: Uint8Array;
  readonly networkCertificate: Uint8Array;
}

interface Draft extends Registration {
  readonly aside: SetAside;
}

/**
 * Exchanges a bootstrap token for a node: spends a use, takes an address, binds the name and the keys and issues both
 * certificates, in one transaction. The same token with the same keys gives the same node again, so that a lost
 * reply costs nothing.
 */
export class Registrations {
  readonly #repository: Repository;
  readonly #addresses: AddressTaking;
  readonly #uses: TokenUses;
  readonly #issuer: NodeCertificateIssuer;
  readonly #clock: Clock;
  readonly #ids = new NodeIds();
  readonly #names = new NodeNames();

  constructor(deps: { repository: Repository; addresses: AddressTaking; uses: TokenUses; issuer: NodeCertificateIssuer; clock: Clock }) {
    this.#repository = deps.repository;
    this.#addresses = deps.addresses;
    this.#uses = deps.uses;
    this.#issuer = deps.issuer;
    this.#clock = deps.clock;
  }

  /** Requires a token's secret, whatever the token is worth. @throws DomainError `token_invalid`. */
  requireToken(bootstrapToken: string): void {
    verifyBootstrapToken(this.#repository.view, bootstrapToken, this.#clock.now());
  }

  /**
   * @throws DomainError `token_invalid`, `token_expired`, `token_spent`, `token_revoked`, `permission_denied`,
   *   `name_taken`, `address_taken`, `wireguard_key_taken`, `pool_exhausted`, `invalid_argument`, `node_revoked`.
   */
  async register(request: RegistrationRequest, caller: Caller): Promise<Registration> {
    const tokenId = verifyBootstrapToken(this.#repository.view, request.bootstrapToken, this.#clock.now()).value.id;
    const release = (draft: Draft): void => draft.aside.release();
    const { result } = await this.#repository.update((view) => this.#decide(view, tokenId, request, caller), release);
    release(result);
    return result;
  }

  /** Decides on the view as it is; whatever it sets aside on the way is given back when it refuses. */
  #decide(view: LocalView, tokenId: string, request: RegistrationRequest, caller: Caller): Decision<Draft> {
    const aside = new SetAside();
    try {
      const token = view.token(tokenId);
      if (token === undefined) throw new DomainError('token_expired', 'bootstrap_token: expired and swept; ask an admin for a new join string');
      const keysHash = hashOfKeys(request);
      const earlier = view.exchange(tokenId, keysHash.toString('hex'));
      return earlier === undefined
        ? this.#first(view, { token, request, keysHash, caller, aside })
        : this.#again(view, { token, request, keysHash, caller, aside }, earlier.value);
    } catch (error) {
      aside.release();
      throw error;
    }
  }

  /** A registration that has not happened before. */
  #first(view: LocalView, facts: Facts): Decision<Draft> {
    const { token, request, aside, caller } = facts;
    const now = this.#clock.now();
    const use = this.#use(view, token.value, caller.address, aside);
    const wireguardKey = keys.wireguardKey(Buffer.from(request.wgPublicKey).toString('hex'));
    requireFreeKey(view, request.wgPublicKey);
    const name = this.#names.choose(view, token.value, request, aside);
    const address = this.#addresses.take(view, token.value, aside, now);
    const nodeId = this.#ids.next(now);
    const { network } = token.value;
    const certified = this.#certify(newNode(facts, { nodeId, name, now, ...address.claim }), request, now);
    const owner = OwnerRecord.encode({ nodeId, network }).finish();
    const exchangeKey = keys.exchange(token.value.id, facts.keysHash.toString('hex'));
    const made: Operation[] = [
      { put: keys.node(network, nodeId), value: NodeRecord.encode(certified.node).finish() },
      { put: keys.name(network, name), value: owner },
      { put: wireguardKey, value: owner },
      { put: exchangeKey, value: ExchangeRecord.encode({ nodeId, network, atMs: now }).finish() },
      ...(use === undefined ? [] : [{ put: use, value: owner }]),
    ];
    return {
      if: [{ key: token.key, modRev: token.modRev }, ...made.map((op) => ({ key: 'put' in op ? op.put : op.del, absent: true }) as const), ...address.if],
      then: [
        ...address.then,
        ...made,
        { put: addressKey(address.claim), value: AddressRecord.encode(AddressRecord.fromPartial({ nodeId })).finish() },
        ...certified.rows,
        auditOperation(caller, { object: `node/${nodeId}`, method: 'Register', network, reason: `token ${token.value.id}` }, now),
      ],
      result: { ...certified, aside },
    };
  }

  /** The same keys came again: the node exists; its token and certificates are made anew. */
  #again(view: LocalView, facts: Facts, earlier: ExchangeRecord): Decision<Draft> {
    const now = this.#clock.now();
    // Spent is no obstacle: it was this very node that spent it.
    requireUsable(facts.token.value, tokenState(facts.token.value, 0, now), facts.caller.address);
    const node = view.nodeById(earlier.nodeId);
    if (node === undefined) {
      throw new DomainError('node_revoked', 'this registration was ended since: unregistered, or its address reclaimed; join with a new join string and new keys');
    }
    const certified = this.#certify(node.value, facts.request, now);
    return {
      if: [{ key: node.key, modRev: node.modRev }],
      then: [{ put: node.key, value: NodeRecord.encode(certified.node).finish() }, ...certified.rows],
      result: { ...certified, aside: facts.aside },
    };
  }

  /** Gives `node` a node token and both certificates. */
  #certify(node: NodeRecord, request: RegistrationRequest, now: number): Registration & { readonly rows: readonly Operation[] } {
    const token = newNodeToken(node.id);
    const addresses = [node.bindIp, node.bindIp6].filter((address) => address !== '');
    const issued = this.#issuer.issueNodeCertificates({ ...request, nodeId: node.id, network: node.network, addresses, routes: node.routes, nowMs: now });
    return {
      node: {
        ...node,
        tokenHash: token.hash,
        grpcSpki: Buffer.from(request.grpcSpki),
        networkCertificate: Buffer.from(issued.network.der),
        grpcSerial: issued.grpc.serial,
        networkSerial: issued.network.serial,
        certificateExpiresAtMs: issued.grpc.notAfterMs,
      },
      nodeToken: token.text,
      grpcCertificate: issued.grpc.der,
      networkCertificate: issued.network.der,
      rows: [certificateRow(node, 'grpc', issued.grpc), certificateRow(node, 'network', issued.network)],
    };
  }

  /** Requires the token to be good. @returns the key of the use that this registration spends, or undefined for a token without bound. */
  #use(view: LocalView, token: TokenRecord, address: string, aside: SetAside): string | undefined {
    const n = token.maxUses === 0 ? undefined : this.#uses.claim(view, token, aside);
    // Counting all of its uses takes the longer the more there are; that none is left says enough.
    const used = n === undefined ? token.maxUses : 0;
    requireUsable(token, tokenState(token, used, this.#clock.now()), address);
    return n === undefined ? undefined : keys.use(token.id, n);
  }
}

/** What a decision goes by. */
interface Facts {
  readonly token: Versioned<TokenRecord>;
  readonly request: RegistrationRequest;
  readonly keysHash: Buffer;
  readonly caller: Caller;
  readonly aside: SetAside;
}

function newNode(facts: Facts, given: { nodeId: string; name: NodeName; now: number; bindIp: string; bindIp6: string }): NodeRecord {
  const token = facts.token.value;
  return NodeRecord.fromPartial({
    id: given.nodeId,
    network: token.network,
    name: given.name,
    bindIp: given.bindIp,
    bindIp6: given.bindIp6,
    wgPublicKey: Buffer.from(facts.request.wgPublicKey),
    tokenId: token.id,
    keysHash: facts.keysHash,
    createdAtMs: given.now,
    labels: token.labels,
    staticAddress: token.bindIp !== '',
    ephemeral: token.ephemeral,
  });
}

function requireFreeKey(view: LocalView, wgPublicKey: Uint8Array): void {
  const owner = view.wireguardKeyOwner(Buffer.from(wgPublicKey).toString('hex'));
  if (owner === undefined) return;
  if (view.nodeById(owner.value.nodeId) === undefined) {
    throw new DomainError('node_revoked', 'wg_public_key: was revoked together with its node; remove the state folder and join with new keys');
  }
  throw new DomainError('wireguard_key_taken', 'wg_public_key: belongs to another node; two machines must not share a state folder, so remove this one’s and join anew');
}

function hashOfKeys(request: RegistrationRequest): Buffer {
  return createHash('sha256').update(request.grpcSpki).update(request.networkSpki).update(request.wgPublicKey).digest();
}
