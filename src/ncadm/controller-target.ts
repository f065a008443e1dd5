import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import { parseCertificateUri, serverName } from '../domain/certificate.js';
import { DomainError } from '../domain/errors.js';
import type { ControllerContext } from '../platform/config/contexts-config.js';
import { adminSocketPath } from '../platform/paths.js';
import { readPrivateFile } from '../platform/pem-files.js';
import type { RpcTarget } from '../platform/rpc-client.js';
import { listNames } from '../platform/x509/alternative-names.js';
import { contextNamed, readContexts, type Environment } from './context-file.js';

/** Where the controller is and who asks, as the command line says it. */
export interface ConnectionOptions {
  readonly context?: string;
  readonly socket?: string;
  readonly server?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** Answers must know every change that was acknowledged before. */
  readonly consistent?: boolean;
}

/** The ways to the controller, and what is believed of it. */
export interface ControllerTarget {
  /** Its servers, the first one first; at least one. */
  readonly targets: readonly RpcTarget[];
  /** The file with its CAs, for one that is elsewhere. */
  readonly caFile?: string;
}

/**
 * Finds the controller to ask: the one that the options name, else NC_ADMIN_SOCKET, else the user's current context, else the
 * admin socket of this machine.
 *
 * @throws DomainError `key_file_unsafe`, `config_invalid`, `certificate_invalid`, `invalid_argument`.
 */
export async function findController(options: ConnectionOptions, env: Environment, nowMs: number): Promise<ControllerTarget> {
  const given = givenContext(options);
  if (given !== undefined) return targetOf(given, nowMs);
  if (options.context === undefined && env['NC_ADMIN_SOCKET']) return local(env['NC_ADMIN_SOCKET']);
  const contexts = await readContexts(env);
  const name = options.context ?? contexts.current;
  const context = name === '' ? undefined : contextNamed(contexts, name);
  return context === undefined ? local(adminSocketPath()) : targetOf(context, nowMs);
}

/** The controller that `--socket` or `--server` describes, without a name; undefined when neither is there. */
export function givenContext({ socket, server, ca, cert, key }: ConnectionOptions): Omit<ControllerContext, 'name'> | undefined {
  if (server === undefined) return socket === undefined ? undefined : { socket };
  if (ca === undefined || cert === undefined || key === undefined) {
    throw new InvalidArgumentError('server: a remote controller wants --ca, --cert and --key beside --server; "ncadm context add" remembers them');
  }
  return { server, ca, certificate: cert, key };
}

async function targetOf({ socket, server = '', ca = '', certificate = '', key = '' }: Omit<ControllerContext, 'name'>, nowMs: number): Promise<ControllerTarget> {
  if (socket !== undefined) return local(socket);
  const pem = readPem(certificate);
  const clusterId = clusterOf(certificate, pem, nowMs);
  const tls = { ca: readPem(ca), serverName: serverName(clusterId), identity: { certificate: pem, key: await readKey(key) } };
  return { targets: server.split(',').map((address) => ({ address, tls })), caFile: ca };
}

function local(socketPath: string): ControllerTarget {
  return { targets: [{ socketPath }] };
}

/** The cluster whose admin the certificate names: its servers are known by it, whatever address they are reached under. */
function clusterOf(path: string, pem: string, nowMs: number): string {
  const certificate = readCertificate(path, pem);
  const subject = listNames(certificate.subjectAltName).uris.map(parseCertificateUri).find((uri) => uri?.kind === 'admin');
  if (subject === undefined) throw new DomainError('certificate_invalid', `${path}: want the certificate of an admin, got one that names none`);
  if (Date.parse(certificate.validTo) <= nowMs) {
    throw new DomainError('certificate_invalid', `${path}: the certificate of ${subject.value} ended at ${new Date(certificate.validTo).toISOString()}; another is made by "ncadm admin create ${subject.value}"`);
  }
  return subject.clusterId;
}

function readCertificate(path: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new DomainError('certificate_invalid', `${path}: want a certificate in PEM, got something else`, { cause });
  }
}

/** @throws DomainError `key_file_unsafe` when others may open it. */
async function readKey(path: string): Promise<string> {
  try {
    return await readPrivateFile(path);
  } catch (error) {
    throw error instanceof DomainError ? error : unreadable(path, error);
  }
}

function readPem(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): InvalidArgumentError {
  return new InvalidArgumentError(`${path}: cannot be read: ${(error as Error).message}`);
}
