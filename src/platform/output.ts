import pc from 'picocolors';
import { formatTable, type Column } from './text-table.js';
import { stringifyYaml } from './yaml-config.js';

/** How a command prints its result. */
export const OUTPUT_FORMATS = ['table', 'wide', 'json', 'yaml'] as const;

/** One of {@link OUTPUT_FORMATS}. */
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/** What an output needs of a stream; `process.stdout` is one. */
export interface TextStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  /** Columns of the terminal. */
  readonly columns?: number;
}

/** The streams and environment that a command prints with; `process` is one. */
export interface Terminal {
  readonly stdout: TextStream;
  readonly stderr: TextStream;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Colours as functions of text; each gives the text back where colours are off. */
export type Colors = Pick<typeof pc, 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'>;

/** What `-o` and `--no-headers` asked for. */
export interface OutputOptions {
  readonly format: OutputFormat;
  readonly headers: boolean;
}

const NARROWEST_TERMINAL = 40;

/** Prints what a command has to say: the result on stdout, for people or for programs, all else on stderr. */
export class Output {
  readonly format: OutputFormat;
  /** Colours for stdout: on a terminal only, and not against NO_COLOR. @see https://no-color.org */
  readonly colors: Colors;
  readonly #terminal: Terminal;
  readonly #headers: boolean;

  constructor(terminal: Terminal, options: OutputOptions) {
    this.#terminal = terminal;
    this.#headers = options.headers;
    this.format = options.format;
    this.colors = pc.createColors(wantsColors(terminal));
  }

  /** Prints one result: programs get all of `value`, people the text that `describe` makes of it. */
  result(value: unknown, describe: () => string): void {
    if (this.#forPrograms()) this.#writeValue(value);
    else this.#terminal.stdout.write(ensureNewline(describe()));
  }

  /** Prints a list: programs get all of `value`, people a table with a line for each of `rows`. */
  table<Row>(value: unknown, columns: readonly Column<Row>[], rows: readonly Row[]): void {
    this.result(value, () => this.layOut(columns, rows));
  }

  /** The table alone, as wide as the terminal allows. */
  layOut<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
    const width = this.#terminal.stdout.isTTY === true ? Math.max(NARROWEST_TERMINAL, this.#terminal.stdout.columns ?? 80) : Infinity;
    return formatTable(columns, rows, { headers: this.#headers, wide: this.format === 'wide', width });
  }

  /** Prints one item of a stream as soon as it is there: a JSON line, a YAML document, or the line that `describe` makes. */
  item(value: unknown, describe: () => string): void {
    if (this.format === 'json') this.#terminal.stdout.write(`${JSON.stringify(value, plainValue)}\n`);
    else if (this.format === 'yaml') this.#terminal.stdout.write(`---\n${toYaml(value)}`);
    else this.#terminal.stdout.write(ensureNewline(describe()));
  }

  /** Tells people something beside the result, on stderr, so that stdout pipes; programs are spared it. */
  note(sentence: string): void {
    if (!this.#forPrograms()) this.#terminal.stderr.write(`${sentence}\n`);
  }

  #forPrograms(): boolean {
    return this.format === 'json' || this.format === 'yaml';
  }

  #writeValue(value: unknown): void {
    this.#terminal.stdout.write(this.format === 'json' ? `${JSON.stringify(value, plainValue, 2)}\n` : toYaml(value));
  }
}

function wantsColors({ stdout, env }: Terminal): boolean {
  return stdout.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
}

function toYaml(value: unknown): string {
  return stringifyYaml(JSON.parse(JSON.stringify(value, plainValue)));
}

/** Revisions outgrow a JSON number, so they travel as decimal strings. */
function plainValue(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}

function ensureNewline(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}
