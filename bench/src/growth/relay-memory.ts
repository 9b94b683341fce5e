import { measureCurve } from "../harness.ts";
import { RelayPair } from "./relay-pair.ts";

const COUNTS = [10, 100, 1000, 10_000];

/** Memory of a relay in memory with 10 to 10,000 unused channels, and with an idle subscription to each. */
export async function relayMemoryCurve(): Promise<void> {
  const quiet = await GrowingRelay.create();
  const subscribed = await GrowingRelay.create();
  try {
    await measureCurve({
      title: "Memory of a relay above that of an empty one",
      unit: "KiB",
      axis: "channels",
      at: COUNTS,
      variants: [
        { name: "quiet channels", run: (at) => quiet.growTo(at) },
        {
          name: "channels with an idle subscription of one client",
          run: (at) => subscribed.growTo(at, (names) => subscribed.pair.subscribeTo(names)),
        },
      ],
    });
  } finally {
    await quiet.pair.close();
    await subscribed.pair.close();
  }
}

class GrowingRelay {
  readonly pair: RelayPair;
  readonly #empty: number;

  private constructor(pair: RelayPair, empty: number) {
    this.pair = pair;
    this.#empty = empty;
  }

  static async create(): Promise<GrowingRelay> {
    const pair = await RelayPair.create({ onDisk: false });
    // Code and tables that all channels share exist afterwards.
    await pair.subscribeTo(await pair.createChannels(COUNTS[0] ?? 0));
    return new GrowingRelay(pair, await pair.memory());
  }

  /** Creates further channels up to a number. Returns the KiB that all of them take. */
  async growTo(count: number, use: (names: readonly string[]) => Promise<void> = () => Promise.resolve()): Promise<number> {
    await use(await this.pair.createChannels((COUNTS[0] ?? 0) + count));
    return ((await this.pair.memory()) - this.#empty) / 1024;
  }
}
