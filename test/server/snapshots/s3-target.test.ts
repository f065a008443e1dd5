import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import S3rver from 's3rver';
import { describe, expect, it, onTestFinished } from 'vitest';
import { S3Target } from '../../../src/server/snapshots/s3-target.js';
import { Snapshots } from '../../../src/server/snapshots/snapshots.js';
import { tmpDir } from '../../support/tmp-dir.js';
import { filledStore, ORIGIN, putName } from './support.js';

/** It knows one access key id and does not check signatures of version 4. */
const SECRET = 'hush-hush';

/** A bucket named `backups` on loopback. */
async function startS3(): Promise<{ endpoint: string; close(): Promise<void> }> {
  const server = new S3rver({ address: '127.0.0.1', port: 0, silent: true, directory: tmpDir(), configureBuckets: [{ name: 'backups' }] });
  const { port } = await server.run();
  let open = true;
  const close = async (): Promise<void> => {
    if (open) await server.close();
    open = false;
  };
  onTestFinished(close);
  return { endpoint: `http://127.0.0.1:${port}`, close };
}

function target(endpoint: string, options: { bucket?: string; prefix?: string; accessKeyId?: string; partBytes?: number } = {}): S3Target {
  const { bucket = 'backups', prefix = 'nc/prod', accessKeyId = 'S3RVER', partBytes } = options;
  return new S3Target({ bucket, prefix, endpoint, region: 'us-east-1', credentials: { accessKeyId, secretAccessKey: SECRET } }, partBytes);
}

function at(where: S3Target): Snapshots {
  return new Snapshots({ target: where, workDir: tmpDir(), key: undefined });
}

async function bytesOf(where: S3Target, name: string): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of (await where.get(name)) ?? []) pieces.push(piece);
  return Buffer.concat(pieces);
}

describe('snapshots in a bucket', () => {
  it('are refused to a stranger, in another bucket, and where nobody answers', async () => {
    const { endpoint, close } = await startS3();
    const { store } = await filledStore(2);
    const refused = { code: 'snapshot_failed', message: expect.stringContaining('s3://') };

    await expect(at(target(endpoint, { accessKeyId: 'STRANGER' })).save(store, ORIGIN)).rejects.toMatchObject(refused);
    await expect(at(target(endpoint, { bucket: 'elsewhere' })).save(store, ORIGIN)).rejects.toMatchObject(refused);
    await expect(at(target(endpoint, { bucket: 'elsewhere' })).list()).rejects.toMatchObject(refused);
    await close();
    await expect(at(target(endpoint)).list()).rejects.toMatchObject(refused);
  });

  it('say nothing of the secret when they are refused', async () => {
    const { endpoint } = await startS3();
    const { store } = await filledStore(1);

    const error: unknown = await at(target(endpoint, { accessKeyId: 'STRANGER' })).save(store, ORIGIN).catch((thrown: unknown) => thrown);

    expect(String(error)).not.toContain(SECRET);
  });

  it('are no snapshots when what comes back is not what was sent', async () => {
    const stored = new Map<string, Buffer>();
    const lossy = createServer((request, response) => {
      const body: Buffer[] = [];
      request.on('data', (piece: Buffer) => body.push(piece)).on('end', () => {
        // The last byte is lost, and nobody is told.
        if (request.method === 'PUT') stored.set(request.url ?? '', Buffer.concat(body).subarray(0, -1));
        response.end(stored.get(request.url ?? ''));
      });
    });
    await new Promise<void>((resolve) => lossy.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void lossy.close());
    const { store } = await filledStore(2);

    await expect(at(target(`http://127.0.0.1:${(lossy.address() as AddressInfo).port}`)).save(store, ORIGIN)).rejects.toMatchObject({ code: 'snapshot_invalid' });

    expect([...stored.keys()]).toEqual([expect.stringMatching(/\.ncsnap$/)]);
  });

  it('are saved, listed, read back and taken away like those in a folder', async () => {
    const { endpoint } = await startS3();
    const { store } = await filledStore(5);
    const snapshots = at(target(endpoint));
    const first = await snapshots.save(store, ORIGIN);
    await putName(store, 'late', 'x');
    const second = await snapshots.save(store, { ...ORIGIN, createdAtMs: ORIGIN.createdAtMs + 1 });

    expect(await snapshots.list()).toEqual([second, first]);
    expect(await snapshots.verify('')).toEqual(second);
    expect(await snapshots.prune(ORIGIN.clusterId, { daily: 1, weekly: 0 })).toEqual([first.name]);
    expect(await snapshots.list()).toEqual([second]);
    await expect(snapshots.verify(first.name)).rejects.toMatchObject({ code: 'snapshot_unknown' });
    // Another prefix is another place.
    expect(await at(target(endpoint, { prefix: 'nc' })).list()).toEqual([]);
  });

  it('go up in parts when they are long, and come back the same', async () => {
    const { endpoint } = await startS3();
    const where = target(endpoint, { partBytes: 1_000, prefix: '' });
    const path = join(tmpDir(), 'long');
    const bytes = randomBytes(3_500);
    writeFileSync(path, bytes);

    await where.put('long.ncsnap', path);
    await where.put('exact.ncsnap', path);

    expect((await bytesOf(where, 'long.ncsnap')).equals(bytes)).toBe(true);
    expect(await where.names()).toEqual(['exact.ncsnap', 'long.ncsnap']);
  });

});
