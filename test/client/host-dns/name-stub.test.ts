import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import type { DecodedPacket } from 'dns-packet';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Zone } from '../../../src/domain/zone.js';
import { NameStub } from '../../../src/client/host-dns/name-stub.js';
import { askOverStream, askOverUdp } from '../../../src/platform/dns/exchange.js';
import { Responder } from '../../../src/platform/dns/responder.js';
import { aQuery, defaultNetwork, put, read } from '../../support/dns.js';
import { ManualClock } from '../../support/clock.js';
import { answering, startNameServer, type Script } from '../../support/name-server.js';

/** Port 53 takes root; where CI runs there is root, so a missing one fails there. */
const cannotBind = process.env['CI'] === undefined && process.getuid?.() !== 0 ? 'needs root for port 53' : '';
const HANG_MS = 20_000;

let used = 0;

/** A loopback address that no other test, also of another run on this machine, has. */
function ownAddress(): string {
  return `127.${66 + used++}.${(process.pid >> 8) & 255}.${process.pid & 255}`;
}

async function foreign(script: Script) {
  const host = ownAddress();
  return { host, ...(await startNameServer(script, { host, port: 53 })) };
}

/** Says that every name has this address. */
const saying = (data: string): Script => (query) => answering(query, [{ type: 'A', name: query.questions![0]!.name, ttl: 60, data }]);
const rcode = (code: number): Script => (query) => answering(query, [], code);

async function startStub({ nameservers = [], controller = '' }: { nameservers?: string[]; controller?: string } = {}) {
  const zone = new Zone('nc.internal');
  for (const change of [{ kind: 'network' as const, network: defaultNetwork }, put.node(), ...Array.from({ length: 60 }, (_, i) => put.service({ id: `i${i}`, address: `10.66.0.${i + 100}` }))]) zone.apply(change);
  const responder = new Responder(zone);
  const stub = await NameStub.start([ownAddress()], { answer: (message, transport) => responder.answer(message, transport, true), controller: () => controller, nameservers: () => nameservers }, new ManualClock());
  onTestFinished(() => stub.stop());
  const at = { host: stub.address, port: 53 };
  const ask = async (name: string, type: 'A' | 'AAAA' | 'SRV' = 'A'): Promise<DecodedPacket & { rcode: string }> => read(await askOverUdp(at, aQuery(name, type), HANG_MS, () => true));
  const askTcp = async (name: string, type: 'A' | 'SRV' = 'A'): Promise<DecodedPacket & { rcode: string }> => read(await askOverStream(at, aQuery(name, type), HANG_MS, () => true));
  return { stub, at, ask, askTcp };
}

describe.skipIf(cannotBind !== '')(`a name outside of the network${cannotBind && ` (${cannotBind})`}`, () => {
  it('is answered SERVFAIL when there is no name server to ask', async () => {
    const { ask, askTcp } = await startStub();

    expect(await ask('example.com')).toMatchObject({ rcode: 'SERVFAIL', id: 4711, answers: [] });
    expect(await askTcp('example.com')).toMatchObject({ rcode: 'SERVFAIL', answers: [] });
  });

  it('is answered SERVFAIL when no name server is there', async () => {
    const { ask, askTcp } = await startStub({ nameservers: [ownAddress(), ownAddress()] });

    expect(await ask('example.com')).toMatchObject({ rcode: 'SERVFAIL' });
    expect(await askTcp('example.com')).toMatchObject({ rcode: 'SERVFAIL' });
  });

  it.each<[string, (answer: Buffer) => Buffer]>([
    ['another id', (answer) => flipped(answer, 1)],
    ['another name', (answer) => flipped(answer, 13)],
    ['another type', (answer) => flipped(answer, 12 + 'example.com'.length + 3)],
    ['no mark of an answer', (answer) => flipped(answer, 2, 0x80)],
    ['nothing but a header', (answer) => answer.subarray(0, 12)],
    ['not even a header', (answer) => answer.subarray(0, 1)],
  ])('is not believed of an answer with %s', async (_, forge) => {
    const server = await foreign((query, transport, bytes) => forge(saying('192.0.2.66')(query, transport, bytes)!));
    const honest = await foreign(saying('192.0.2.1'));
    const { askTcp } = await startStub({ nameservers: [server.host, honest.host] });

    expect(await askTcp('example.com')).toMatchObject({ answers: [{ data: '192.0.2.1' }] });
    expect(server.asked).toHaveLength(1);
  });

  it.each([['SERVFAIL', 2], ['NOTIMP', 4], ['REFUSED', 5]])('is asked of the next server when one says %s', async (_, code) => {
    const sick = await foreign(rcode(code));
    const well = await foreign(saying('192.0.2.1'));
    const { ask } = await startStub({ nameservers: [sick.host, well.host] });

    expect(await ask('example.com')).toMatchObject({ rcode: 'NOERROR', answers: [{ data: '192.0.2.1' }] });
    expect(sick.asked).toHaveLength(1);
  });

  it('is answered with the refusal of the last server when all refuse', async () => {
    const servers = [await foreign(rcode(2)), await foreign(rcode(5))];
    const { ask } = await startStub({ nameservers: servers.map(({ host }) => host) });

    expect(await ask('example.com')).toMatchObject({ rcode: 'REFUSED', answers: [] });
  });

  it('is asked of the next server when one is dead or named by no address, over UDP and TCP', async () => {
    const well = await foreign(saying('192.0.2.1'));
    const { ask, askTcp } = await startStub({ nameservers: ['resolver.example', '', ownAddress(), well.host] });

    expect(await ask('example.com')).toMatchObject({ answers: [{ data: '192.0.2.1' }] });
    expect(await askTcp('example.com')).toMatchObject({ answers: [{ data: '192.0.2.1' }] });
    expect(well.asked.map(({ transport }) => transport)).toEqual(['udp', 'tcp']);
  });

  it('that does not exist is asked of no second server, and of the controller never', async () => {
    const [first, second, controller] = [await foreign(rcode(3)), await foreign(saying('192.0.2.1')), await foreign(saying('192.0.2.2'))];
    const { ask } = await startStub({ nameservers: [first.host, second.host], controller: controller.host });

    expect(await ask('example.com')).toMatchObject({ rcode: 'NXDOMAIN', id: 4711 });
    expect([second.asked, controller.asked]).toEqual([[], []]);
  });

  it('comes cut over UDP as the server cut it, and whole over TCP', async () => {
    const server = await foreign((query, transport, bytes) => {
      const whole = saying('192.0.2.1')(query, transport, bytes)!;
      return transport === 'tcp' ? whole : answering(query, [], 0x0200);
    });
    const { ask, askTcp } = await startStub({ nameservers: [server.host] });

    expect(await ask('example.com')).toMatchObject({ flag_tc: true, answers: [] });
    expect(await askTcp('example.com')).toMatchObject({ flag_tc: false, answers: [{ data: '192.0.2.1' }] });
  });

  it('comes in the spelling of the server, which may differ in case', async () => {
    const server = await foreign((query, transport, bytes) => {
      const question = { ...query.questions![0]!, name: query.questions![0]!.name.toUpperCase() };
      return saying('192.0.2.1')({ ...query, questions: [question] }, transport, bytes);
    });
    const { ask } = await startStub({ nameservers: [server.host] });

    expect(await ask('example.com')).toMatchObject({ answers: [{ data: '192.0.2.1' }] });
  });

  it('survives a forged answer that comes before the right one over UDP', async () => {
    const host = ownAddress();
    const socket = createSocket('udp4');
    onTestFinished(() => void socket.close());
    socket.on('message', (bytes, from) => {
      const forged = Buffer.from(bytes);
      forged[0]! ^= 0xff;
      forged[2]! |= 0x80;
      socket.send(forged, from.port, from.address);
      const right = Buffer.from(bytes);
      right[2]! |= 0x80;
      socket.send(right, from.port, from.address);
    });
    await new Promise<void>((resolve) => socket.bind(53, host, resolve));
    const { ask } = await startStub({ nameservers: [host] });

    expect(await ask('example.com')).toMatchObject({ id: 4711, rcode: 'NOERROR', flag_qr: true });
  });
});

describe.skipIf(cannotBind !== '')(`a name of the network${cannotBind && ` (${cannotBind})`}`, () => {
  it('is answered from the map, and nobody is asked', async () => {
    const [server, controller] = [await foreign(saying('192.0.2.1')), await foreign(saying('192.0.2.2'))];
    const { ask, askTcp } = await startStub({ nameservers: [server.host], controller: controller.host });

    expect(await ask('web-1.default.nc.internal')).toMatchObject({ flag_aa: true, answers: [{ data: '10.66.0.5' }] });
    expect(await askTcp('web-1.default.nc.internal')).toMatchObject({ answers: [{ data: '10.66.0.5' }] });
    expect([server.asked, controller.asked]).toEqual([[], []]);
  });

  it('too long for UDP is cut, and whole over TCP', async () => {
    const { ask, askTcp } = await startStub();

    expect(await ask('_shop._tcp.svc.nc.internal', 'SRV')).toMatchObject({ flag_tc: true, answers: [] });
    expect(await askTcp('_shop._tcp.svc.nc.internal', 'SRV')).toMatchObject({ flag_tc: false, answers: { length: 60 } });
  });

  it('that the map does not have is asked of the controller, and of no name server', async () => {
    const [server, controller] = [await foreign(saying('192.0.2.1')), await foreign(saying('10.66.0.77'))];
    const { ask } = await startStub({ nameservers: [server.host], controller: controller.host });

    expect(await ask('added.nc.internal')).toMatchObject({ rcode: 'NOERROR', answers: [{ data: '10.66.0.77' }] });
    expect(server.asked).toEqual([]);
  });

  it.each<[string, Script | undefined]>([
    ['cannot be reached', undefined],
    ['fails', rcode(2)],
    ['refuses', rcode(5)],
    ['says that it does not exist', rcode(3)],
  ])('that the map does not have does not exist when the controller %s', async (_, script) => {
    const controller = script === undefined ? ownAddress() : (await foreign(script)).host;
    const { ask } = await startStub({ controller });

    expect(await ask('gone.default.nc.internal')).toMatchObject({ rcode: 'NXDOMAIN' });
  });

  it('that has no record of the type asked for is NOERROR without the controller', async () => {
    const { ask } = await startStub({ controller: '' });

    expect(await ask('web-1.default.nc.internal', 'SRV')).toMatchObject({ rcode: 'NOERROR', answers: [] });
  });
});

describe.skipIf(cannotBind !== '')(`a stub${cannotBind && ` (${cannotBind})`}`, () => {
  const sources = { answer: () => ({ kind: 'ignore' as const }), controller: () => '', nameservers: () => [] };

  it('is refused when all its addresses are taken, and says which', async () => {
    const { stub } = await startStub();

    await expect(NameStub.start([stub.address], sources, new ManualClock())).rejects.toMatchObject({ code: 'port_taken', message: expect.stringContaining(stub.address) });
  });

  it('takes the next address when one is taken', async () => {
    const { stub } = await startStub();
    const free = ownAddress();

    const next = await NameStub.start([stub.address, free], sources, new ManualClock());
    onTestFinished(() => next.stop());

    expect(next.address).toBe(free);
  });

  it('takes the next address when only TCP is taken there, and leaves the UDP port free', async () => {
    const [taken, free] = [ownAddress(), ownAddress()];
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(53, taken, resolve));

    const stub = await NameStub.start([taken, free], sources, new ManualClock());
    onTestFinished(() => stub.stop());
    expect(stub.address).toBe(free);

    await new Promise((resolve) => server.close(resolve));
    const again = await NameStub.start([taken], sources, new ManualClock());
    await again.stop();
  });

  it('goes on when it is sent what is no query', async () => {
    const { at, ask } = await startStub();
    const noQuery = Buffer.from([1, 2, 0x80]);

    await expect(askOverStream(at, noQuery, HANG_MS, () => true)).rejects.toMatchObject({ code: 'unavailable' });
    expect(await ask('web-1.default.nc.internal')).toMatchObject({ answers: [{ data: '10.66.0.5' }] });
  });

  it('leaves its port to others when it has ended', async () => {
    const at = ownAddress();
    const first = await NameStub.start([at], sources, new ManualClock());
    await first.stop();

    const next = await NameStub.start([at], sources, new ManualClock());
    await next.stop();

    expect(next.address).toBe(at);
  });
});

function flipped(answer: Buffer, at: number, bits = 0x01): Buffer {
  const copy = Buffer.from(answer);
  copy[at]! ^= bits;
  return copy;
}
