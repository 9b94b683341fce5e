import { measureCurve } from "../harness.ts";
import { RelayPair } from "./relay-pair.ts";

const LENGTHS = [1000, 10_000, 100_000];
const PROBES = 2000;

/** What a publish costs, and a subscription at the end of the log, while a channel's log grows. */
export function growthLog(): Promise<void> {
  return growLog(LENGTHS);
}

/** The same to ten million entries: takes minutes. */
export function growthLogFull(): Promise<void> {
  return growLog([...LENGTHS, 1_000_000, 10_000_000]);
}

async function growLog(lengths: readonly number[]): Promise<void> {
  const pair = await RelayPair.create({ onDisk: true });
  let length = 0;
  const publish = async (messages: number): Promise<number> => {
    length += messages;
    return pair.publish(messages);
  };
  try {
    await publish(5 * PROBES);
    const grown = async (at: number): Promise<void> => {
      if (at > length) await publish(at - length);
    };
    await measureCurve({
      title: "Publish 1 KiB durably, 256 in flight",
      unit: "µs",
      axis: "entries in the log",
      at: lengths,
      variants: [
        {
          name: "publish",
          run: async (at) => {
            await grown(at);
            return publish(PROBES);
          },
        },
      ],
    });
    await measureCurve({
      title: "Connect and subscribe at the end of a long log",
      unit: "ms",
      axis: "entries in the log",
      at: [length],
      variants: [{ name: "subscribe", run: () => pair.subscribeAtEnd() }],
    });
  } finally {
    await pair.close();
  }
}
