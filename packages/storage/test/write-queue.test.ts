import { describe, expect, it } from "vitest";
import { deferred, type Deferred } from "@parley/core/internal";
import { WriteQueue, type Table, type Write } from "../src/index.ts";

const TABLE: Table = { size: 0, has: () => false, setAside: () => undefined, get: () => undefined, getRange: () => [], getKeys: () => [] };

interface Disk {
  readonly commits: { readonly keys: string; readonly done: Deferred<void> }[];
  readonly queue: WriteQueue;
}

function createDisk(): Disk {
  const commits: Disk["commits"] = [];
  const queue = new WriteQueue((writes: readonly Write[]) => {
    const done = deferred<void>();
    commits.push({
      keys: writes.map(({ key, value }) => `${value === undefined ? "-" : "+"}${Buffer.from(key).toString()}`).join(""),
      done,
    });
    return done.promise;
  });
  return { commits, queue };
}

function put(queue: WriteQueue, key: string): Promise<void> {
  queue.put(TABLE, Buffer.from(key), Buffer.from("value"));
  return queue.flush();
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("WriteQueue", () => {
  it("commits the writes of one turn together, in order", async () => {
    const { commits, queue } = createDisk();
    const flushes = [put(queue, "a"), put(queue, "b")];
    queue.remove(TABLE, Buffer.from("a"));
    flushes.push(queue.flush());
    await turn();
    expect(commits.map(({ keys }) => keys)).toEqual(["+a+b-a"]);
    commits[0]?.done.resolve();
    await Promise.all(flushes);
  });

  it("starts immediately on request, or after the running commit", async () => {
    const { commits, queue } = createDisk();
    queue.put(TABLE, Buffer.from("a"), Buffer.from("value"));
    const first = queue.flushNow();
    expect(commits.map(({ keys }) => keys)).toEqual(["+a"]);
    queue.put(TABLE, Buffer.from("b"), Buffer.from("value"));
    const second = queue.flushNow();
    await turn();
    expect(commits).toHaveLength(1);
    commits[0]?.done.resolve();
    await first;
    expect(commits.map(({ keys }) => keys)).toEqual(["+a", "+b"]);
    commits[1]?.done.resolve();
    await second;
  });

  it("commits what a listener has announced and writes before the commit", async () => {
    const { commits, queue } = createDisk();
    let isDue = false;
    queue.onBeforeCommit(() => {
      if (isDue) queue.put(TABLE, Buffer.from("late"), Buffer.from("value"));
      isDue = false;
    });
    await queue.flush();
    expect(commits).toEqual([]);
    isDue = true;
    queue.announce();
    const flushed = queue.flush();
    await turn();
    expect(commits.map(({ keys }) => keys)).toEqual(["+late"]);
    commits[0]?.done.resolve();
    await flushed;
    await queue.flush();
    expect(commits).toHaveLength(1);
  });

  it("runs one commit at a time, and the next one contains all writes queued until then", async () => {
    const { commits, queue } = createDisk();
    const settled: string[] = [];
    const flush = async (key: string): Promise<void> => {
      await put(queue, key);
      settled.push(key);
    };
    const first = flush("a");
    await turn();
    const others = [flush("b"), flush("c")];
    await turn();
    expect(commits.map(({ keys }) => keys)).toEqual(["+a"]);
    commits[0]?.done.resolve();
    await first;
    expect(settled).toEqual(["a"]);
    expect(commits.map(({ keys }) => keys)).toEqual(["+a", "+b+c"]);
    commits[1]?.done.resolve();
    await Promise.all(others);
  });

  it("rejects all callers of a failed commit, and continues with the next one", async () => {
    const { commits, queue } = createDisk();
    const failed = [put(queue, "a"), put(queue, "b")];
    await turn();
    const next = put(queue, "c");
    commits[0]?.done.reject(new Error("no space left"));
    for (const flush of failed) {
      await expect(flush).rejects.toMatchObject({ code: "storage_failed", retryable: true, cause: { message: "no space left" } });
    }
    commits[1]?.done.resolve();
    await next;
  });

  it("waits for the running commit if nothing is queued", async () => {
    const { commits, queue } = createDisk();
    await queue.flush();
    const first = put(queue, "a");
    await turn();
    let flushed = false;
    const flush = queue.flush().then(() => (flushed = true));
    await turn();
    expect(flushed).toBe(false);
    commits[0]?.done.resolve();
    await Promise.all([first, flush]);
  });

  it("includes the writes of listeners in a commit", async () => {
    const { commits, queue } = createDisk();
    queue.onBeforeCommit(() => queue.put(TABLE, Buffer.from("z"), Buffer.from("")));
    const flush = put(queue, "a");
    await turn();
    expect(commits.map(({ keys }) => keys)).toEqual(["+a+z"]);
    commits[0]?.done.resolve();
    await flush;
  });

  it("commits queued writes when it closes, and rejects later ones", async () => {
    const { commits, queue } = createDisk();
    const first = put(queue, "a");
    const closing = queue.close();
    await turn();
    commits[0]?.done.resolve();
    await Promise.all([first, closing]);
    await expect(put(queue, "b")).rejects.toMatchObject({ code: "storage_failed" });
    await turn();
    expect(commits).toHaveLength(1);
  });
});
