import type { JSX } from "preact";
import type { ChannelView } from "@parley/admin";
import { clock } from "./format.ts";

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [720, 150, 36, 130, 12, 22];
/** Lines that are drawn; further ones are left out. */
const MAX_LINES = 6;

interface Step {
  readonly time: number;
  readonly epoch: number;
}

/** The epochs of a channel over time, a line for each lens. Lines that stay apart are a fork. */
export function EpochPlot({ views }: { views: readonly ChannelView[] }): JSX.Element | null {
  const now = Date.now();
  const lines = views.slice(0, MAX_LINES).map((view) => ({ name: view.lens, steps: stepsOf(view) }));
  const all = lines.flatMap(({ steps }) => steps);
  if (all.length === 0) return null;
  const start = Math.min(...all.map(({ time }) => time));
  const epochs = [...all.map(({ epoch }) => epoch - 1), ...views.map(({ epoch }) => epoch)];
  const [low, high] = [Math.max(0, Math.min(...epochs)), Math.max(...epochs)];
  const x = (time: number): number => LEFT + ((time - start) / Math.max(1, now - start)) * (WIDTH - LEFT - RIGHT);
  const y = (epoch: number): number => HEIGHT - BOTTOM - ((epoch - low) / Math.max(1, high - low)) * (HEIGHT - TOP - BOTTOM);
  const ticks = [...new Set([low, Math.round((low + high) / 2), high])];
  const text = views.map(({ lens, epoch }) => `${lens} is in epoch ${epoch}`).join(", ");
  return (
    <figure class="plot epochs">
      <figcaption>
        <span>Epochs over time, by lens</span>
        <span class="faint">since {clock(start).slice(0, 8)}</span>
      </figcaption>
      <div class="scroller" tabIndex={0} role="group" aria-label="Plot of epochs">
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`Epochs over time: ${text}`}>
          {ticks.map((tick) => (
            <g key={tick}>
              <line class="axis" x1={LEFT} x2={WIDTH - RIGHT} y1={y(tick)} y2={y(tick)} />
              <text class="tick" x={LEFT - 8} y={y(tick) + 4} text-anchor="end">
                {tick}
              </text>
            </g>
          ))}
          {lines.map(({ name, steps }, index) => (
            <g key={name} class={`series series-${index}`}>
              <path d={pathOf(steps, { x, y, now })} />
              <text
                x={WIDTH - RIGHT + 8}
                y={labelY(
                  index,
                  lines.map((line) => y(line.steps.at(-1)?.epoch ?? low)),
                )}
              >
                {name.slice(0, 16)} {views[index]?.epoch}
              </text>
            </g>
          ))}
        </svg>
      </div>
    </figure>
  );
}

/** The epochs that a lens has recorded. */
function stepsOf({ commits, epoch }: ChannelView): readonly Step[] {
  const [first] = commits;
  if (first === undefined) return [];
  const steps = commits.map((commit) => ({ time: commit.time, epoch: commit.epoch }));
  return [{ time: first.time, epoch: first.epoch - 1 }, ...steps, ...(steps.at(-1)?.epoch === epoch ? [] : [{ time: Date.now(), epoch }])];
}

function pathOf(
  steps: readonly Step[],
  { x, y, now }: { readonly x: (time: number) => number; readonly y: (epoch: number) => number; readonly now: number },
): string {
  const [first] = steps;
  if (first === undefined) return "";
  const parts = steps.map(({ time, epoch }) => `H${x(time).toFixed(1)}V${y(epoch).toFixed(1)}`);
  return `M${x(first.time).toFixed(1)},${y(first.epoch).toFixed(1)}${parts.join("")}H${x(now).toFixed(1)}`;
}

/** The height of a label below those of lines that end at the same height. */
function labelY(index: number, ends: readonly number[]): number {
  const own = ends[index] ?? 0;
  return own + 4 + 14 * ends.slice(0, index).filter((end) => Math.abs(end - own) < 14).length;
}
