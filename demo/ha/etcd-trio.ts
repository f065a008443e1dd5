import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LabProcess } from '../../test/support/lab-process.js';
import type { Lab } from '../../test/support/lab.js';
import { testCa, testLeaf } from '../../test/support/test-ca.js';
import { until } from '../../test/support/until.js';

/** Where one member of etcd runs. */
export interface EtcdPlace {
  readonly machine: string;
  readonly address: string;
}

/** What curl(1) gets of `Maintenance.Status`. @see https://etcd.io/docs/v3.5/dev-guide/api_grpc_gateway/ */
interface Status {
  readonly header: { readonly member_id: string };
  readonly leader?: string;
}

const CLIENT_PORT = 2379;
const PEER_PORT = 2380;
const START_MS = 120_000;

/** Three members of etcd, each on a machine of its own, over mutual TLS. */
export class EtcdTrio {
  readonly #lab: Lab;
  readonly #folder: string;
  readonly #places: readonly EtcdPlace[];
  readonly #members: (LabProcess | undefined)[] = [];

  constructor(lab: Lab, folder: string, places: readonly EtcdPlace[]) {
    this.#lab = lab;
    this.#folder = folder;
    this.#places = places;
    const ca = testCa('etcd-demo-ca');
    const leaf = testLeaf(ca, { commonName: 'etcd', names: { ips: places.map(({ address }) => address) } });
    for (const [name, text] of Object.entries({ ca: ca.pem, cert: leaf.pem, key: leaf.keyPem })) writeFileSync(this.#pem(name), text, { mode: 0o600 });
  }

  /** The group `store` of server.yml for a controller beside member `nearest`. */
  settings(nearest: number): Readonly<Record<string, unknown>> {
    const endpoints = this.#places.map((place) => `https://${place.address}:${CLIENT_PORT}`);
    const ordered = [...endpoints.slice(nearest), ...endpoints.slice(0, nearest)];
    return { engine: 'etcd', endpoints: ordered, ca: this.#pem('ca'), cert: this.#pem('cert'), key: this.#pem('key'), allowOldVersion: true };
  }

  /** Starts member `i`, again on what it had. */
  start(i: number): void {
    const { machine, address } = this.#places[i] as EtcdPlace;
    const peer = (each: EtcdPlace): string => `https://${each.address}:${PEER_PORT}`;
    const flags = {
      name: machine,
      'data-dir': join(this.#folder, `etcd-${machine}`),
      'listen-client-urls': `https://${address}:${CLIENT_PORT}`,
      'advertise-client-urls': `https://${address}:${CLIENT_PORT}`,
      'listen-peer-urls': `https://${address}:${PEER_PORT}`,
      'initial-advertise-peer-urls': `https://${address}:${PEER_PORT}`,
      'initial-cluster': this.#places.map((place) => `${place.machine}=${peer(place)}`).join(','),
      'trusted-ca-file': this.#pem('ca'), 'cert-file': this.#pem('cert'), 'key-file': this.#pem('key'), 'client-cert-auth': 'true',
      'peer-trusted-ca-file': this.#pem('ca'), 'peer-cert-file': this.#pem('cert'), 'peer-key-file': this.#pem('key'), 'peer-client-cert-auth': 'true',
      'pre-vote': 'true',
      logger: 'zap',
    };
    this.#members[i] = this.#lab.spawn(machine, ['etcd', ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)], { name: `etcd on ${machine}` });
  }

  /** Ends member `i` as a power cut would. */
  async kill(i: number): Promise<void> {
    await this.#members[i]?.stop('SIGKILL');
  }

  /** Waits until all that run agree on who leads. @returns Its number. */
  async leader(): Promise<number> {
    return (await until(async () => {
      const answers = await Promise.all(this.#places.map((place, i) => (this.#members[i]?.isRunning === true ? this.#status(place) : Promise.resolve(undefined))));
      const running = answers.filter((_, i) => this.#members[i]?.isRunning);
      const leading = answers.findIndex((answer) => answer !== undefined && answer.leader === answer.header.member_id);
      const agreed = leading >= 0 && running.every((answer) => answer?.leader === answers[leading]?.leader);
      return agreed && { leading };
    }, 'etcd to have a leader', START_MS)).leading;
  }

  async #status({ machine, address }: EtcdPlace): Promise<Status | undefined> {
    const tls = ['--cacert', this.#pem('ca'), '--cert', this.#pem('cert'), '--key', this.#pem('key')];
    const url = `https://${address}:${CLIENT_PORT}/v3/maintenance/status`;
    try {
      return JSON.parse((await this.#lab.exec(machine, ['curl', '-sS', '--noproxy', '*', '--max-time', '3', ...tls, '-d', '{}', url])).stdout) as Status;
    } catch {
      return undefined;
    }
  }

  #pem(name: string): string {
    return join(this.#folder, `etcd-${name}.pem`);
  }
}
