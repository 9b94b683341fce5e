import type { JSX, TargetedPointerEvent } from "preact";
import { useState } from "preact/hooks";
import type { TimedSample } from "@parley/admin";

/** What a plot shows of the samples. */
export interface PlotSource {
  readonly title: string;
  readonly source: string;
  /** A member of the samples. One that ends with `Total` is shown as its rate per second. */
  readonly name: string;
  readonly format: (value: number) => string;
}

const [WIDTH, HEIGHT] = [300, 64];
const SHOWN = 300;

/** The last five minutes of one number. */
export function Plot({ samples, source, name, title, format }: PlotSource & { samples: readonly TimedSample[] }): JSX.Element {
  const [hovered, setHovered] = useState<number | undefined>(undefined);
  const values = valuesOf(samples.slice(-SHOWN - 1), source, name);
  const max = Math.max(...values.map(({ value }) => value), 0);
  const last = values.at(-1)?.value ?? 0;
  const x = (index: number): number => WIDTH - (values.length - 1 - index) * (WIDTH / (SHOWN - 1));
  const y = (value: number): number => HEIGHT - 2 - (max === 0 ? 0 : (value / max) * (HEIGHT - 6));
  const points = values.map(({ value }, index) => `${x(index).toFixed(1)},${y(value).toFixed(1)}`);
  const shown = hovered === undefined ? undefined : values[hovered];
  const onMove = (event: TargetedPointerEvent<SVGSVGElement>): void => {
    const { left, width } = event.currentTarget.getBoundingClientRect();
    const place = ((event.clientX - left) / width) * WIDTH;
    const index = Math.round(values.length - 1 - (WIDTH - place) / (WIDTH / (SHOWN - 1)));
    setHovered(index >= 0 && index < values.length ? index : undefined);
  };
  return (
    <figure class="plot">
      <figcaption>
        <span>{title}</span>
        <strong>
          {shown === undefined ? format(last) : `${format(shown.value)} at ${new Date(shown.time).toLocaleTimeString("en-GB")}`}
        </strong>
      </figcaption>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${title}: now ${format(last)}, at most ${format(max)} in the last five minutes`}
        onPointerMove={onMove}
        onPointerLeave={() => setHovered(undefined)}
      >
        <line class="axis" x1="0" x2={WIDTH} y1={HEIGHT - 1} y2={HEIGHT - 1} />
        {points.length > 1 && (
          <>
            <polygon class="area" points={`${x(0)},${HEIGHT - 1} ${points.join(" ")} ${WIDTH},${HEIGHT - 1}`} />
            <polyline class="line" points={points.join(" ")} />
          </>
        )}
        {hovered !== undefined && <line class="cursor" x1={x(hovered)} x2={x(hovered)} y1="0" y2={HEIGHT} />}
      </svg>
      <span class="hint">at most {format(max)} in five minutes</span>
    </figure>
  );
}

function valuesOf(samples: readonly TimedSample[], source: string, name: string): readonly { time: number; value: number }[] {
  const read = ({ values }: TimedSample): number => values[source]?.[name] ?? 0;
  if (!name.endsWith("Total")) return samples.map((sample) => ({ time: sample.time, value: read(sample) }));
  return samples.slice(1).map((sample, index) => {
    const before = samples[index] ?? sample;
    const seconds = Math.max(0.2, (sample.time - before.time) / 1000);
    return { time: sample.time, value: Math.max(0, (read(sample) - read(before)) / seconds) };
  });
}
