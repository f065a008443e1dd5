import { PathKind } from '../gen/networkcontroller/v1/types.js';
import type { PathState } from './path-types.js';

const KINDS: Record<PathState['kind'], PathKind> = {
  none: PathKind.PATH_KIND_NONE,
  relay: PathKind.PATH_KIND_RELAY,
  direct: PathKind.PATH_KIND_DIRECT,
};

/** A path's kind on the wire. */
export function wirePathKind(kind: PathState['kind']): PathKind {
  return KINDS[kind];
}

/** A path's kind in words; `none` for what this version does not know. */
export function pathWord(kind: PathKind): PathState['kind'] {
  const found = Object.entries(KINDS).find(([, wire]) => wire === kind);
  return (found?.[0] as PathState['kind'] | undefined) ?? 'none';
}
