import { DomainError } from '../../domain/errors.js';
import type { Clock } from '../../platform/clock.js';
import { SigningKey } from '../../platform/dns/dnssec/signing-key.js';
import { ifThere } from '../../platform/if-there.js';
import { createFileAtomic, readPrivateFile, writeFileAtomic } from '../../platform/pem-files.js';
import type { SigningKeysPem } from './dns-service.js';

/** A key that signs the zones. During a change of keys there are two, and both sign. */
export interface RingKey {
  /** The one that stays, or the one that will be taken away. */
  readonly state: 'active' | 'retiring';
  /** 0 for a key from before states were written down. */
  readonly sinceMs: number;
  readonly key: SigningKey;
  readonly pem: string;
}

/**
 * How long both keys sign before the older one may go: caches may hold a set with its signature alone, or the older
 * DNSKEY set, or the older DS of the parent, for as long as their TTLs say. A day is the longest that is usual.
 */
const BOTH_SIGN_MS = 86_400_000;

const KEY = /(?:^(active|retiring) since (\S+)\n)?(-----BEGIN PRIVATE KEY-----\n[A-Za-z0-9+/=\n]+-----END PRIVATE KEY-----\n?)/gm;

/**
 * The keys that sign the zones, in one file that is replaced as a whole.
 *
 * A change of keys is a double signature: the new key signs beside the old one, the DS at the parent is changed, the old
 * key goes. Every set carries both signatures meanwhile, so it validates with either DNSKEY set and either DS.
 *
 * @see RFC 6781 §4.1.3
 */
export class SigningKeyRing {
  readonly #path: string;
  readonly #clock: Clock;
  #keys: readonly RingKey[];

  private constructor(path: string, clock: Clock, keys: readonly RingKey[]) {
    this.#path = path;
    this.#clock = clock;
    this.#keys = keys;
  }

  /**
   * Reads the keys, or makes the first one.
   *
   * @throws DomainError `key_file_unsafe` when others may read the file; `state_invalid` when it holds no such key.
   */
  static async open(path: string, clock: Clock): Promise<SigningKeyRing> {
    const text = await ifThere(readPrivateFile(path));
    if (text !== undefined) return new SigningKeyRing(path, clock, keysIn(text, path));
    const made = textOf([{ state: 'active', sinceMs: clock.now(), pem: SigningKey.generate() }]);
    await createFileAtomic(path, made);
    return new SigningKeyRing(path, clock, keysIn(made, path));
  }

  /** The active key first. */
  get keys(): readonly RingKey[] {
    return this.#keys;
  }

  /** As the name server takes them. */
  get pems(): SigningKeysPem {
    return this.#keys.map(({ pem }) => pem);
  }

  /** The earliest time at which {@link retire} takes the older key away; 0 when there is none. */
  get retireAfterMs(): number {
    return this.#keys.length < 2 ? 0 : this.#keys[0]!.sinceMs + BOTH_SIGN_MS;
  }

  /** Makes a new key, which signs from now on beside the present one. @throws DomainError `dns_key_not_ready` in the middle of a change. */
  async roll(): Promise<void> {
    if (this.#keys.length > 1) throw notReady('want the older key retired before another one is made; run "ncadm dns key retire"');
    const sinceMs = this.#clock.now();
    const [old] = this.#keys;
    await this.#write([{ state: 'active', sinceMs, pem: SigningKey.generate() }, { state: 'retiring', sinceMs, pem: old!.pem }]);
  }

  /**
   * Takes the older key away.
   *
   * @param compromised Does not wait for caches: answers they hold fail to validate until they run out.
   * @throws DomainError `dns_key_not_ready` without an older key, or too early.
   */
  async retire(compromised: boolean): Promise<void> {
    const [active, ...older] = this.#keys;
    if (older.length === 0) throw notReady('want an older key to retire, and there is one key only; begin with "ncadm dns key roll"');
    if (!compromised && this.#clock.now() < this.retireAfterMs) {
      throw notReady(`want to wait until ${new Date(this.retireAfterMs).toISOString()}, when no cache needs the older key any more`);
    }
    await this.#write([active!]);
  }

  async #write(keys: readonly Omit<RingKey, 'key'>[]): Promise<void> {
    const text = textOf(keys);
    await writeFileAtomic(this.#path, text);
    this.#keys = keysIn(text, this.#path);
  }
}

function textOf(keys: readonly Omit<RingKey, 'key'>[]): string {
  return keys.map(({ state, sinceMs, pem }) => `${state} since ${new Date(sinceMs).toISOString()}\n${pem}`).join('');
}

function keysIn(text: string, path: string): RingKey[] {
  const keys = [...text.matchAll(KEY)].map(([, state = 'active', since, pem]): RingKey => {
    return { state: state as RingKey['state'], sinceMs: since === undefined ? 0 : Date.parse(since), key: SigningKey.fromPem(pem!), pem: pem! };
  });
  if (keys[0]?.state !== 'active' || keys.slice(1).some(({ state }) => state === 'active')) {
    throw new DomainError('state_invalid', `${path}: want one active DNSSEC key, EC on P-256 in PEM, and after it at most those that are retiring`);
  }
  return keys;
}

function notReady(message: string): DomainError {
  return new DomainError('dns_key_not_ready', `DNSSEC key: ${message}`);
}
