import { type Signal, signal } from "@preact/signals";
import type { ShownEntry, TimedSample } from "@parley/admin";
import { call, request } from "./api.ts";
import { session } from "./session.ts";

/** Events that were not shown, in the place where they would be. */
export interface Gap {
  readonly seq: number;
  readonly missed: number;
}

export type LiveRow = ShownEntry | Gap;

/** Newest first. */
export const rows: Signal<readonly LiveRow[]> = signal([]);
export const samples: Signal<readonly TimedSample[]> = signal([]);
/** Whether new events are held back. */
export const isPaused: Signal<boolean> = signal(false);
/** Events held back while paused. */
export const heldBack: Signal<number> = signal(0);
/** Events that were not shown since the list was opened. */
export const missedTotal: Signal<number> = signal(0);
export const filterError: Signal<string> = signal("");

const MAX_ROWS = 5000;
const MAX_SAMPLES = 600;
const RETRY_MS = 1000;

let held: LiveRow[] = [];

/** Shows what was held back. */
export function resume(): void {
  isPaused.value = false;
  rows.value = [...held, ...rows.peek()].slice(0, MAX_ROWS);
  held = [];
  heldBack.value = 0;
}

export function isGap(row: LiveRow): row is Gap {
  return "missed" in row;
}

/**
 * Follows the events that match a filter, and the samples, until the signal aborts. Connects again after a loss.
 *
 * @param wantsEvents `false`: samples only.
 */
export async function follow(filter: string, wantsEvents: boolean, signal: AbortSignal): Promise<void> {
  rows.value = [];
  held = [];
  heldBack.value = 0;
  missedTotal.value = 0;
  filterError.value = "";
  // A filter that holds for no event: the stream then has samples only.
  const wanted = wantsEvents ? filter : "kind:none";
  try {
    samples.value = await call<readonly TimedSample[]>("samples");
    if (wantsEvents) rows.value = await call<readonly ShownEntry[]>(`events?${new URLSearchParams({ filter, limit: "500" })}`);
  } catch (error) {
    filterError.value = error instanceof Error ? error.message : "failed";
  }
  let last: number | undefined;
  while (!signal.aborted && session.peek() === undefined && filterError.peek() === "") {
    try {
      const first = rows.peek()[0]?.seq;
      const after = last ?? first;
      const query = new URLSearchParams({ filter: wanted, ...(after !== undefined && wantsEvents && { after: String(after) }) });
      const response = await request(`stream?${query}`, { signal });
      for await (const { name, data } of eventsOf(response)) {
        if (name === "samples") samples.value = [...samples.peek(), ...(data as TimedSample[])].slice(-MAX_SAMPLES);
        else last = take(data as { missed: number; last: number; events: ShownEntry[] });
      }
    } catch {
      // The next attempt shows whether the server is back.
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

function take({ missed, last, events }: { missed: number; last: number; events: ShownEntry[] }): number {
  const fresh: LiveRow[] = events.toReversed();
  const oldest = events[0]?.seq ?? last;
  if (missed > 0) fresh.push({ seq: oldest - 1, missed });
  missedTotal.value += missed;
  if (isPaused.peek()) {
    held = [...fresh, ...held].slice(0, MAX_ROWS);
    heldBack.value += events.length + missed;
  } else if (fresh.length > 0) {
    rows.value = [...fresh, ...rows.peek()].slice(0, MAX_ROWS);
  }
  return last;
}

async function* eventsOf(response: Response): AsyncGenerator<{ name: string; data: unknown }> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (let part = await reader?.read(); part?.done === false; part = await reader?.read()) {
    text += part.value;
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const [, name, data] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? [];
      if (name !== undefined && data !== undefined) yield { name, data: JSON.parse(data) as unknown };
    }
  }
}
