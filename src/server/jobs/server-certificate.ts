import { renewAtMs } from '../../domain/certificate.js';
import type { Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import type { CaPurpose } from '../pki/ca.js';
import type { Pki, ServerCertificate } from '../pki/pki.js';
import { ServerTls, type TlsMaterial } from '../transport/server-tls.js';

const CHECK_MS = 60_000;

/**
 * The server's own certificate: made at the start, made anew before it runs out, shown by the TLS listeners without a
 * restart. Its key lives in memory only.
 */
export class ServerIdentity {
  /** For the listener that a machine without a certificate may talk to. */
  readonly bootstrap: ServerTls;
  /** For the listener that asks for a client certificate. */
  readonly control: ServerTls;
  /** For the listener that asks for a client certificate and also serves those who have none. */
  readonly https: ServerTls;
  readonly #pki: Pki;
  readonly #hosts: readonly string[];
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #cancel: () => void;
  #current: ServerCertificate;

  /** @param deps `hosts` are the names and addresses under which the server is reached. */
  constructor(deps: { pki: Pki; hosts: readonly string[]; clock: Clock; log: Log; checkEveryMs?: number }) {
    this.#pki = deps.pki;
    this.#hosts = deps.hosts;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#current = this.#issue();
    this.bootstrap = new ServerTls(this.#material([]));
    this.control = new ServerTls(this.#material(['grpc']));
    this.https = new ServerTls(this.#material(['grpc', 'network']), { protocols: ['h2', 'http/1.1'], clientsOptional: true });
    this.#cancel = deps.clock.every(deps.checkEveryMs ?? CHECK_MS, () => this.#renewIfDue());
  }

  /** Shows a new certificate, and believes the CAs as they are now, from the next connection on. */
  renew(): void {
    this.#current = this.#issue();
    this.bootstrap.rotate(this.#material([]));
    this.control.rotate(this.#material(['grpc']));
    this.https.rotate(this.#material(['grpc', 'network']));
    this.#log.info('server certificate renewed', { serial: this.#current.serial });
  }

  stop(): void {
    this.#cancel();
  }

  #renewIfDue(): void {
    if (this.#clock.now() >= renewAtMs(this.#current.notBeforeMs, this.#current.notAfterMs, 0)) this.renew();
  }

  #issue(): ServerCertificate {
    return this.#pki.issueServerCertificate({ hosts: this.#hosts, nowMs: this.#clock.now() });
  }

  /** @param purposes The CAs whose certificates clients may show; empty: they are not asked. */
  #material(purposes: readonly CaPurpose[]): TlsMaterial {
    const { chainPem, privateKeyPem } = this.#current;
    return { chainPem, privateKeyPem, ...(purposes.length > 0 && { clientCaPem: purposes.map((purpose) => this.#pki.caPem(purpose)).join('') }) };
  }
}
