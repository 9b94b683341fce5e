import { EventEmitter } from "node:events";
import { MemoryEnvironment, StorageError } from "@parley/storage";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { StoredRegistry } from "../../src/registry/stored-registry.ts";
import type { RegistryEntry } from "../../src/registry/registry.ts";
import { RegistryError } from "../../src/registry/registry-error.ts";
import { offerRegistry, type RegistryMethods, RemoteRegistry } from "../../src/workers/remote-registry.ts";
import { ProcessCalls, type ProcessEnd } from "../../src/workers/calls.ts";

/** A registry that answers reads when told to. */
class SlowRegistry extends StoredRegistry {
  readonly open: (() => void)[] = [];
  isSlow = false;

  override async get(key: string): Promise<RegistryEntry | undefined> {
    if (key === "broken") throw new StorageError("record_damaged", "A record of the registry is damaged");
    if (this.isSlow) await new Promise<void>((resolve) => this.open.push(resolve));
    return super.get(key);
  }
}

/** Two ends of one connection, in this process. Messages are cloned on the way. */
function connected(): readonly [ProcessEnd, ProcessEnd] {
  const [near, far] = [new EventEmitter(), new EventEmitter()];
  const end = (own: EventEmitter, other: EventEmitter): ProcessEnd => ({
    on: (event, listener) => own.on(event, listener),
    send: (message) => setImmediate(() => other.emit("message", structuredClone(message))),
  });
  return [end(near, far), end(far, near)];
}

let owned: SlowRegistry;
let owner: ProcessCalls<Record<string, never>>;
let calls: ProcessCalls<RegistryMethods>;
let remote: RemoteRegistry;

beforeEach(() => {
  owned = new SlowRegistry(new MemoryEnvironment());
  const [near, far] = connected();
  owner = new ProcessCalls(near, offerRegistry(owned));
  calls = new ProcessCalls<RegistryMethods>(far, {});
  remote = new RemoteRegistry(calls);
});

afterEach(() => owner.fail(new Error("The test has ended")));

describe("the registry of another process", () => {
  it("keeps the errors of the registry: a conflict is one, and a damaged record too", async () => {
    await remote.commit([{ key: "a/1", expected: undefined, record: { n: 1 } }]);
    const again = remote.commit([{ key: "a/1", expected: undefined, record: { n: 2 } }]);
    await expect(again).rejects.toBeInstanceOf(RegistryError);
    await expect(remote.get("broken")).rejects.toMatchObject({ name: "StorageError", code: "record_damaged", retryable: false });
    await expect(remote.commit([{ key: "not a key", expected: undefined }])).rejects.toThrow("A registry's key has");
    expect(await remote.get("a/1")).toMatchObject({ record: { n: 1 } });
  });

  it("has a bounded number of open calls, and answers all that wait", async () => {
    await remote.commit([{ key: "a/1", expected: undefined, record: { n: 1 } }]);
    owned.isSlow = true;
    const answers = Array.from({ length: 500 }, () => remote.get("a/1"));
    let asked = 0;
    while (asked < answers.length) {
      await expect.poll(() => owned.open.length).toBeGreaterThan(0);
      // A commit is not behind the reads.
      await remote.commit([]);
      expect(owned.open.length).toBeLessThanOrEqual(32);
      for (const answer of owned.open.splice(0)) {
        answer();
        asked++;
      }
    }
    expect(new Set((await Promise.all(answers)).map((entry) => entry?.record["n"]))).toEqual(new Set([1]));
  });

  it("rejects open and later calls once the other process has ended", async () => {
    owned.isSlow = true;
    const open = remote.get("a/1");
    calls.fail(new Error("The process has ended"));
    await expect(open).rejects.toThrow("The process has ended");
    await expect(remote.get("a/1")).rejects.toThrow("The process has ended");
  });
});
