import { stripVTControlCharacters } from 'node:util';
import Table from 'cli-table3';

/** One column of a table of `Row`s. */
export interface Column<Row> {
  readonly title: string;
  /** The text of the cell; it may carry colours. */
  readonly cell: (row: Row) => string;
  /** Shown by `-o wide` alone. */
  readonly wide?: boolean;
  /** How much the column may be cut when the terminal is narrow, the highest first; 0, the default, for not at all. */
  readonly yields?: number;
  readonly align?: 'left' | 'right';
}

/** How a table is to look. */
export interface TableLayout {
  readonly headers: boolean;
  /** Whether columns marked `wide` appear. */
  readonly wide: boolean;
  /** Columns of the terminal, or Infinity when the text goes elsewhere. */
  readonly width: number;
}

const NO_BORDERS = Object.fromEntries(
  ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right', 'left', 'left-mid', 'mid', 'mid-mid']
    .concat(['right', 'right-mid', 'middle'])
    .map((name) => [name, '']),
);
const GAP = 2;
const NARROWEST = 6;

/**
 * Lays rows out in columns without borders, cut so that no line is longer than the terminal is wide as long as a column yields.
 *
 * @returns Lines without trailing blanks, each ended by a newline; the empty string for no rows and no headers.
 */
export function formatTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[], layout: TableLayout): string {
  const shown = columns.filter((column) => layout.wide || column.wide !== true);
  const cells = rows.map((row) => shown.map((column) => column.cell(row)));
  const head = layout.headers ? shown.map((column) => column.title) : [];
  const widths = fitWidths(shown, naturalWidths(shown.length, layout.headers ? [head, ...cells] : cells), layout.width);
  const table = new Table({
    chars: NO_BORDERS,
    style: { 'padding-left': 0, 'padding-right': GAP, head: [], border: [], compact: true },
    head,
    colWidths: widths.map((width) => width + GAP),
    colAligns: shown.map((column) => column.align ?? 'left'),
  });
  table.push(...cells);
  return cells.length + head.length === 0 ? '' : trimLines(table.toString());
}

/** The columns a text takes on the terminal, colours not counted. */
export function visibleLength(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}

function naturalWidths(count: number, lines: readonly (readonly string[])[]): number[] {
  return Array.from({ length: count }, (_, index) => Math.max(1, ...lines.map((line) => visibleLength(line[index] ?? ''))));
}

/** Takes what is too much from the columns that yield, most willing first, down to a width that still tells something. */
function fitWidths<Row>(columns: readonly Column<Row>[], natural: readonly number[], width: number): number[] {
  const widths = [...natural];
  let excess = widths.reduce((sum, each) => sum + each + GAP, -GAP) - width;
  const byWillingness = columns
    .map((column, index) => ({ index, yields: column.yields ?? 0 }))
    .filter(({ yields }) => yields > 0)
    .sort((a, b) => b.yields - a.yields);
  for (const { index } of byWillingness) {
    const cut = Math.max(0, Math.min(excess, (widths[index] ?? 0) - NARROWEST));
    widths[index] = (widths[index] ?? 0) - cut;
    excess -= cut;
  }
  return widths;
}

function trimLines(text: string): string {
  return text
    .split('\n')
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}
