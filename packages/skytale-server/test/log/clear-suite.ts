import { describe, expect, it } from "vitest";
import type { ChannelLog } from "../../src/log/channel-log.ts";

/** What the suite asks of an implementation's test. */
export interface LogUnderTest {
  readonly log: ChannelLog;
  /** Opens it again after it was closed. Absent when nothing survives that. */
  readonly reopen?: (() => Promise<ChannelLog>) | undefined;
}

const PAGE = { limit: 2000, maxBytes: 1_000_000 };

let keys = 0;
async function append(log: ChannelLog, channel: string, epoch?: bigint): Promise<unknown> {
  const [outcome] = await log.append(channel, "acme", [
    { body: Buffer.from("entry"), key: String(keys++), ...(epoch !== undefined && { commit: { epoch } }) },
  ]);
  return outcome;
}

/** The rest of a channel that was cleared. */
export function clearSuite(name: string, start: () => Promise<LogUnderTest>): void {
  describe(`clear of ${name}`, () => {
    it("removes all entries and commits of one channel, and continues its sequence numbers", async () => {
      const { log, reopen } = await start();
      // More than one commit removes.
      for (let count = 0; count < 300; count++) await append(log, "a/b/c");
      await append(log, "a/b/c", 0n);
      expect(await append(log, "a/b/c", 0n)).toMatchObject({ status: "epoch_taken" });
      await append(log, "a/b/other");
      const later: number[] = [];
      const { stop } = await log.watch("a/b/c", ({ first }) => later.push(first));
      await log.clear("a/b/c");
      expect(await log.head("a/b/c")).toEqual({ first: 302, next: 302 });
      expect((await log.read("a/b/c", { from: 1, ...PAGE })).entries).toEqual([]);
      expect(log.storedBytes("acme")).toBe(5);
      expect((await log.read("a/b/other", { from: 1, ...PAGE })).entries).toHaveLength(1);
      expect(await append(log, "a/b/c", 0n)).toMatchObject({ status: "appended", sequence: 302 });
      expect(later).toEqual([302]);
      stop();
      await log.clear("a/b/unknown");
      await log.close();
      if (reopen === undefined) return;
      const again = await reopen();
      expect(await again.head("a/b/c")).toEqual({ first: 302, next: 303 });
      expect(await append(again, "a/b/c", 1n)).toMatchObject({ status: "appended", sequence: 303 });
      expect(again.storedBytes("acme")).toBe(15);
      await again.close();
    });

    it("ends while the channel is written to", async () => {
      const { log } = await start();
      const writing = Promise.all(Array.from({ length: 50 }, () => append(log, "a/b/c")));
      await log.clear("a/b/c");
      await writing;
      await log.clear("a/b/c");
      expect(await log.head("a/b/c")).toEqual({ first: 51, next: 51 });
      await log.close();
      await expect(log.clear("a/b/c")).rejects.toMatchObject({ code: "storage_failed" });
    });
  });
}
