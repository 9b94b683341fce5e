import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { temporaryDirectory } from "@parley/test-assertions";
import type { Appended, Inbox, MessageToStore } from "../../src/inbox/inbox.ts";
import { LmdbInbox } from "../../src/inbox/lmdb-inbox.ts";
import { SCHEMA } from "../../src/open-stores.ts";
import { type Environment, type Write, WriteQueue } from "@parley/storage";
import { LmdbEnvironment } from "@parley/storage-lmdb";
import { damageText } from "../storage/damage-text.ts";
import { boxOf, SeqListener } from "./box-of.ts";
import { inboxCompliance } from "./inbox-compliance.ts";

inboxCompliance("LmdbInbox", async (setup) => {
  const directory = await temporaryDirectory();
  let environment = await LmdbEnvironment.open(directory.path, SCHEMA);
  return {
    inbox: await LmdbInbox.open(environment, setup),
    reopen: async () => {
      await environment.close();
      environment = await LmdbEnvironment.open(directory.path, SCHEMA);
      return LmdbInbox.open(environment, setup);
    },
    cleanup: async () => {
      await environment.close();
      await directory.remove();
    },
  };
});

const ALICE = "did:web:alice.example";
const ALL = { after: 0, limit: 100, maxLength: 1_000_000 };

function message(id: string, changes: Partial<MessageToStore> = {}): MessageToStore {
  return { recipient: ALICE, id, type: "https://example.org/t/1.0/m", plaintext: "{}", authorized: true, expiresAt: 1, ...changes };
}

/** Appends, and waits until the message is safe. */
async function append(inbox: Inbox, incoming: MessageToStore): Promise<Appended> {
  const appended = await inbox.append(incoming);
  if (appended.status === "stored") await appended.durable;
  return appended;
}

/** An environment whose commits fail while `failing` is set. */
function fallible(environment: Environment): Environment & { failing: boolean } {
  const wrapped = {
    failing: false,
    table: (name: string) => environment.table(name),
    writes: new WriteQueue(async (writes: readonly Write[]) => {
      if (wrapped.failing) throw new Error("no space left on device");
      for (const { table, key, value } of writes) {
        if (value === undefined) environment.writes.remove(table, key);
        else environment.writes.put(table, key, value);
      }
      await environment.writes.flush();
    }),
  };
  return wrapped;
}

it("knows when a message arrived until the process ends", async () => {
  await using directory = await temporaryDirectory();
  const read = async (inbox: Inbox): Promise<number | undefined> => (await (await boxOf(inbox, ALICE)).read(ALL))[0]?.receivedAt;
  const environment = await LmdbEnvironment.open(directory.path, SCHEMA);
  const inbox = await LmdbInbox.open(environment);
  await append(inbox, message("1", { receivedAt: 1234 }));
  expect(await read(inbox)).toBe(1234);
  await environment.close();
  await using reopened = await LmdbEnvironment.open(directory.path, SCHEMA);
  expect(await read(await LmdbInbox.open(reopened))).toBeUndefined();
});

describe("LmdbInbox whose disk fails", () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let environment: LmdbEnvironment;
  let disk: ReturnType<typeof fallible>;
  let inbox: LmdbInbox;

  beforeEach(async () => {
    directory = await temporaryDirectory();
    environment = await LmdbEnvironment.open(directory.path, SCHEMA);
    disk = fallible(environment);
    inbox = await LmdbInbox.open(disk);
  });
  afterEach(async () => {
    await environment.close();
    await directory.remove();
  });

  it("rejects an append and the duplicate that waits for it, and accepts the message later", async () => {
    disk.failing = true;
    const both = await Promise.allSettled([append(inbox, message("1")), append(inbox, message("1"))]);
    expect(both).toMatchObject([
      { status: "rejected", reason: { code: "storage_failed", retryable: true } },
      { status: "rejected", reason: { code: "storage_failed" } },
    ]);
    expect(await inbox.depth(ALICE)).toEqual({ messages: 0, length: 0 });
    expect(inbox.totals()).toEqual({ messages: 0, length: 0 });

    disk.failing = false;
    expect((await append(inbox, message("1"))).status).toBe("stored");
    expect(await (await boxOf(inbox, ALICE)).read(ALL)).toHaveLength(1);
  });

  it("keeps messages whose settle, drop or attempt count could not be written", async () => {
    const listener = new SeqListener();
    const box = await inbox.open(ALICE, listener);
    await append(inbox, message("1"));
    const seq = listener.seqs.get("1") ?? 0;
    disk.failing = true;
    const failed = await Promise.allSettled([box.recordAttempts(seq, 1), box.settle([seq]), box.settle([seq]), box.drop()]);
    expect(failed.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected", "rejected"]);
    expect(await (await boxOf(inbox, ALICE)).read(ALL)).toMatchObject([{ seq, attempts: 0 }]);
    expect(await inbox.depth(ALICE)).toEqual({ messages: 1, length: 2 });
  });

  it("does not lose a recipient whose first message failed", async () => {
    disk.failing = true;
    await expect(append(inbox, message("1"))).rejects.toMatchObject({ code: "storage_failed" });
    disk.failing = false;
    await append(inbox, message("2"));
    await inbox.close();
    const again = await LmdbInbox.open(environment);
    expect((await (await boxOf(again, ALICE)).read(ALL)).map(({ id }) => id)).toEqual(["2"]);
  });
});

it("LmdbInbox removes empty boxes, on disk too, and keeps the others", async () => {
  const directory = await temporaryDirectory();
  const environment = await LmdbEnvironment.open(directory.path, SCHEMA);
  try {
    const inbox = await LmdbInbox.open(environment);
    await append(inbox, message("kept"));
    for (let round = 0; round < 10; round++) {
      await Promise.all(
        Array.from({ length: 100 }, async (_, index) => {
          const recipient = `did:web:host.example:${round}-${index}`;
          const listener = new SeqListener();
          const box = await inbox.open(recipient, listener);
          await append(inbox, message("m", { recipient }));
          await box.settle([listener.seqs.get("m") ?? 0]);
          await box.close();
        }),
      );
    }
    expect(Array.from(environment.table("boxes").getKeys({})).length).toBeLessThan(500);
    expect(inbox.totals().messages).toBe(1);
    expect(await (await boxOf(inbox, ALICE)).read(ALL)).toHaveLength(1);
  } finally {
    await environment.close();
    await directory.remove();
  }
});

it("LmdbInbox removes remembered messages from disk after the deduplication window", async () => {
  const directory = await temporaryDirectory();
  const environment = await LmdbEnvironment.open(directory.path, SCHEMA);
  let clock = 1_000_000;
  const recorded = (): number => Array.from(environment.table("recent").getKeys({})).length;
  try {
    const inbox = await LmdbInbox.open(environment, { now: () => clock, limits: { deduplicationMs: 1000 } });
    for (let index = 0; index < 255; index++) await append(inbox, message(`early-${index}`));
    expect(recorded()).toBe(255);
    clock += 1000;
    await append(inbox, message("late"));
    expect(recorded()).toBe(1);
  } finally {
    await environment.close();
    await directory.remove();
  }
});

it("LmdbInbox limits the messages remembered on disk, whatever their age", async () => {
  const directory = await temporaryDirectory();
  const environment = await LmdbEnvironment.open(directory.path, SCHEMA);
  try {
    const inbox = await LmdbInbox.open(environment, { limits: { maxRemembered: 10 } });
    for (let index = 0; index < 512; index++) await append(inbox, message(`remote-${index}`, { remote: true }));
    expect(Array.from(environment.table("recent-remote").getKeys({})).length).toBe(20);
    expect(Array.from(environment.table("recent").getKeys({}))).toEqual([]);
  } finally {
    await environment.close();
    await directory.remove();
  }
});

it("LmdbInbox with the damaged record of a recipient sets its messages aside and delivers those of others", async () => {
  const BOB = "did:web:bob.example";
  const directory = await temporaryDirectory();
  {
    await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
    const inbox = await LmdbInbox.open(environment);
    for (const id of ["1", "2"]) await append(inbox, message(id, { expiresAt: 5_000_000_000_000 }));
    await append(inbox, message("3", { recipient: BOB, expiresAt: 5_000_000_000_000 }));
    await inbox.close();
  }
  await damageText(join(directory.path, "node.mdb"), ALICE);
  await using environment = await LmdbEnvironment.open(directory.path, SCHEMA);
  const reported: string[] = [];
  environment.onDamaged(({ table }) => reported.push(table));
  const inbox = await LmdbInbox.open(environment);
  await environment.writes.flush();
  expect(reported.toSorted()).toEqual(["boxes", "messages", "messages"]);
  expect(environment.table("damaged").size).toBe(3);
  const idsOf = async (recipient: string): Promise<string[]> => (await (await boxOf(inbox, recipient)).read(ALL)).map(({ id }) => id);
  expect(await idsOf(ALICE)).toEqual([]);
  expect(await idsOf(BOB)).toEqual(["3"]);
  for (const recipient of [ALICE, BOB]) await append(inbox, message("4", { recipient, expiresAt: 5_000_000_000_000 }));
  expect(await idsOf(ALICE)).toEqual(["4"]);
  expect(await idsOf(BOB)).toEqual(["3", "4"]);
  await inbox.close();
  await directory.remove();
});
