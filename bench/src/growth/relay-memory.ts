import { measureCurve } from "../harness.ts";
import { RelayPair } from "./relay-pair.ts";

/** Channels before the first measurement: code and tables that all channels share exist afterwards. */
const WARM = 10;
const COUNTS = [100, 300, 1000, 3000, 10_000];

/** Memory of a relay in memory with 100 to 10,000 unused channels, and with an idle subscription to each. */
export async function relayMemoryCurve(): Promise<void> {
  const quiet = await GrowingRelay.create();
  const subscribed = await GrowingRelay.create();
  try {
    await measureCurve({
      title: `Memory of a relay above that with ${WARM} channels`,
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
  readonly #before: number;

  private constructor(pair: RelayPair, before: number) {
    this.pair = pair;
    this.#before = before;
  }

  static async create(): Promise<GrowingRelay> {
    const pair = await RelayPair.create({ onDisk: false });
    await pair.subscribeTo(await pair.createChannels(WARM));
    // The first garbage collection releases what the start has left.
    await pair.memory();
    return new GrowingRelay(pair, await pair.memory());
  }

  /** Creates further channels up to a number. Returns the KiB that all of them take, but the first {@link WARM}. */
  async growTo(count: number, use: (names: readonly string[]) => Promise<void> = () => Promise.resolve()): Promise<number> {
    await use(await this.pair.createChannels(count));
    return ((await this.pair.memory()) - this.#before) / 1024;
  }
}
