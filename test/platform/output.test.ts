import { describe, expect, it } from 'vitest';
import { Output, type OutputFormat, type TextStream } from '../../src/platform/output.js';
import type { Column } from '../../src/platform/text-table.js';

interface Row {
  readonly name: string;
  readonly note: string;
  readonly key: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: 'NAME', cell: (row) => row.name },
  { title: 'NOTE', cell: (row) => row.note, yields: 2 },
  { title: 'KEY', cell: (row) => row.key, wide: true },
];
const ROWS: readonly Row[] = [
  { name: 'web-1', note: 'a rather long remark about this node', key: 'k1' },
  { name: 'db', note: 'short', key: 'k2' },
];

describe('the output of a command', () => {
  it('prints columns without borders, headers first', () => {
    const { output, stdout } = capture();

    output.table(ROWS, COLUMNS, ROWS);

    expect(stdout.text).toBe('NAME   NOTE\nweb-1  a rather long remark about this node\ndb     short\n');
  });

  it('leaves the headers out when asked', () => {
    const { output, stdout } = capture({ headers: false });

    output.table(ROWS, COLUMNS, ROWS);

    expect(stdout.text.split('\n')[0]).toBe('web-1  a rather long remark about this node');
  });

  it('shows the wide columns with wide alone', () => {
    const { output, stdout } = capture({ format: 'wide' });

    output.table(ROWS, COLUMNS, ROWS);

    expect(stdout.text).toContain('KEY');
  });

  it('cuts the column that yields so that no line outgrows the terminal', () => {
    const { output, stdout } = capture({ isTTY: true, columns: 40 });

    output.table(ROWS, COLUMNS, ROWS);

    expect(Math.max(...stdout.text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(40);
    expect(stdout.text).toContain('…');
    expect(stdout.text).toContain('web-1');
  });

  it('cuts the most willing column first, and no more than is needed', () => {
    const { output, stdout } = capture({ isTTY: true, columns: 40, headers: false });
    const columns: Column<string>[] = [
      { title: 'A', cell: () => 'a'.repeat(20), yields: 1 },
      { title: 'B', cell: () => 'b'.repeat(20), yields: 2 },
    ];

    output.table(['row'], columns, ['row']);

    expect(stdout.text).toBe(`${'a'.repeat(20)}  ${'b'.repeat(17)}…\n`);
  });

  it('cuts nothing when stdout is not a terminal', () => {
    const { output, stdout } = capture({ columns: 20 });

    output.table(ROWS, COLUMNS, ROWS);

    expect(stdout.text).toContain('a rather long remark about this node');
  });

  it('writes revisions in JSON as decimal strings', () => {
    const { output, stdout } = capture({ format: 'json' });

    output.result({ revision: 18446744073709551615n }, () => 'text');

    expect(JSON.parse(stdout.text)).toEqual({ revision: '18446744073709551615' });
  });

  it('writes the same value in YAML', () => {
    const { output, stdout } = capture({ format: 'yaml' });

    output.result({ revision: 7n, names: ['a'] }, () => 'text');

    expect(stdout.text).toBe('revision: "7"\nnames:\n  - a\n');
  });

  it('writes a stream as JSON lines', () => {
    const { output, stdout } = capture({ format: 'json' });

    output.item({ revision: 1n }, () => '');
    output.item({ revision: 2n }, () => '');

    expect(stdout.text).toBe('{"revision":"1"}\n{"revision":"2"}\n');
  });

  it('keeps notes off stdout, and away from programs', () => {
    const human = capture();
    const program = capture({ format: 'json' });

    human.output.note('next: join');
    program.output.note('next: join');

    expect([human.stdout.text, human.stderr.text]).toEqual(['', 'next: join\n']);
    expect(program.stderr.text).toBe('');
  });

  it.each([
    ['a pipe', {}, {}, 'x'],
    ['NO_COLOR', { isTTY: true }, { NO_COLOR: '1' }, 'x'],
    ['a dumb terminal', { isTTY: true }, { TERM: 'dumb' }, 'x'],
    ['a terminal', { isTTY: true }, {}, '\u001b[31mx\u001b[39m'],
  ])('colours as %s wants it', (_where, stream, env, wanted) => {
    const { output } = capture({ ...stream, env });

    expect(output.colors.red('x')).toBe(wanted);
  });

  it('aligns coloured cells by what is seen of them', () => {
    const { output, stdout } = capture({ isTTY: true, columns: 80 });
    const coloured: Column<Row>[] = [{ title: 'NAME', cell: (row) => output.colors.green(row.name) }, COLUMNS[1] as Column<Row>];

    output.table(ROWS, coloured, ROWS);

    const plain = stdout.text.replaceAll(/\u001b\[\d+m/g, '').split('\n');
    expect(plain[2]).toBe('db     short');
  });
});

interface Setup {
  readonly format?: OutputFormat;
  readonly headers?: boolean;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly env?: Record<string, string>;
}

function capture({ format = 'table', headers = true, isTTY = false, columns = 80, env = {} }: Setup = {}) {
  const stdout = new Captured(isTTY, columns);
  const stderr = new Captured(isTTY, columns);
  return { output: new Output({ stdout, stderr, env }, { format, headers }), stdout, stderr };
}

class Captured implements TextStream {
  text = '';
  constructor(
    readonly isTTY: boolean,
    readonly columns: number,
  ) {}
  write(text: string): void {
    this.text += text;
  }
}
