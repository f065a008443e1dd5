declare module 's3rver' {
  import type { AddressInfo } from 'node:net';

  /** The part of an S3 server for tests that we use. */
  export default class S3rver {
    constructor(options: { address: string; port: number; silent: boolean; directory: string; configureBuckets: readonly { name: string }[] });
    run(): Promise<AddressInfo>;
    close(): Promise<void>;
  }
}
