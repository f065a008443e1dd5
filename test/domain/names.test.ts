import { expect, it } from 'vitest';
import { labelFrom, nameVariant, parseNodeName } from '../../src/domain/names.js';

it.each(['', 'Web', 'web 1', '-web', 'web-', 'a.b', 'wéb', 'x'.repeat(64), 'web\n'])('refuses %j as a node name', (text) =>
  expect(() => parseNodeName(text)).toThrow(/node_name: want a lower-case DNS label/),
);

it('makes a label of whatever a machine calls itself', () => {
  expect(labelFrom('Web_1.example.org')).toBe('web-1');
  expect(labelFrom('日本')).toBe('');
  expect(labelFrom('--a--')).toBe('a');
  expect(labelFrom('x'.repeat(70))).toHaveLength(63);
});

it('keeps every variant of a name a label', () => {
  const long = parseNodeName('x'.repeat(63));
  expect(nameVariant(parseNodeName('web'), 1)).toBe('web');
  expect(nameVariant(parseNodeName('web'), 12)).toBe('web-12');
  expect(parseNodeName(nameVariant(long, 100))).toHaveLength(63);
});
