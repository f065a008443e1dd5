import { AwsClient } from 'aws4fetch';
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { DomainError } from '../../domain/errors.js';
import type { SnapshotTarget } from './target.js';

/** Where a bucket is and who may use it. */
export interface S3Settings {
  readonly bucket: string;
  /** What all names begin with, without slashes at its ends; empty for the whole bucket. */
  readonly prefix: string;
  /** `https://host:port`. */
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** What is longer goes up in parts of this size, each of which is in memory once. S3 takes ten thousand of them. */
const PART_BYTES = 64 * 1024 * 1024;
const RETRIES = 3;

/**
 * Snapshots in a bucket of S3, or of whatever speaks like it.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
 */
export class S3Target implements SnapshotTarget {
  readonly place: string;
  readonly #client: AwsClient;
  readonly #bucketUrl: string;
  readonly #prefix: string;
  readonly #partBytes: number;

  constructor({ bucket, prefix, endpoint, region, credentials }: S3Settings, partBytes = PART_BYTES) {
    this.#prefix = prefix === '' ? '' : `${prefix}/`;
    this.place = `s3://${bucket}/${this.#prefix} at ${endpoint}`;
    this.#client = new AwsClient({ ...credentials, region, service: 's3', retries: RETRIES });
    this.#bucketUrl = `${endpoint.replace(/\/$/, '')}/${encodeURIComponent(bucket)}`;
    this.#partBytes = partBytes;
  }

  async put(name: string, path: string): Promise<void> {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const part = async (at: number): Promise<Buffer> => {
        const bytes = Buffer.alloc(Math.min(this.#partBytes, size - at));
        await file.read(bytes, 0, bytes.length, at);
        return bytes;
      };
      if (size <= this.#partBytes) await this.#ask('PUT', this.#url(name), await part(0));
      else await this.#putParts(name, size, part);
    } finally {
      await file.close();
    }
  }

  async get(name: string): Promise<AsyncIterable<Uint8Array> | undefined> {
    const { body } = await this.#ask('GET', this.#url(name));
    return body === null ? undefined : Readable.fromWeb(body as ReadableStream<Uint8Array>);
  }

  async names(): Promise<readonly string[]> {
    const names: string[] = [];
    let more = '';
    do {
      const query = new URLSearchParams({ 'list-type': '2', prefix: this.#prefix, ...(more && { 'continuation-token': more }) });
      const listed = await (await this.#ask('GET', `${this.#bucketUrl}?${query}`)).text();
      names.push(...elements(listed, 'Key').map((key) => key.slice(this.#prefix.length)));
      more = elements(listed, 'NextContinuationToken')[0] ?? '';
    } while (more !== '');
    return names.filter((name) => !name.includes('/')).sort();
  }

  async remove(name: string): Promise<void> {
    await this.#ask('DELETE', this.#url(name));
  }

  async #putParts(name: string, size: number, part: (at: number) => Promise<Buffer>): Promise<void> {
    const begun = await (await this.#ask('POST', `${this.#url(name)}?uploads=`)).text();
    const upload = encodeURIComponent(elements(begun, 'UploadId')[0] ?? '');
    try {
      const etags: string[] = [];
      for (let at = 0; at < size; at += this.#partBytes) {
        const { headers } = await this.#ask('PUT', `${this.#url(name)}?partNumber=${etags.length + 1}&uploadId=${upload}`, await part(at));
        etags.push(headers.get('etag') ?? '');
      }
      const parts = etags.map((etag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${etag}</ETag></Part>`).join('');
      const done = await this.#ask('POST', `${this.#url(name)}?uploadId=${upload}`, Buffer.from(`<CompleteMultipartUpload>${parts}</CompleteMultipartUpload>`));
      // It answers 200 before it knows, and may still fail.
      const [code] = elements(await done.text(), 'Code');
      if (code !== undefined) throw this.#failed(`upload of ${name}: ${code}`);
    } catch (error) {
      await this.#ask('DELETE', `${this.#url(name)}?uploadId=${upload}`).catch(() => {});
      throw error;
    }
  }

  #url(name: string): string {
    return `${this.#bucketUrl}/${(this.#prefix + name).split('/').map(encodeURIComponent).join('/')}`;
  }

  /** Asks once more where that may help. The body is null for what is not there. */
  async #ask(method: 'GET' | 'PUT' | 'POST' | 'DELETE', url: string, body?: Buffer): Promise<Response> {
    const hash = createHash('sha256').update(body ?? '').digest('hex');
    let response: Response;
    try {
      response = await this.#client.fetch(url, { method, headers: { 'x-amz-content-sha256': hash }, ...(body && { body: new Uint8Array(body) }) });
    } catch (cause) {
      const reason = (cause as { cause?: Error }).cause ?? (cause as Error);
      throw this.#failed(reason.message, cause);
    }
    if (response.ok) return response;
    const said = await response.text();
    const code = elements(said, 'Code')[0] ?? '';
    if (response.status === 404 && code !== 'NoSuchBucket') return new Response(null);
    throw this.#failed(`${method} answered ${response.status} ${code}`.trim());
  }

  #failed(why: string, cause?: unknown): DomainError {
    return new DomainError('snapshot_failed', `snapshots in ${this.place}: ${why}`, { cause });
  }
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** The texts of all elements of this name; S3's answers hold none within another of its name. */
function elements(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map(([, text = '']) => text.replace(/&(\w+);/g, (whole, entity: string) => ENTITIES[entity] ?? whole));
}
