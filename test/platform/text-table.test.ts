import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatTable, visibleLength, type Column, type TableLayout } from '../../src/platform/text-table.js';

type Row = readonly [string, string, string];

const COLUMNS: readonly Column<Row>[] = [
  { title: 'NAME', cell: (row) => row[0] },
  { title: 'NOTE', cell: (row) => row[1], yields: 1 },
  { title: 'MORE', cell: (row) => row[2], yields: 2 },
];
const LAYOUT: TableLayout = { headers: true, wide: false, width: Infinity };
const red = (text: string): string => `\u001b[31m${text}\u001b[39m`;
const linesOf = (text: string): string[] => text.split('\n').slice(0, -1);

describe('a table', () => {
  it('of no rows is nothing without headers, and the headers alone with them', () => {
    expect(formatTable(COLUMNS, [], { ...LAYOUT, headers: false })).toBe('');
    expect(formatTable(COLUMNS, [], LAYOUT)).toBe('NAME  NOTE  MORE\n');
  });

  it('never cuts a column that does not yield, though the terminal is too narrow', () => {
    const text = formatTable(COLUMNS, [['a-name-of-many-letters', 'n'.repeat(30), 'm'.repeat(30)]], { ...LAYOUT, width: 20 });

    expect(text).toContain('a-name-of-many-letters');
  });

  it('cuts the most willing column first, and leaves the other whole while that is enough', () => {
    const text = formatTable(COLUMNS, [['web', 'n'.repeat(10), 'm'.repeat(30)]], { ...LAYOUT, width: 35 });

    expect(text).toContain('n'.repeat(10));
    expect(text).not.toContain('m'.repeat(30));
    expect(text).toContain('…');
  });

  it('leaves of a column at least so much that it still tells something', () => {
    const [, line] = linesOf(formatTable(COLUMNS, [['web', 'n'.repeat(40), 'm'.repeat(40)]], { ...LAYOUT, width: 1 }));

    expect(line).toBe('web   nnnnn…  mmmmm…');
  });

  it('does not count colours as width', () => {
    const plain = linesOf(formatTable(COLUMNS, [['web', 'ok', 'x'], ['database', 'bad', 'y']], LAYOUT));
    const coloured = linesOf(formatTable(COLUMNS, [['web', red('ok'), 'x'], ['database', red('bad'), 'y']], LAYOUT));

    expect(coloured.map((line) => line.replaceAll(/\u001b\[\d+m/g, ''))).toEqual(plain);
  });

  it('sets numbers against the right edge', () => {
    const columns: Column<Row>[] = [{ title: 'COUNT', cell: (row) => row[0], align: 'right' }, { title: 'X', cell: (row) => row[1] }];

    expect(formatTable(columns, [['7', 'a', ''], ['1234567', 'b', '']], LAYOUT)).toBe('  COUNT  X\n      7  a\n1234567  b\n');
  });

  it('has a line for each row, none with blanks at its end, and none wider than the terminal while columns yield', () => {
    const word = fc.stringMatching(/^[a-z]{1,40}$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(word.map((text) => text.slice(0, 8)), word, word), { minLength: 1, maxLength: 6 }), fc.integer({ min: 30, max: 120 }), (rows, width) => {
        const lines = linesOf(formatTable(COLUMNS, rows, { ...LAYOUT, width }));
        expect(lines).toHaveLength(rows.length + 1);
        for (const line of lines) {
          expect(line).toBe(line.trimEnd());
          expect(visibleLength(line)).toBeLessThanOrEqual(width);
        }
      }),
      { seed: 77, numRuns: 150 },
    );
  });
});
