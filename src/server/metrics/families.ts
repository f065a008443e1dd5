import { Counter, Gauge, type Registry } from 'prom-client';

/** One value of a family, with what tells it from the others. */
export interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A family that is read where somebody else counts, at each scrape and never in between. */
export interface ReadFamily {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
  read(): Iterable<Sample>;
}

/** Adds counters that other parts keep. Labels that are no longer read are no longer shown. */
export function readCounter(registry: Registry, { name, help, labels = [], read }: ReadFamily): void {
  new Counter({
    name,
    help,
    labelNames: [...labels],
    registers: [registry],
    collect() {
      this.reset();
      for (const { labels: of = {}, value } of read()) this.inc({ ...of }, value);
    },
  });
}

/** Adds what there is at the moment. Labels that are no longer read are no longer shown. */
export function readGauge(registry: Registry, { name, help, labels = [], read }: ReadFamily): void {
  new Gauge({
    name,
    help,
    labelNames: [...labels],
    registers: [registry],
    collect() {
      this.reset();
      for (const { labels: of = {}, value } of read()) this.set({ ...of }, value);
    },
  });
}

/** A sample for each entry of a record, its key as the label `label`. */
export function samplesOf(label: string, values: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(values).map(([key, value]) => ({ labels: { [label]: key }, value }));
}
