import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatHostPort } from '../src/domain/host-port.js';
import { parseJoinString } from '../src/domain/join-string.js';
import { BootstrapServiceClient } from '../src/gen/networkcontroller/v1/bootstrap.js';
import { callUnary, connectUnverified } from '../src/platform/rpc-client.js';
import { csrSpki, makeCsr } from '../src/platform/x509/csr.js';
import { generateP256 } from '../src/platform/x509/p256.js';
import { createPki, type Pki } from '../src/server/pki/pki.js';
import { ratePerSecond, runAll, type Bench, type Measured } from './bench.js';
import { contact, makeMachine, registration } from './joining.js';
import { startBenchServer, type BenchServer } from './server.js';

const ROUNDS = 7;
const ROUND_MS = 300;
const JOINS_A_ROUND = 150;
/** Until the code of both programs is compiled: the machines of a fleet join a server that has served before. */
const WARM_UP_JOINS = 400;
/** On a busy machine a round ends with fewer joins. */
const LOAD = { inFlight: 8, limitMs: 4_000 };
/** As many octets as a certificate has to be signed. */
const CONTENTS = Buffer.alloc(380, 7);

/** What an identity costs, beside node:crypto alone. */
export const bench: Bench = {
  title: 'certificates, requests and joins, beside the bare operations of node:crypto; client and server share the machine',
  async run(progress): Promise<readonly Measured[]> {
    const dir = mkdtempSync(join(tmpdir(), 'nc-bench-'));
    const server = await startBenchServer();
    try {
      const pki = await createPki({ dir, clusterId: 'bench', nowMs: Date.now() });
      const crypto = await cryptoRounds(pki, progress);
      return [...crypto, ...(await joinRounds(server, progress))];
    } finally {
      await server.stop();
      rmSync(dir, { recursive: true });
    }
  },
};

async function cryptoRounds(pki: Pki, progress: (line: string) => void): Promise<Measured[]> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const [spki, signature, csr] = [publicKey.export({ type: 'spki', format: 'der' }), sign('sha256', CONTENTS, privateKey), makeCsr(generateP256(), 'node')];
  const request = { nodeId: 'n-1', network: 'default', grpcSpki: generateP256().spki, networkSpki: generateP256().spki, wgPublicKey: Buffer.alloc(32, 7), addresses: ['10.66.0.2'], routes: [], nowMs: Date.now() };
  const seen = { issue: [] as number[], sign: [] as number[], read: [] as number[], check: [] as number[] };
  for (let round = 1; round <= ROUNDS; round++) {
    seen.sign.push(ratePerSecond(ROUND_MS, () => void sign('sha256', CONTENTS, privateKey)));
    seen.issue.push(2 * ratePerSecond(ROUND_MS, () => void pki.issueNodeCertificates(request)));
    seen.check.push(ratePerSecond(ROUND_MS, () => void verify('sha256', CONTENTS, createPublicKey({ key: spki, format: 'der', type: 'spki' }), signature)));
    seen.read.push(ratePerSecond(ROUND_MS, () => void csrSpki(csr)));
    progress(`certificates and requests, round ${round} of ${ROUNDS}`);
    await new Promise(setImmediate);
  }
  return [
    { what: 'certificates issued', unit: '/s', values: seen.issue, floor: { what: 'signatures/s', values: seen.sign } },
    { what: 'requests (CSR) checked', unit: '/s', values: seen.read, floor: { what: 'checks of a signature/s', values: seen.check } },
  ];
}

async function joinRounds(server: BenchServer, progress: (line: string) => void): Promise<Measured[]> {
  const text = await server.joinString();
  const address = formatHostPort(parseJoinString(text).endpoints[0]!);
  const seen = { join: [] as number[], bare: [] as number[], connect: [] as number[] };
  const rate = async (count: number, task: () => Promise<void>): Promise<number> => (await runAll(Array.from({ length: count }), LOAD, task)).perSecond;
  await rate(WARM_UP_JOINS, () => joinOnce(text));
  for (let round = 1; round <= ROUNDS; round++) {
    seen.bare.push(ratePerSecond(ROUND_MS, bareJoin, 1));
    seen.connect.push(await rate(JOINS_A_ROUND, () => callOnce(address)));
    seen.join.push(await rate(JOINS_A_ROUND, () => joinOnce(text)));
    progress(`joins, round ${round} of ${ROUNDS}`);
  }
  return [
    {
      what: 'full joins, each on a fresh TLS connection',
      unit: '/s',
      values: seen.join,
      floor: { what: 'fresh connections with a no-op call/s', values: seen.connect },
      targets: [{ kind: 'at least', of: 'value', limit: 250 }],
    },
    { what: 'full joins, beside what is not the network', unit: '/s', values: seen.join, floor: { what: 'times its keys and signatures/s', values: seen.bare } },
  ];
}

/** The least that a fresh connection costs with the same library: a handshake that checks nobody, and a call that does nothing. */
async function callOnce(address: string): Promise<void> {
  const client = connectUnverified(BootstrapServiceClient, address);
  try {
    await callUnary(client, 'healthCheck', {});
  } finally {
    client.close();
  }
}

/** From the join string to the certificates: a connection whose chain has the pin, the exchange over it. */
async function joinOnce(joinString: string): Promise<void> {
  const text = parseJoinString(joinString);
  const { client, offer } = await contact(text);
  try {
    await callUnary(client, 'register', registration(makeMachine(), text, offer));
  } finally {
    client.close();
  }
}

/** What both sides of a join cannot do without, TLS not counted: two keys, two requests signed and checked, two certificates signed. */
function bareJoin(): void {
  for (let i = 0; i < 2; i++) {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const signature = sign('sha256', CONTENTS, privateKey);
    if (!verify('sha256', CONTENTS, publicKey, signature)) throw new Error('a signature of our own does not verify');
    sign('sha256', CONTENTS, privateKey);
  }
}
