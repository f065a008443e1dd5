import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { DomainError } from '../../domain/errors.js';
import { CertificateRecord_State, type CertificateRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { Clock } from '../../platform/clock.js';
import type { ShownCertificate } from '../http/peer.js';
import type { Upgrade } from '../http/upgrades.js';
import { kindOf } from '../store/keys.js';
import type { LocalView, Repository } from '../store/local-view.js';
import type { Rendezvous } from './rendezvous.js';

/** What the door works with. `clock` is the wall clock, by which certificates are dated. */
export interface RelayDoorDeps {
  readonly repository: Repository;
  readonly rendezvous: Rendezvous;
  readonly clock: Clock;
}

/**
 * Lets nodes in whose packets come over TCP. The certificate that counts is the network certificate, which a node shows to its
 * peers too; it is worth something as long as its row in the store says so, and the connection lives no longer than that.
 */
export class RelayDoor {
  readonly #deps: RelayDoorDeps;
  /** The open connections, and the serials that opened them. */
  readonly #open = new Map<Duplex, string>();
  readonly #unfollow: () => void;

  constructor(deps: RelayDoorDeps) {
    this.#deps = deps;
    this.#unfollow = deps.repository.onApplied(({ events }) => {
      if (events.some(({ key }) => kindOf(key) === 'certificate')) this.#endRevoked();
    });
  }

  /** @throws DomainError `unauthenticated`, `certificate_invalid`, `node_revoked`, `node_unknown`; nothing was accepted then. */
  take({ peerCertificate, address, accept }: Upgrade): void {
    const { repository, rendezvous, clock } = this.#deps;
    const row = listedRow(repository.view, peerCertificate, clock.now());
    const stream = accept();
    const cancel = clock.after(row.notAfterMs - clock.now(), () => stream.destroy());
    this.#open.set(stream, row.serial);
    stream.once('close', () => {
      cancel();
      this.#open.delete(stream);
    });
    rendezvous.carry({ nodeId: row.subjectId, address, port: (stream as TLSSocket).remotePort ?? 0, stream });
  }

  stop(): void {
    this.#unfollow();
  }

  #endRevoked(): void {
    for (const [stream, serial] of this.#open) {
      const state = this.#deps.repository.view.certificate(serial)?.value.state;
      if (state === undefined || state === CertificateRecord_State.STATE_REVOKED) stream.destroy();
    }
  }
}

function listedRow(view: LocalView, shown: ShownCertificate | undefined, nowMs: number): CertificateRecord {
  if (shown === undefined) throw new DomainError('unauthenticated', 'want a network certificate, got none');
  const row = view.certificate(shown.certificate.serialNumber)?.value;
  if (shown.ca !== 'network' || row === undefined || row.purpose !== 'network' || row.subjectKind !== 'node') throw invalid("want a node's network certificate that this cluster has listed");
  if (row.state === CertificateRecord_State.STATE_REVOKED) throw new DomainError('node_revoked', `certificate: it was revoked, and so was node ${row.subjectId}`);
  if (nowMs >= row.notAfterMs) throw invalid(`it expired at ${new Date(row.notAfterMs).toISOString()}`);
  const node = view.nodeById(row.subjectId)?.value;
  if (node === undefined) throw new DomainError('node_unknown', `node ${row.subjectId} is not registered, or no longer`);
  return row;
}

function invalid(what: string): DomainError {
  return new DomainError('certificate_invalid', `certificate: ${what}`);
}
