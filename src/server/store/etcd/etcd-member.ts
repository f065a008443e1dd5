import { Channel, credentials, type ChannelCredentials, type ChannelOptions } from '@grpc/grpc-js';
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { KVClient, LeaseClient, MaintenanceClient, WatchClient } from '../../../gen/etcd/etcd.js';

/** PEM files of the connection to etcd: who may serve us, and who we are. */
export interface EtcdTls {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** etcd closes connections that are pinged more often, or while nothing is asked on them. */
const KEEPALIVE_MS = 10_000;
const KEEPALIVE_TIMEOUT_MS = 5_000;

/** A revision may hold many records, and a page does. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

const OPTIONS: ChannelOptions = {
  // Otherwise watches would share the connection of the calls, and wait behind them.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.keepalive_time_ms': KEEPALIVE_MS,
  'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
  'grpc.keepalive_permit_without_calls': 0,
  'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
  // Whoever asks decides what may be asked again.
  'grpc.enable_retries': 0,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
};

/** TLS knows no server names that are addresses; the certificate is then checked for the address itself. @see RFC 6066 §3 */
const NO_NAME = 'etcd.invalid';

/** One member of the etcd cluster: a connection for calls, and another one for watches. Both are made when first used. */
export class EtcdMember {
  readonly endpoint: string;
  readonly kv: KVClient;
  readonly lease: LeaseClient;
  readonly maintenance: MaintenanceClient;
  readonly watch: WatchClient;
  readonly #calls: Channel;

  /** @param endpoint `https://host:port`, or `http://host:port` without TLS. */
  constructor(endpoint: string, tls: EtcdTls | undefined) {
    this.endpoint = endpoint;
    const { host, hostname, protocol } = new URL(endpoint);
    const address = hostname.replace(/^\[|\]$/g, '');
    const options = isIP(address) === 0 ? OPTIONS : { ...OPTIONS, 'grpc.ssl_target_name_override': NO_NAME };
    const secrets = (): ChannelCredentials => (protocol === 'https:' ? secure(address, tls) : credentials.createInsecure());
    const calls = (this.#calls = new Channel(host, secrets(), options));
    const shared = { channelOverride: calls };
    const unused = credentials.createInsecure();
    this.kv = new KVClient(host, unused, shared);
    this.lease = new LeaseClient(host, unused, shared);
    this.maintenance = new MaintenanceClient(host, unused, shared);
    this.watch = new WatchClient(host, secrets(), options);
  }

  close(): void {
    this.#calls.close();
    this.watch.close();
  }
}

function secure(address: string, tls: EtcdTls | undefined): ChannelCredentials {
  const verify = isIP(address) === 0 ? {} : { checkServerIdentity: (_: string, { raw }: { raw: Buffer }) => checkAddress(address, raw) };
  return credentials.createSsl(tls?.ca, tls?.key, tls?.cert, verify);
}

function checkAddress(address: string, raw: Buffer): Error | undefined {
  if (new X509Certificate(raw).checkIP(address) !== undefined) return undefined;
  return new Error(`want a certificate of ${address}, got one that does not name this address`);
}
