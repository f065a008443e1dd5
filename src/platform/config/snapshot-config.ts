import * as v from 'valibot';
import { parseDuration } from '../../domain/duration.js';
import { parsed, section, type Fault } from '../yaml-config.js';

/** Where and when snapshots are taken. */
export interface SnapshotSettings {
  /** A folder, absolute, or a bucket. */
  readonly target: { readonly folder: string } | S3TargetSettings;
  /** 0 for never by itself. */
  readonly everyMs: number;
  /** The newest of each of so many days is kept. */
  readonly keepDaily: number;
  /** And of each of so many weeks. */
  readonly keepWeekly: number;
  /** The key with which they are encrypted. Absolute; undefined: they are not. */
  readonly keyFile: string | undefined;
}

/** A bucket of S3 and the way to it. */
export interface S3TargetSettings {
  readonly bucket: string;
  /** Without slashes at its ends. */
  readonly prefix: string;
  readonly endpoint: string;
  readonly region: string;
  /** Absolute. */
  readonly credentialsFile: string;
}

const duration = parsed(parseDuration, 'a duration like "1d" or "6h"');
const S3 = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/;

/** The group `snapshots`. */
export const SNAPSHOTS = section({
  target: v.optional(v.pipe(v.string(), v.check((text) => !text.startsWith('s3:') || S3.test(text), 'a folder, or a bucket like "s3://bucket/prefix"'))),
  every: v.optional(duration, '1d'),
  keepDaily: v.optional(count(), 7),
  keepWeekly: v.optional(count(), 4),
  keyFile: v.optional(v.string()),
  s3: section({
    endpoint: v.optional(v.pipe(v.string(), v.check(isHttp, 'an address like "https://s3.example.com"'))),
    region: v.optional(v.string(), 'us-east-1'),
    credentialsFile: v.optional(v.string()),
  }),
});

type SnapshotKeys = v.InferOutput<typeof SNAPSHOTS>;

/** What is wrong between the keys. */
export function* snapshotFaults({ target, s3 }: SnapshotKeys): Iterable<Fault> {
  if (target?.startsWith('s3:') === true && s3.credentialsFile === undefined) {
    yield { key: ['snapshots', 's3', 'credentialsFile'], message: 'want a file, since the target is a bucket, got nothing' };
  }
}

/** The group with nothing left out. @param at Makes a file's name absolute. */
export function snapshotSettings(keys: SnapshotKeys, workDir: string, at: (file: string) => string): SnapshotSettings {
  const { target, every, keepDaily, keepWeekly, keyFile, s3 } = keys;
  return { target: targetOf(target, s3, workDir, at), everyMs: every, keepDaily, keepWeekly, keyFile: keyFile === undefined ? undefined : at(keyFile) };
}

function targetOf(target: string | undefined, s3: SnapshotKeys['s3'], workDir: string, at: (file: string) => string): SnapshotSettings['target'] {
  if (target === undefined) return { folder: `${workDir}/snapshots` };
  const [, bucket, prefix = ''] = S3.exec(target) ?? [];
  if (bucket === undefined || s3.credentialsFile === undefined) return { folder: at(target) };
  const { region, endpoint = `https://s3.${region}.amazonaws.com` } = s3;
  return { bucket, prefix: prefix.replace(/^\/+|\/+$/g, ''), endpoint, region, credentialsFile: at(s3.credentialsFile) };
}

function isHttp(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

function count(): v.GenericSchema<number> {
  const what = 'a whole number from 0 to 1000';
  return v.pipe(v.number(what), v.check((value) => Number.isInteger(value) && value >= 0 && value <= 1_000, what));
}
