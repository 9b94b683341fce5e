import { measureCurve } from "../harness.ts";
import { OfflineInbox } from "./offline-inbox.ts";

const DEPTHS = [10, 100, 1000, 10_000, 100_000];
/** Messages that are sent to measure one. */
const PROBES = 1000;

/** What the arrival of a message and a start of the node cost while more and more messages wait for one recipient. */
export function growthInbox(): Promise<void> {
  return growInbox(DEPTHS);
}

/** The same to a million messages: takes minutes. */
export function growthInboxFull(): Promise<void> {
  return growInbox([...DEPTHS, 1_000_000]);
}

async function growInbox(depths: readonly number[]): Promise<void> {
  await withInbox(async (inbox) => {
    const send = async (depth: number): Promise<number> => {
      await inbox.growTo(depth);
      return inbox.send(PROBES);
    };
    await measureCurve({
      title: "Accept a message for an offline recipient, durable, 64 in flight",
      unit: "µs",
      axis: "waiting messages",
      at: depths,
      variants: [{ name: "send", run: send }],
    });
  });
  await withInbox(async (inbox) => {
    const restart = async (depth: number): Promise<number> => {
      await inbox.growTo(depth);
      return inbox.restart();
    };
    await measureCurve({
      title: "Start of a node with waiting messages",
      unit: "ms",
      axis: "waiting messages",
      at: depths,
      variants: [{ name: "start", run: restart }],
    });
  });
}

async function withInbox(work: (inbox: OfflineInbox) => Promise<void>): Promise<void> {
  const inbox = await OfflineInbox.create();
  try {
    // Compiles the hot paths, so that the first figures are not those of a start.
    await inbox.send(10 * PROBES);
    await work(inbox);
  } finally {
    await inbox.close();
  }
}
