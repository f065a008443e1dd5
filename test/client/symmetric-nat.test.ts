import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import { isNatSymmetric } from '../../src/client/symmetric-nat.js';
import { answerBinding } from '../../src/platform/stun.js';

type Answer = (request: Buffer, from: RemoteInfo) => readonly Buffer[];

it('does not know when one of the two does not answer', async () => {
  expect(await isNatSymmetric([await aServer(honest), await aServer(() => [])])).toBeUndefined();
});

it('does not know when all it gets is rubbish', async () => {
  const rubbish: Answer = (request, from) => {
    const foreign = Buffer.from(honest(request, from)[0]!);
    foreign.writeUInt8(foreign.readUInt8(8) ^ 1, 8);
    return [Buffer.from('hello'), request, foreign, honest(request, from)[0]!.subarray(0, 22), Buffer.alloc(0)];
  };

  expect(await isNatSymmetric([await aServer(honest), await aServer(rubbish)])).toBeUndefined();
});

it('says no when both see the same port', async () => {
  expect(await isNatSymmetric([await aServer(honest), await aServer(honest)])).toBe(false);
});

it('says yes when each sees another', async () => {
  const throughNat: Answer = (request, from) => honest(request, { ...from, port: from.port ^ 1 });

  expect(await isNatSymmetric([await aServer(honest), await aServer(throughNat)])).toBe(true);
});

it('bears a lost answer', async () => {
  let asked = 0;
  const forgetful: Answer = (request, from) => (++asked === 1 ? [] : honest(request, from));

  expect(await isNatSymmetric([await aServer(honest), await aServer(forgetful)])).toBe(false);
});

function honest(request: Buffer, from: RemoteInfo): Buffer[] {
  const answer = answerBinding(request, from);
  return answer === undefined ? [] : [answer];
}

/** A STUN server on this machine. @returns its endpoint. */
async function aServer(answer: Answer): Promise<string> {
  const socket: Socket = createSocket('udp4', (request, from) => answer(request, from).forEach((each) => socket.send(each, from.port, from.address)));
  onTestFinished(() => void socket.close());
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return `127.0.0.1:${socket.address().port}`;
}
