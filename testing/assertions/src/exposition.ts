/** One sample of Prometheus' text format. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A histogram of one set of labels. */
export interface ReadHistogram {
  /** By upper bound in seconds, ascending, `Infinity` last: how many were at most that long. */
  readonly buckets: ReadonlyMap<number, number>;
  readonly sum: number;
  readonly count: number;
}

const SAMPLE = /^(?<name>[a-zA-Z_:][\w:]*)(?:\{(?<labels>.*)\})? (?<value>\S+)$/;
const LABEL = /(?<label>\w+)="(?<text>(?:[^"\\]|\\.)*)"/g;

/** Reads an answer of `/metrics`. @throws Error for a line that is not of the format */
export function readExposition(text: string): readonly Sample[] {
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const { name = "", labels = "", value = "" } = SAMPLE.exec(line)?.groups ?? {};
      if (name === "") throw new Error(`not a sample: ${line}`);
      const read = Array.from(labels.matchAll(LABEL), ({ groups }) => [groups?.["label"] ?? "", groups?.["text"] ?? ""] as const);
      return { name, labels: Object.fromEntries(read), value: Number(value.replace("+Inf", "Infinity")) };
    });
}

/** Reads the histogram with a name and labels. @throws Error if it is missing, or its buckets are not ascending */
export function readHistogram(samples: readonly Sample[], name: string, labels: Readonly<Record<string, string>> = {}): ReadHistogram {
  const own = samples.filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value));
  const buckets = new Map<number, number>();
  for (const { labels: of, value } of own.filter((sample) => sample.name === `${name}_bucket`)) {
    const bound = Number((of["le"] ?? "").replace("+Inf", "Infinity"));
    const [last] = [...buckets].slice(-1);
    if (last !== undefined && (last[0] >= bound || last[1] > value)) throw new Error(`${name}: bucket ${bound} is below the one before it`);
    buckets.set(bound, value);
  }
  const valueOf = (suffix: string): number | undefined => own.find((sample) => sample.name === name + suffix)?.value;
  const [sum, count] = [valueOf("_sum"), valueOf("_count")];
  if (sum === undefined || count === undefined || buckets.size === 0) throw new Error(`no histogram ${name}`);
  if (buckets.get(Number.POSITIVE_INFINITY) !== count) throw new Error(`${name}: the last bucket differs from the count`);
  return { buckets, sum, count };
}
