import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { encode } from 'dns-packet';
import { describe, expect, it, onTestFinished } from 'vitest';
import { RegisterRequest, type BootstrapServiceClient } from '../../../src/gen/networkcontroller/v1/bootstrap.js';
import { callStream, callUnary } from '../../../src/platform/rpc-client.js';
import { makeFirstContact } from '../../../src/platform/first-contact.js';
import { parseJoinString } from '../../../src/domain/join-string.js';
import { tlsOptions } from '../../support/https.js';
import { scrape, type Scrape } from '../../support/scrape.js';
import { startTestServer, type TestServer } from '../../support/server.js';
import { until } from '../../support/until.js';

const LISTENING = 'metrics: { listen: "127.0.0.1:0" }';
const start = (...settings: string[]): Promise<TestServer> => startTestServer({ settings: [LISTENING, ...settings] });
const scrapeOf = (server: TestServer): Promise<Scrape> => scrape(server.ports.metrics);

/** The bootstrap listener as somebody with a join string sees it. */
async function bootstrap(joinString: string): Promise<BootstrapServiceClient> {
  const { pins, endpoints } = parseJoinString(joinString);
  const { client } = await makeFirstContact(endpoints, pins, { nowMs: Date.now() });
  onTestFinished(() => client.close());
  return client;
}

describe('docs/metrics.md', () => {
  const rows = readFileSync('docs/metrics.md', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `nc_'))
    .map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()))
    .map(([name, type, labels, help]) => ({ name: name!.replaceAll('`', ''), type, labels: labels === '' ? [] : labels!.split(', '), help }));

  it('lists what a server exposes, with type and meaning, and nothing else', async () => {
    const { families } = await scrapeOf(await start());
    const exposed = [...families].filter(([name]) => name.startsWith('nc_')).map(([name, { type, help }]) => ({ name, type, help }));
    const byName = (a: { name: string }, b: { name: string }): number => a.name.localeCompare(b.name);

    expect(rows.map(({ name, type, help }) => ({ name, type, help })).sort(byName)).toEqual(exposed.sort(byName));
  });

  it('lists the labels of every series', async () => {
    const server = await start('dns: { listen: ["127.0.0.1:0"] }');
    const joinString = await server.token();
    await server.join(joinString);
    await expect(server.join(joinString)).rejects.toMatchObject({ code: 'token_spent' });
    await ask(server);
    const { series } = await scrapeOf(server);

    for (const { name, labels } of rows) {
      const of = series.filter((each) => each.name.replace(/_(bucket|sum|count)$/, '') === name);
      expect(of, name).not.toEqual([]);
      for (const each of of) expect(Object.keys(each.labels).filter((label) => label !== 'le'), name).toEqual(labels);
    }
  });
});

/** Sends one DNS query over UDP and waits for its answer. */
async function ask(server: TestServer): Promise<void> {
  const socket = createSocket('udp4');
  onTestFinished(() => void socket.close());
  const answered = new Promise((resolve) => socket.once('message', resolve));
  socket.send(encode({ type: 'query', id: 1, questions: [{ type: 'A', name: 'nothing.nc.internal' }] }), server.ports.dns[0]!, '127.0.0.1');
  await answered;
}

describe('the figures of the process', () => {
  it('are none for which every connection would be looked at', async () => {
    const { families } = await scrapeOf(await start());

    expect([...families.keys()].filter((name) => name.startsWith('nodejs_active_'))).toEqual([]);
    expect([...families.keys()]).toEqual(expect.arrayContaining(['nodejs_eventloop_lag_p99_seconds', 'process_cpu_seconds_total', 'process_max_fds', 'process_resident_memory_bytes']));
  });

  it('say how many files and connections are open', async () => {
    const server = await start();
    const openFiles = async (): Promise<number> => (await scrapeOf(server)).series.find(({ name }) => name === 'process_open_fds')!.value;
    const before = await openFiles();

    const sockets = Array.from({ length: 50 }, () => createSocket('udp4').bind(0, '127.0.0.1'));
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('listening', resolve))));

    expect((await openFiles()) - before).toBeGreaterThan(40);
    for (const socket of sockets) socket.close();
  });
});

describe('the figures', () => {
  it('hold nothing of a node, a token or an address', async () => {
    const server = await start();
    const joinString = await server.token({ label: 'label-of-token' });
    const member = await server.join(joinString, { hostname: 'secretive' });
    await callUnary(await bootstrap(joinString), 'register', RegisterRequest.fromPartial({ bootstrapToken: 'x' })).catch(() => {});

    const { text } = await scrapeOf(server);

    const token = parseJoinString(joinString).token;
    for (const hidden of [member.nodeId, member.nodeToken, member.nodeName, 'secretive', member.bindIp, '127.0.0.1', token.id, token.secret.reveal(), 'label-of-token', server.clusterId]) {
      expect(text).not.toContain(hidden);
    }
  });

  it('are not more when there are more nodes', async () => {
    const server = await start();
    const joinString = await server.token({ maxUses: 4 });
    await server.join(joinString);
    const before = (await scrapeOf(server)).series.filter(({ name }) => name.startsWith('nc_')).length;

    for (let i = 0; i < 3; i++) await server.join(joinString);

    expect((await scrapeOf(server)).series.filter(({ name }) => name.startsWith('nc_'))).toHaveLength(before);
  });

  it('are nowhere to be had when none are wished for', async () => {
    const server = await startTestServer();

    expect(server.ports.metrics).toBe(0);
  });

  it('count nodes by network and state, and their addresses', async () => {
    const server = await start('networks: [{ name: lab, cidr: 10.67.0.0/24 }]');
    const nodes = async (network: string, state: string): Promise<number | undefined> => (await scrapeOf(server)).value('nc_nodes', { network, state });
    const member = await server.join(await server.token());
    await server.join(await server.token({ network: 'lab' }));
    await server.join(await server.token({ network: 'lab' }));
    expect(await nodes('default', 'idle')).toBe(1);
    expect(await nodes('lab', 'idle')).toBe(2);

    const watching = callStream(server.control(member), 'watch', { epoch: '', fromRevision: 0n, agentVersion: '1' });
    await watching.next();

    await until(async () => (await nodes('default', 'init')) === 1, 'the node to be seen');
    const seen = await scrapeOf(server);
    expect(seen.value('nc_watchers')).toBe(1);
    expect(seen.value('nc_nodes', { network: 'default', state: 'idle' })).toBe(0);
    expect(seen.value('nc_addresses', { network: 'lab', state: 'used' })).toBe(2);
    expect(seen.value('nc_addresses', { network: 'lab', state: 'free' })).toBe(251);
    await watching.return();
    await until(async () => (await scrapeOf(server)).value('nc_watchers') === 0, 'the stream to end');
  });

  it('count registrations, renewals and refusals by code', async () => {
    const server = await start();
    const joinString = await server.token();
    await server.join(joinString);
    await expect(server.join(joinString)).rejects.toMatchObject({ code: 'token_spent' });

    const seen = await scrapeOf(server);

    expect(seen.value('nc_registrations_total')).toBe(1);
    expect(seen.value('nc_renewals_total', { kind: 'renew' })).toBe(0);
    expect(seen.value('nc_refusals_total', { code: 'token_spent' })).toBe(1);
    expect(seen.value('nc_rpc_calls_total', { method: 'BootstrapService/Register', code: 'ok' })).toBe(1);
    expect(seen.value('nc_rpc_duration_seconds_count', { method: 'BootstrapService/Register' })).toBe(2);
    expect(seen.value('nc_rpc_duration_seconds_count', { method: 'NodeService/Watch' })).toBeUndefined();
  });

  it('count what strangers try: guesses, long messages, silence, too many connections', async () => {
    const server = await start('limits: { guessesPerMinute: 1, handshakesPerSecond: 10 }');
    const joinString = await server.token();
    const client = await bootstrap(joinString);
    await callUnary(client, 'register', RegisterRequest.fromPartial({ bootstrapToken: 'x'.repeat(17_000) })).catch(() => {});
    const guessed = joinString.replace(/^(ncj1_[0-9a-f]{16}\.)[^.]+/, `$1${'A'.repeat(22)}`);
    for (const code of ['token_invalid', 'rate_limited', 'rate_limited']) await expect(server.join(guessed)).rejects.toMatchObject({ code });
    const sockets = Array.from({ length: 40 }, () => createConnection(server.ports.bootstrap, '127.0.0.1').on('error', () => {}).resume());
    onTestFinished(() => sockets.forEach((socket) => socket.destroy()));

    const listener = 'bootstrap';
    await until(async () => ((await scrapeOf(server)).value('nc_connections_refused_total', { listener, reason: 'handshakesPerSecond' }) ?? 0) > 0, 'a connection to be turned away');
    sockets.forEach((socket) => socket.write('GET / HTTP/1.1\r\n\r\n'));
    await until(async () => ((await scrapeOf(server)).value('nc_tls_handshakes_failed_total', { listener, reason: 'failed' }) ?? 0) > 0, 'a handshake to fail');

    const seen = await scrapeOf(server);
    expect(seen.value('nc_refusals_total', { code: 'message_too_large' })).toBe(1);
    expect(seen.value('nc_token_guesses_total')).toBe(1);
    expect(seen.value('nc_token_guesses_refused_total')).toBe(2);
    expect(seen.value('nc_connections_refused_total', { listener: 'control', reason: 'handshakesPerSecond' })).toBe(0);
  });

  it('count the connections of every listener apart, https and the admin socket among them, and count them out', async () => {
    const server = await start();
    const established = async (listener: string): Promise<number | undefined> => (await scrapeOf(server)).value('nc_connections', { listener, state: 'established' });
    const { caPem } = await server.join(await server.token());
    const before = (await scrapeOf(server)).value('nc_connections_accepted_total', { listener: 'https' });
    const socket = connectTls(tlsOptions({ port: server.ports.https, ca: caPem })).on('error', () => {});
    onTestFinished(() => void socket.destroy());

    await until(async () => (await established('https')) === 1, 'the connection');
    const seen = await scrapeOf(server);
    socket.destroy();
    await until(async () => (await established('https')) === 0, 'its end');

    expect(seen.value('nc_connections_accepted_total', { listener: 'https' })).toBe(before! + 1);
    expect(seen.value('nc_connections', { listener: 'admin', state: 'established' })).toBe(1);
    expect(seen.value('nc_connections', { listener: 'control', state: 'established' })).toBe(0);
  });

  it('count DNS answers by type, code and source', async () => {
    const server = await start('dns: { listen: ["127.0.0.1:0"] }');
    await ask(server);

    const seen = await scrapeOf(server);

    expect(seen.value('nc_dns_answers_total', { type: 'A', code: 'NXDOMAIN', source: 'zone' })).toBe(1);
    expect(seen.value('nc_dns_queries_total', { transport: 'udp' })).toBe(1);
  });

  it('count what the rendezvous drops, by reason', async () => {
    const server = await start();
    const socket = createSocket('udp4');
    onTestFinished(() => void socket.close());

    socket.send('no WireGuard', server.ports.wireguard, '127.0.0.1');

    await until(async () => (await scrapeOf(server)).value('nc_rendezvous_drops_total', { reason: 'malformed' }) === 1, 'the datagram to be dropped');
  });

  it('tell how long commits take and how many share one', async () => {
    const server = await start();
    await Promise.all(Array.from({ length: 8 }, () => server.token()));

    const seen = await scrapeOf(server);

    const [commits, transactions] = [seen.value('nc_store_batch_transactions_count'), seen.value('nc_store_batch_transactions_sum')];
    expect(commits).toBe(seen.value('nc_store_commit_seconds_count'));
    expect(transactions).toBeGreaterThanOrEqual(commits!);
    expect(seen.value('nc_store_revision')).toBeGreaterThan(0);
  });

  it('tell of the process and its event loop', async () => {
    const { families } = await scrapeOf(await start());

    for (const name of ['process_resident_memory_bytes', 'process_cpu_seconds_total', 'nodejs_eventloop_lag_p99_seconds']) expect([...families.keys()]).toContain(name);
  });
});
