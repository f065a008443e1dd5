import { readFileSync, writeFileSync } from 'node:fs';
import type { Membership } from '../../src/client/state/membership.js';
import { TrustBundle } from '../../src/gen/networkcontroller/v1/types.js';

/** Where a map was when a node took it over: what an agent resumes from. */
export interface Position {
  readonly epoch: string;
  readonly revision: bigint;
}

/** Nodes that have joined, and the position from which all of their agents resume. */
export interface Members {
  readonly position: Position;
  readonly members: readonly Membership[];
}

interface MemberLine extends Omit<Membership, 'grpcCertificate' | 'networkCertificate' | 'bundle'> {
  readonly certificates: readonly [grpc: string, network: string];
}

/** Writes them to a file of JSON lines. It holds private keys: of nodes that exist on this machine and for the length of a bench. */
export function writeMembers(path: string, { position, members }: Members): void {
  const [first] = members;
  const bundle = first === undefined ? '' : Buffer.from(TrustBundle.encode(first.bundle).finish()).toString('base64');
  const head = JSON.stringify({ epoch: position.epoch, revision: String(position.revision), bundle });
  const lines = members.map(({ grpcCertificate, networkCertificate, bundle: _shared, ...rest }) => {
    const line: MemberLine = { ...rest, certificates: [grpcCertificate.toString('base64'), networkCertificate.toString('base64')] };
    return JSON.stringify(line);
  });
  writeFileSync(path, [head, ...lines].join('\n'), { mode: 0o600 });
}

/** Reads some of them back. @param from Index of the first. */
export function readMembers(path: string, from = 0, count = Number.MAX_SAFE_INTEGER): Members {
  const [head = '', ...lines] = readFileSync(path, 'utf8').split('\n');
  const { epoch, revision, bundle } = JSON.parse(head) as { epoch: string; revision: string; bundle: string };
  const shared = TrustBundle.decode(Buffer.from(bundle, 'base64'));
  const members = lines.slice(from, from + count).map((line) => {
    const { certificates, ...rest } = JSON.parse(line) as MemberLine;
    const [grpcCertificate, networkCertificate] = certificates.map((text) => Buffer.from(text, 'base64')) as [Buffer, Buffer];
    return { ...rest, grpcCertificate, networkCertificate, bundle: shared };
  });
  return { position: { epoch, revision: BigInt(revision) }, members };
}
