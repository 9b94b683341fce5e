import { MemoryEnvironment } from "@parley/storage";
import { describe, expect, it } from "vitest";
import type { ChannelLog } from "../../src/log/channel-log.ts";
import { LmdbLog } from "../../src/log/lmdb-log.ts";
import { MemoryLog } from "../../src/log/memory-log.ts";

const LOGS: Readonly<Record<string, (environment: MemoryEnvironment) => ChannelLog>> = {
  MemoryLog: () => new MemoryLog(),
  LmdbLog: (environment) => LmdbLog.open(environment),
};
const PAGE = { limit: 2000, maxBytes: 1_000_000 };

let keys = 0;
async function append(log: ChannelLog, channel: string, epoch?: bigint): Promise<unknown> {
  const [outcome] = await log.append(channel, "acme", [
    { body: Buffer.from("entry"), key: String(keys++), ...(epoch !== undefined && { commit: { epoch } }) },
  ]);
  return outcome;
}

describe.each(Object.entries(LOGS))("clear of %s", (name, open) => {
  it("removes all entries and commits of one channel, and continues its sequence numbers", async () => {
    const environment = new MemoryEnvironment();
    const log = open(environment);
    // More than one commit removes.
    for (let count = 0; count < 300; count++) await append(log, "a/b/c");
    await append(log, "a/b/c", 0n);
    expect(await append(log, "a/b/c", 0n)).toMatchObject({ status: "epoch_taken" });
    await append(log, "a/b/other");
    const later: number[] = [];
    const { stop } = await log.watch("a/b/c", ({ first }) => later.push(first));
    await log.clear?.("a/b/c");
    expect(await log.head("a/b/c")).toEqual({ first: 302, next: 302 });
    expect((await log.read("a/b/c", { from: 1, ...PAGE })).entries).toEqual([]);
    expect(log.storedBytes("acme")).toBe(5);
    expect((await log.read("a/b/other", { from: 1, ...PAGE })).entries).toHaveLength(1);
    expect(await append(log, "a/b/c", 0n)).toMatchObject({ status: "appended", sequence: 302 });
    expect(later).toEqual([302]);
    stop();
    await log.clear?.("a/b/unknown");
    await log.close();
    if (name === "MemoryLog") return;
    const again = open(environment);
    expect(await again.head("a/b/c")).toEqual({ first: 302, next: 303 });
    expect(await append(again, "a/b/c", 1n)).toMatchObject({ status: "appended", sequence: 303 });
    expect(again.storedBytes("acme")).toBe(15);
    await again.close();
  });

  it("ends while the channel is written to", async () => {
    const log = open(new MemoryEnvironment());
    const writing = Promise.all(Array.from({ length: 50 }, () => append(log, "a/b/c")));
    await log.clear?.("a/b/c");
    await writing;
    await log.clear?.("a/b/c");
    expect(await log.head("a/b/c")).toEqual({ first: 51, next: 51 });
    await log.close();
    await expect(log.clear?.("a/b/c")).rejects.toMatchObject({ code: "storage_failed" });
  });
});
