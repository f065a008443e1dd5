import { randomBytes } from 'node:crypto';
import { blake2s } from '@noble/hashes/blake2.js';
import { describe, expect, it } from 'vitest';
import { BLOCK_BYTES, keyed, takeBlock, wordsOf } from '../../../../src/platform/wireguard/protocol/blake2s-blocks.js';
import { AddressedMessage, isAddressedTo, mac1For, writeMac1 } from '../../../../src/platform/wireguard/protocol/mac.js';
import { MAC_LENGTH, MESSAGE_LENGTH } from '../../../../src/platform/wireguard/protocol/wire.js';

describe('a handshake message is not for somebody', () => {
  it.each([0, 3, 60, 63, 64, 115, 116, 120, 131])('when the bit in octet %i was turned', (at) => {
    const [owner, message] = aMessage();
    message[at]! ^= 4;

    expect(new AddressedMessage(message).isTo(owner)).toBe(false);
    expect(isAddressedTo(owner, message)).toBe(false);
  });

  it('who has another key, one that differs in a bit too', () => {
    const key = randomBytes(32);
    const message = aMessage(key)[1];
    const almost = Buffer.from(key);
    almost[31]! ^= 1;

    expect(new AddressedMessage(message).isTo(mac1For(almost))).toBe(false);
    expect(new AddressedMessage(message).isTo(mac1For(randomBytes(32)))).toBe(false);
  });
});

describe('a handshake message is for one of many', () => {
  it('whoever was asked about before', () => {
    const owners = Array.from({ length: 50 }, () => mac1For(randomBytes(32)));
    const message = aMessage()[1];
    writeMac1(owners[37]!, message);

    const addressed = new AddressedMessage(message);
    const found = owners.filter((owner) => addressed.isTo(owner));

    expect(found).toEqual([owners[37]]);
    expect(addressed.isTo(owners[37]!)).toBe(true);
  });

  it('whatever its second cookie says', () => {
    const [owner, message] = aMessage();
    randomBytes(MAC_LENGTH).copy(message, message.length - MAC_LENGTH);

    expect(new AddressedMessage(message).isTo(owner)).toBe(true);
  });

  it('a response too, which is shorter than two blocks', () => {
    const [owner, message] = aMessage(randomBytes(32), MESSAGE_LENGTH.response);

    expect(new AddressedMessage(message).isTo(owner)).toBe(true);
    expect(new AddressedMessage(message).isTo(mac1For(randomBytes(32)))).toBe(false);
  });
});

it.each([1, 31, 32, 63, 64, 65, 116, 127, 128, 129, 500])('taken in by blocks, %i octets have the digest that BLAKE2s gives them', (length) => {
  for (const [keyBytes, digestBytes] of [[32, 16], [16, 32], [1, 1]] as const) {
    const [key, data] = [randomBytes(keyBytes), randomBytes(length)];
    const [chain, words] = [keyed(key, digestBytes), wordsOf(data)];
    for (let at = 0; at < length; at += BLOCK_BYTES) takeBlock(chain, words, at / 4, BLOCK_BYTES + Math.min(at + BLOCK_BYTES, length), at + BLOCK_BYTES >= length);

    expect(Buffer.from(chain.buffer).subarray(0, digestBytes)).toEqual(Buffer.from(blake2s(data, { key, dkLen: digestBytes })));
  }
});

function aMessage(key = randomBytes(32), length: number = MESSAGE_LENGTH.initiation) {
  const message = randomBytes(length);
  const owner = mac1For(key);
  writeMac1(owner, message);
  return [owner, message] as const;
}
