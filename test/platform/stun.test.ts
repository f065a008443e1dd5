import { expect, it } from 'vitest';
import { answerBinding, bindingRequest, isStun, mappedEndpoint, wantsOtherPort } from '../../src/platform/stun.js';

it.each([
  [{ address: '203.0.113.7', port: 51820 }, '203.0.113.7:51820'],
  [{ address: '::ffff:203.0.113.7', port: 1 }, '203.0.113.7:1'],
  [{ address: '2001:db8::7', port: 65535 }, '[2001:db8::7]:65535'],
  [{ address: 'fe80::1%eth0', port: 7 }, '[fe80::1]:7'],
])('tells %j where it is', (source, endpoint) => {
  const request = bindingRequest();

  const answer = answerBinding(request, source)!;

  expect(mappedEndpoint(request, answer)).toBe(endpoint);
  expect(answer.length).toBeLessThanOrEqual(request.length);
});

it('reads the answer of RFC 5769 §2.2, other attributes before it', () => {
  const request = Buffer.from('000100002112a442b7e7a701bc34d686fa87dfae', 'hex');
  const answer = Buffer.from(
    '0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643' +
      '000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96',
    'hex',
  );

  expect(mappedEndpoint(request, answer)).toBe('192.0.2.1:32853');
});

it('answers nothing that is shorter than its answer, ends elsewhere than it says, or is no request', () => {
  const source = { address: '203.0.113.7', port: 51820 };
  const short = bindingRequest().subarray(0, 20);
  short.writeUInt16BE(0, 2);
  const other = bindingRequest();
  other.writeUInt16BE(0x0011, 0);

  expect([short, other, bindingRequest().subarray(0, 40)].map((message) => answerBinding(message, source))).toEqual([undefined, undefined, undefined]);
});

it('believes no answer to another request, none that is cut short, and none without an address', () => {
  const request = bindingRequest();
  const answer = answerBinding(request, { address: '203.0.113.7', port: 51820 })!;

  const answers = [answerBinding(bindingRequest(), { address: '203.0.113.7', port: 1 })!, request, Buffer.alloc(0)];
  for (let end = 0; end < answer.length; end++) answers.push(answer.subarray(0, end));

  for (const each of answers) expect(mappedEndpoint(request, each)).toBeUndefined();
});

it('asks for an answer from another port, with no longer a message', () => {
  const [plain, otherwise] = [bindingRequest(), bindingRequest({ otherPort: true })];

  expect([plain, otherwise].map(wantsOtherPort)).toEqual([false, true]);
  expect(otherwise.length).toBe(plain.length);
  expect(mappedEndpoint(otherwise, answerBinding(otherwise, { address: '203.0.113.7', port: 9 })!)).toBe('203.0.113.7:9');
});

it('reads that wish from no message that is cut short', () => {
  const request = bindingRequest({ otherPort: true });

  for (let end = 20; end < 28; end++) expect(wantsOtherPort(request.subarray(0, end))).toBe(false);
});

it('takes no message of WireGuard for its own', () => {
  for (const type of [1, 2, 3, 4]) expect(isStun(Buffer.concat([Buffer.of(type, 0, 0, 0), bindingRequest().subarray(4)]))).toBe(false);
});
