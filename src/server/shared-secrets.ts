import { createHash } from 'node:crypto';
import { DomainError } from '../domain/errors.js';
import { CaRecord_State } from '../gen/networkcontroller/store/v1/records.js';
import type { Pki } from './pki/pki.js';
import type { LocalView } from './store/local-view.js';

/**
 * Checks that this server has the secrets of the cluster in the store. Servers that share a store but no CA or WireGuard key would
 * each refuse the nodes of the others.
 *
 * @param workDir Where its secrets are, for the refusal.
 * @throws DomainError `state_invalid` with both fingerprints.
 */
export function checkSharedSecrets(view: LocalView, pki: Pki, wgPublicKey: Buffer, workDir: string): void {
  for (const purpose of ['grpc', 'network'] as const) {
    for (const { value } of view.cas(purpose)) {
      if (value.state === CaRecord_State.STATE_RETIRED) continue;
      const own = pki.authority(purpose, value.generation).certificate.raw;
      check(`the ${purpose} CA, generation ${value.generation}`, value.certificate, own, `${workDir}/pki`);
    }
  }
  const shared = view.cluster()?.value.wgPublicKey ?? Buffer.alloc(0);
  if (shared.length > 0) check('the WireGuard key', shared, wgPublicKey, `${workDir}/wireguard.key`);
}

function check(what: string, wanted: Buffer, got: Buffer, path: string): void {
  if (wanted.equals(got)) return;
  throw new DomainError('state_invalid', `${path}: want ${what} of the cluster (${fingerprint(wanted)}), got another (${fingerprint(got)}); copy it from a server of the cluster`);
}

function fingerprint(bytes: Buffer): string {
  return `SHA-256 ${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}`;
}
