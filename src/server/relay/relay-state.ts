import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { DomainError } from '../../domain/errors.js';
import { RelayServiceWatchResponse } from '../../gen/networkcontroller/v1/relay.js';
import { TrustBundle } from '../../gen/networkcontroller/v1/types.js';
import { ifThere } from '../../platform/if-there.js';
import { makeMemberKeys, type MemberKeys } from '../../platform/member-keys.js';
import { makePrivateDir, readPrivateFile, writeFileAtomic } from '../../platform/pem-files.js';

/** What makes this machine a relay. */
export interface RelayMembership {
  readonly name: string;
  readonly clusterId: string;
  /** host:port of the control listeners (6440). */
  readonly controlEndpoints: readonly string[];
  readonly keys: MemberKeys;
  /** DER. */
  readonly grpcCertificate: Buffer;
  readonly networkCertificate: Buffer;
  readonly bundle: TrustBundle;
}

const KEYS = v.object({ grpc: v.string(), network: v.string(), wireguard: v.string() });
const JOINING = v.object({ tokenId: v.string(), keys: KEYS });
const MEMBERSHIP = v.object({
  name: v.string(),
  clusterId: v.string(),
  controlEndpoints: v.array(v.string()),
  keys: KEYS,
  grpcCertificate: v.string(),
  networkCertificate: v.string(),
  bundle: v.string(),
});

/**
 * The folder of a relay: `relay.json`, its keys and certificates in one file, so that they are never of two generations; `relay-map`,
 * whom it may relay between, so that it starts without the controller. All of it 0600.
 */
export class RelayState {
  readonly #membershipFile: string;
  readonly #joiningFile: string;
  readonly #mapFile: string;

  private constructor(readonly dir: string) {
    this.#membershipFile = join(dir, 'relay.json');
    this.#joiningFile = join(dir, 'relay-joining.json');
    this.#mapFile = join(dir, 'relay-map');
  }

  /** Opens the folder, and makes it. */
  static async open(dir: string): Promise<RelayState> {
    await makePrivateDir(dir);
    return new RelayState(dir);
  }

  /**
   * The keys for a join string: made once, and on disk before they are used, so that an enrolment that was cut off is the same when it is
   * tried again.
   *
   * @throws DomainError `key_file_unsafe`, `state_invalid`.
   */
  async keysFor(tokenId: string): Promise<MemberKeys> {
    const text = await ifThere(readPrivateFile(this.#joiningFile));
    const known = text === undefined ? undefined : parse(JOINING, text, this.#joiningFile);
    if (known?.tokenId === tokenId) return known.keys;
    const keys = makeMemberKeys();
    await writeFileAtomic(this.#joiningFile, JSON.stringify({ tokenId, keys }));
    return keys;
  }

  /** Undefined before the enrolment. @throws DomainError `key_file_unsafe`, `state_invalid`. */
  async membership(): Promise<RelayMembership | undefined> {
    const text = await ifThere(readPrivateFile(this.#membershipFile));
    if (text === undefined) return undefined;
    const kept = parse(MEMBERSHIP, text, this.#membershipFile);
    const [grpcCertificate, networkCertificate] = [Buffer.from(kept.grpcCertificate, 'base64'), Buffer.from(kept.networkCertificate, 'base64')];
    return { ...kept, grpcCertificate, networkCertificate, bundle: TrustBundle.decode(Buffer.from(kept.bundle, 'base64')) };
  }

  /** Keeps the membership; what an enrolment has left goes. */
  async save(membership: RelayMembership): Promise<void> {
    const { grpcCertificate, networkCertificate, bundle, ...rest } = membership;
    const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
    const kept = { ...rest, grpcCertificate: base64(grpcCertificate), networkCertificate: base64(networkCertificate), bundle: base64(TrustBundle.encode(bundle).finish()) };
    await writeFileAtomic(this.#membershipFile, `${JSON.stringify(kept, undefined, 2)}\n`);
    await rm(this.#joiningFile, { force: true });
  }

  /** Whom the relay was last told it may relay between; undefined for nobody yet, or when the file is damaged. */
  async map(): Promise<RelayServiceWatchResponse | undefined> {
    const bytes = await ifThere(readFile(this.#mapFile));
    try {
      return bytes && RelayServiceWatchResponse.decode(bytes);
    } catch {
      return undefined;
    }
  }

  async saveMap(map: RelayServiceWatchResponse): Promise<void> {
    await writeFileAtomic(this.#mapFile, RelayServiceWatchResponse.encode(map).finish());
  }

  /** The controller will not have this relay any more: after a restart it relays for nobody. */
  async forgetMap(): Promise<void> {
    await rm(this.#mapFile, { force: true });
  }
}

function parse<T extends v.GenericSchema>(schema: T, text: string, file: string): v.InferOutput<T> {
  try {
    return v.parse(schema, JSON.parse(text));
  } catch {
    // The cause would quote the file, which holds keys.
    throw new DomainError('state_invalid', `${file}: damaged; revoke this relay, remove the file and enrol again`);
  }
}
