/** One series of a scrape. */
export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What a server tells a monitor. */
export interface Scrape {
  readonly text: string;
  readonly series: readonly Series[];
  /** Type and help of each family, by its name. */
  readonly families: ReadonlyMap<string, { readonly type: string; readonly help: string }>;
  /** The one series that has these labels, among others or alone; undefined for none. */
  value(name: string, labels?: Readonly<Record<string, string>>): number | undefined;
}

/** Asks `/metrics` on a port of loopback as Prometheus does. @see https://prometheus.io/docs/instrumenting/exposition_formats */
export async function scrape(port: number): Promise<Scrape> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const lines = text.split('\n');
  const words = (keyword: string) => new Map(lines.filter((line) => line.startsWith(`# ${keyword} `)).map((line) => /^# \w+ (\S+) (.*)$/.exec(line)!.slice(1) as [string, string]));
  const [helps, types] = [words('HELP'), words('TYPE')];
  const series = lines.filter((line) => line !== '' && !line.startsWith('#')).map(seriesOf);
  return {
    text,
    series,
    families: new Map([...types].map(([name, type]) => [name, { type, help: helps.get(name) ?? '' }])),
    value: (name, wanted = {}) => series.find((each) => each.name === name && Object.entries(wanted).every(([label, value]) => each.labels[label] === value))?.value,
  };
}

function seriesOf(line: string): Series {
  const [, name, labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
  if (name === undefined || value === undefined) throw new Error(`no line of the text format: ${line}`);
  return { name, labels: Object.fromEntries([...labels.matchAll(/(\w+)="([^"]*)"/g)].map((match) => [match[1], match[2]])), value: Number(value) };
}
