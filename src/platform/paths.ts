import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

/** What {@link adminSocketPath} looks at; the process's own by default. */
export interface Surroundings {
  readonly uid: number;
  /** `XDG_RUNTIME_DIR`, when set. */
  readonly runtimeDir?: string | undefined;
}

/**
 * Where the server opens its admin socket and `ncadm` looks for it when nobody says otherwise: `/run/nc/admin.sock`
 * for root, else `nc/admin.sock` in the user's runtime folder, else in a folder of the user's own under the
 * temporary folder.
 *
 * @see XDG Base Directory Specification, `XDG_RUNTIME_DIR`
 */
export function adminSocketPath(surroundings: Surroundings = ownSurroundings()): string {
  const { uid, runtimeDir } = surroundings;
  if (uid === 0) return '/run/nc/admin.sock';
  if (runtimeDir !== undefined && runtimeDir !== '') return join(runtimeDir, 'nc', 'admin.sock');
  return join(tmpdir(), `nc-${uid}`, 'admin.sock');
}

function ownSurroundings(): Surroundings {
  return { uid: userInfo().uid, runtimeDir: process.env['XDG_RUNTIME_DIR'] };
}
