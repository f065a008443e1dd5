import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';

/** What this machine can do for a lab. */
export interface Capabilities {
  /** Why there can be no lab here, or empty. */
  readonly missing: string;
  /** Whether namespaces here have the kernel's own WireGuard; otherwise it is wireguard-go. */
  readonly kernelWireGuard: boolean;
}

const TOOLS = ['ip', 'nft', 'wg', 'ping', 'tcpdump', 'nsenter'];

let known: Capabilities | undefined;

/** Finds out once per process whether a lab can be raised here: Linux, root, tools, namespaces, some WireGuard. */
export function capabilities(): Capabilities {
  known ??= probe();
  return known;
}

function probe(): Capabilities {
  const missing = missingForNamespaces();
  if (missing !== '') return { missing, kernelWireGuard: false };
  const kernelWireGuard = hasKernelWireGuard();
  return { missing: kernelWireGuard ? '' : missingForWireGuardGo(), kernelWireGuard };
}

function missingForNamespaces(): string {
  if (process.platform !== 'linux') return `Linux (this is ${process.platform})`;
  if (process.getuid?.() !== 0) return 'root';
  const tools = TOOLS.filter((tool) => !hasTool(tool));
  if (tools.length > 0) return `the programs ${tools.join(', ')}`;
  return canRun('unshare', ['--net', '--mount', 'true']) ? '' : 'the right to make network namespaces';
}

function missingForWireGuardGo(): string {
  if (!hasTool('wireguard-go')) return 'WireGuard in the kernel, or wireguard-go';
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
    return '';
  } catch {
    return 'WireGuard in the kernel, or /dev/net/tun for wireguard-go';
  }
}

function hasKernelWireGuard(): boolean {
  return canRun('unshare', ['--net', 'ip', 'link', 'add', 'wg0', 'type', 'wireguard']);
}

function hasTool(name: string): boolean {
  return canRun('sh', ['-c', 'command -v "$1"', 'sh', name]);
}

function canRun(file: string, argv: readonly string[]): boolean {
  try {
    execFileSync(file, argv, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
