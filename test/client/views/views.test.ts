import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import { doctorText } from '../../../src/client/views/doctor-view.js';
import { printJoined } from '../../../src/client/views/joined-view.js';
import { statusJson, statusText } from '../../../src/client/views/status-view.js';
import { AgentServiceGetStatusResponse, PeerStatus } from '../../../src/gen/networkcontroller/v1/agent.js';
import { PathKind } from '../../../src/gen/networkcontroller/v1/types.js';
import { Output, type OutputFormat } from '../../../src/platform/output.js';

const NOW = Date.UTC(2026, 0, 2);

function terminal(format: OutputFormat = 'table') {
  let printed = '';
  const stdout = { write: (text: string) => (printed += text) };
  const output = new Output({ stdout, stderr: { write: () => true }, env: { NO_COLOR: '1' } }, { format, headers: true });
  return { output, printed: () => printed };
}

const peer = (values: Partial<PeerStatus> = {}): PeerStatus =>
  PeerStatus.fromPartial({ nodeId: 'n-6', name: 'db', bindIp: '10.66.0.6', path: PathKind.PATH_KIND_DIRECT, endpoint: '192.0.2.6:51820', lastHandshakeMs: NOW - 60_000, rxBytes: 2048, ...values });
const status = (values: Partial<AgentServiceGetStatusResponse> = {}): AgentServiceGetStatusResponse =>
  AgentServiceGetStatusResponse.fromPartial({ name: 'web-1', network: 'default', bindIp: '10.66.0.5', interfaceName: 'nc0', device: 'kernel', control: 'connected', tunnelUp: true, certificateExpiresAtMs: NOW + 3_600_000, ...values });
const text = (values: Partial<AgentServiceGetStatusResponse>, format: OutputFormat = 'table', latencies = new Map<string, number>()) => statusText(terminal(format).output, status(values), NOW, latencies);

describe('the status for people', () => {
  it.each<[string, Partial<AgentServiceGetStatusResponse>, string]>([
    ['a control connection that is being made', { control: 'connecting' }, 'control ○ connecting'],
    ['a tunnel that is down', { tunnelUp: false }, 'tunnel ○ down'],
    ['a device that carries nothing', { device: 'recorded', tunnelUp: true }, 'tunnel recorded only'],
    ['a certificate that has run out', { certificateExpiresAtMs: NOW - 60_000 }, 'certificate ends 1m ago'],
    ['that nobody else is there', {}, 'no other nodes yet'],
    ['what is wrong', { health: ['the clock is off', 'no UDP'] }, '! the clock is off\n! no UDP'],
  ])('says %s', (_, values, wanted) => {
    expect(text(values)).toContain(wanted);
  });

  it('marks nothing as wrong when all is well', () => {
    expect(text({ peers: [peer()] })).not.toMatch(/[!○]/);
  });

  it.each<[string, Partial<PeerStatus>, RegExp]>([
    ['refused', { refused: 'certificate ended' }, /^db +10\.66\.0\.6 +refused /m],
    ['reached through the relay over TCP', { path: PathKind.PATH_KIND_RELAY, overTcp: true }, /relay \(tcp\)/],
    ['on a way that this version does not know', { path: 99 as PathKind }, / none /],
    ['never heard of', { lastHandshakeMs: 0, endpoint: '' }, /direct +- +- +never/],
  ])('shows a peer that is %s', (_, values, wanted) => {
    expect(text({ peers: [peer(values)] })).toMatch(wanted);
  });

  it('shows latency, age and bytes in units, and why a peer is refused where there is room', () => {
    const line = text({ peers: [peer({ refused: 'forged' })] }, 'wide', new Map([['10.66.0.6', 12]]));

    expect(line).toMatch(/12 ms +1m ago +2\.00 KiB +0 B +- +n-6 +forged/);
  });
});

describe('the status for programs', () => {
  it('has null for what never was, and a word for each path', () => {
    expect(statusJson(status({ certificateExpiresAtMs: 0, peers: [peer({ lastHandshakeMs: 0, path: PathKind.PATH_KIND_RELAY })] }))).toMatchObject({
      certificateExpiresAt: null,
      peers: [{ path: 'relay', lastHandshake: null, latencyMs: null }],
    });
  });

  it('has times of ISO 8601, and a latency of 0 as 0', () => {
    expect(statusJson(status({ peers: [peer()] }), new Map([['10.66.0.6', 0]]))).toMatchObject({ certificateExpiresAt: '2026-01-02T01:00:00.000Z', peers: [{ lastHandshake: '2026-01-01T23:59:00.000Z', latencyMs: 0 }] });
  });
});

describe('what a join prints', () => {
  const facts = { nodeId: 'n-5', name: 'web-1', network: 'default', clusterId: 'c', bindIp: '10.66.0.5', bindIp6: '' } as Parameters<typeof printJoined>[1];

  it('says how the tunnel is raised when there is no agent, and nothing of an address that it has not', () => {
    const { output, printed } = terminal();

    printJoined(output, facts, 40);

    expect(printed()).toBe('● joined network default as web-1, 10.66.0.5 in 40 ms\nraise the tunnel with: nc-client up --detach\n');
  });

  it('tells programs of the agent when there is one, and only then', () => {
    const [without, withAgent] = [terminal('json'), terminal('json')];

    printJoined(without.output, facts, 40);
    printJoined(withAgent.output, facts, 40, status({ pid: 7 }));

    expect(JSON.parse(without.printed())).toEqual({ id: 'n-5', name: 'web-1', network: 'default', clusterId: 'c', bindIp: '10.66.0.5', bindIp6: '', tookMs: 40 });
    expect(JSON.parse(withAgent.printed())).toMatchObject({ interface: 'nc0', device: 'kernel', pid: 7 });
  });
});

it('the doctor says how each fault is mended, and nothing beneath what is well', () => {
  const said = doctorText(pc.createColors(false), [
    { check: 'dns', result: 'fail', says: 'no answer', mend: 'look at the packet filter' },
    { check: 'clock', result: 'warn', says: 'is off', mend: 'set it' },
    { check: 'agent', result: 'ok', says: 'runs', mend: '' },
  ]);

  expect(said.split('\n')).toEqual(['✗ dns         no answer', '              → look at the packet filter', '! clock       is off', '              → set it', '✓ agent       runs', '']);
});
