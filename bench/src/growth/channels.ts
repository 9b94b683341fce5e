import { measureCurve } from "../harness.ts";
import { RelayPair } from "./relay-pair.ts";

const COUNTS = [10, 100, 1000, 10_000];
const PROBES = 2000;

/** What a publish on one channel costs, and a quiet channel in memory, while a relay has more and more channels. */
export async function growthChannels(): Promise<void> {
  const pair = await RelayPair.create({ onDisk: false });
  try {
    await pair.publish(5 * PROBES);
    await pair.growChannelsTo(COUNTS[0] ?? 0);
    const empty = await pair.memory();
    await measureCurve({
      title: "Publish 1 KiB on one of many channels, in memory, 256 in flight",
      unit: "µs",
      axis: "channels with an entry",
      at: COUNTS,
      variants: [
        {
          name: "publish",
          run: async (at) => {
            await pair.growChannelsTo(at);
            return pair.publish(PROBES);
          },
        },
      ],
    });
    const [first = 0, last = 0] = [COUNTS[0], COUNTS.at(-1)];
    console.log(`  memory of a quiet channel with one entry: ${(((await pair.memory()) - empty) / (last - first) / 1024).toFixed(1)} KiB`);
  } finally {
    await pair.close();
  }
}
