import { cp, mkdtemp, open, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MlsEngineError, inspectMessage, type MlsEngine, type MlsGroup } from "../src/index.ts";
import { openFileStore } from "../src/node/index.ts";
import { codeOf, commit, GROUP_ID, joined, newEngine, utf8 } from "./world.ts";

let root: string;
let directory: string;
let engine: MlsEngine;
let group: MlsGroup;
/** Follows the group, and reads everything that was ever sent in it. */
let reader: MlsGroup;
let log: Uint8Array[];
/** Keys that were used, as (epoch, leaf, generation). */
let used: Set<string>;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "mls-rollback-"));
  directory = join(root, "member");
  log = [];
  used = new Set();
  engine = await newEngine("member", { store: await openFileStore(directory) });
  const readers = await newEngine("reader");
  group = await engine.createGroup(GROUP_ID);
  const staged = await group.stageAdd([await readers.keyPackage()]);
  await staged.confirm();
  reader = await joined(readers, staged);
});

afterEach(async () => {
  await engine.close().catch(() => undefined);
  await rm(root, { recursive: true, force: true });
});

async function reopen(): Promise<void> {
  engine = await newEngine("member", { store: await openFileStore(directory) });
  group = await engine.loadGroup(GROUP_ID);
}

async function send(count: number): Promise<void> {
  for (let at = 0; at < count; at++) log.push(await group.encrypt(utf8(`message ${log.length}`)));
}

/** The reader reads what was sent; a key that comes twice fails the test. */
async function readAll(): Promise<void> {
  for (const message of log.splice(0)) {
    const result = await reader.process(message);
    if (result.kind !== "application") continue;
    const name = `${result.epoch} ${result.sender} ${result.generation}`;
    expect(used).not.toContain(name);
    used.add(name);
  }
}

/** Does what a member has to do that may not know which keys it has used. */
async function update(): Promise<void> {
  const staged = await group.stageUpdate();
  expect(inspectMessage(staged.commit).kind).toBe("public");
  await staged.confirm();
  await reader.process(staged.commit);
}

/** The log of the group: the largest file. */
async function groupLog(): Promise<string> {
  const names = (await readdir(directory)).filter((name) => name.endsWith(".log"));
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(directory, name))).size));
  return join(directory, names[sizes.indexOf(Math.max(...sizes))] ?? "");
}

async function change(path: string, work: (bytes: Buffer) => Buffer): Promise<void> {
  await using file = await open(path, "r+");
  const bytes = work(await file.readFile());
  await file.write(bytes, 0, bytes.length, 0);
  await file.truncate(bytes.length);
}

const damages: readonly (readonly [string, (bytes: Buffer) => Buffer])[] = [
  ["its last byte is flipped", (b) => Buffer.concat([b.subarray(0, -1), Buffer.of((b.at(-1) ?? 0) ^ 1)])],
  ["its last byte is cut", (b) => b.subarray(0, -1)],
  ["its last 40 bytes are zeroed", (b) => Buffer.concat([b.subarray(0, -40), Buffer.alloc(40)])],
  ["its last 133 bytes are cut", (b) => b.subarray(0, -133)],
  ["zeros follow it", (b) => Buffer.concat([b, Buffer.alloc(4096)])],
];

describe("a store that was cut", () => {
  test.each(damages)("uses no key twice: %s", async (_, damage) => {
    await send(70);
    await readAll();
    await engine.close();
    await change(await groupLog(), damage);
    await reopen();
    expect(group.needsUpdate).toBe(true);
    await expect(group.encrypt(utf8("too soon"))).rejects.toMatchObject({ name: "MlsEngineError", code: "update_required" });
    await update();
    expect(group.needsUpdate).toBe(false);
    await send(70);
    await readAll();
    expect(used.size).toBe(140);
    await engine.close();
    await reopen();
    expect(group.needsUpdate).toBe(false);
  });

  test("requires an update until the keys are replaced, however often it is opened", async () => {
    await send(70);
    await engine.close();
    await change(await groupLog(), (b) => b.subarray(0, -1));
    for (let times = 0; times < 3; times++) {
      await reopen();
      expect(group.needsUpdate).toBe(true);
      await engine.close();
    }
    await reopen();
    const staged = await group.stageUpdate();
    await engine.close();
    await reopen();
    // A commit of an earlier process: whether something was sent after it isn't known.
    await group.pending?.confirm();
    await reader.process(staged.commit);
    expect(group.needsUpdate).toBe(true);
    await update();
    await send(3);
    await readAll();
    await engine.close();
    await reopen();
    expect(group.needsUpdate).toBe(false);
  });

  // Each of the last two frames takes the keys of 32 messages.
  const cutFrames = async (): Promise<void> => change(await groupLog(), (bytes) => bytes.subarray(0, frameStarts(bytes).at(-2)));

  test("between two frames uses no key twice", async () => {
    await send(70);
    await readAll();
    await engine.close();
    await cutFrames();
    for (let times = 0; times < 2; times++) {
      await reopen();
      expect(group.needsUpdate).toBe(true);
      expect(await codeOf(group.encrypt(utf8("too soon")))).toBe("update_required");
      await engine.close();
    }
    await reopen();
    await update();
    await send(70);
    await readAll();
    expect(used.size).toBe(140);
    await engine.close();
    await reopen();
    expect(group.needsUpdate).toBe(false);
  });

  test("between two frames, without the record of its end, is detected by own messages that are missing in the state", async () => {
    await send(70);
    const sent = [...log];
    await readAll();
    await engine.close();
    await cutFrames();
    await rm((await groupLog()).replace(/\.log$/, ".end"));
    await reopen();
    expect(group.needsUpdate).toBe(false);
    for (const message of sent) expect(await codeOf(group.process(message))).toBe("own_message");
    expect(group.needsUpdate).toBe(true);
    await update();
    await send(70);
    await readAll();
    expect(used.size).toBe(140);
  });

  test("requires an update in later epochs too", async () => {
    await send(70);
    await engine.close();
    await change(await groupLog(), (b) => b.subarray(0, -1));
    await reopen();
    const staged = await reader.stageUpdate();
    await staged.confirm();
    await group.process(staged.commit);
    expect(await codeOf(group.encrypt(utf8("x")))).toBe("update_required");
    await update();
    await send(1);
  });

  test("replaces its keys also with a commit that adds a member, and can propose to leave", async () => {
    await send(70);
    await engine.close();
    await change(await groupLog(), (b) => b.subarray(0, -1));
    await reopen();
    expect(inspectMessage(await group.leave()).kind).toBe("public");
    const other = await newEngine("other");
    const staged = await group.stageAdd([await other.keyPackage()]);
    await staged.confirm();
    expect(group.needsUpdate).toBe(false);
    expect((await reader.process(staged.commit)).kind).toBe("commit");
    await send(1);
    await readAll();
  });
});

describe("an older copy of a store", () => {
  const copy = (): string => join(root, "copy");
  const backup = async (): Promise<void> => {
    await engine.close();
    await copyStore(directory, copy());
    await reopen();
  };
  const restore = async (): Promise<void> => {
    await engine.close();
    await rm(directory, { recursive: true });
    await copyStore(copy(), directory);
    await reopen();
  };
  /** Reads a log as its own member does: messages of its own are rejected. */
  const follow = async (messages: readonly Uint8Array[]): Promise<string[]> => {
    const codes: string[] = [];
    for (const message of messages) codes.push(await codeOf(group.process(message)));
    return codes;
  };

  test.each([1, 70, 1500])("is detected by own messages that are missing in the state (%i)", async (count) => {
    await send(5);
    await backup();
    await send(count);
    const sent = [...log];
    await readAll();
    await restore();
    expect(group.needsUpdate).toBe(false);
    expect(new Set(await follow(sent))).toEqual(new Set(["own_message"]));
    expect(group.needsUpdate).toBe(true);
    expect(await codeOf(group.encrypt(utf8("x")))).toBe("update_required");
    await update();
    await send(40);
    await readAll();
    expect(used.size).toBe(5 + count + 40);
  });

  test("is detected in a later epoch", async () => {
    await backup();
    const staged = await reader.stageUpdate();
    await staged.confirm();
    await group.process(staged.commit);
    await send(2);
    const sent = [...log];
    await readAll();
    await restore();
    await group.process(staged.commit);
    expect(group.needsUpdate).toBe(false);
    await follow(sent);
    expect(group.needsUpdate).toBe(true);
    await update();
    await send(40);
    await readAll();
    expect(used.size).toBe(42);
  });

  test("is detected by messages that are processed later", async () => {
    await backup();
    await send(2);
    const sent = [...log];
    await readAll();
    await restore();
    for (const message of [utf8("garbage"), ...sent]) await group.detectRollback(message);
    expect(group.needsUpdate).toBe(true);
  });

  test("cannot follow the group past a missing own commit", async () => {
    await backup();
    await group.leave();
    const staged = await group.stageUpdate();
    await staged.confirm();
    await reader.process(staged.commit);
    await restore();
    expect(await follow([staged.commit])).toEqual(["rolled_back"]);
    expect(group.epoch).toBe(staged.epoch);
  });

  test("is not assumed when an ordinary restart reads messages sent before it", async () => {
    await send(70);
    const sent = [...log];
    await readAll();
    await engine.close();
    await reopen();
    await follow(sent);
    expect(group.needsUpdate).toBe(false);
    await send(70);
    await readAll();
    expect(used.size).toBe(140);
  });

  test("cannot be faked by another member", async () => {
    const forged = await reader.encrypt(utf8("x"));
    forged.set(forged.subarray(-8), forged.length - 9);
    expect(await codeOf(group.process(forged))).toBe("decryption_failure");
    expect(group.needsUpdate).toBe(false);
  });
});

describe("a partition whose file lost its rows", () => {
  test("is damaged, not new", async () => {
    await engine.close();
    const names = (await readdir(directory)).filter((name) => name.endsWith(".log"));
    for (const name of names) {
      await copyStore(directory, join(root, name));
      // Only the header and the frame with the name are left.
      await change(join(root, name, name), (bytes) => bytes.subarray(0, firstFrameEnd(bytes)));
      const opening = (async () => {
        const opened = await newEngine("member", { store: await openFileStore(join(root, name)) });
        try {
          await opened.loadGroup(GROUP_ID);
        } finally {
          await opened.close();
        }
      })();
      await expect(opening).rejects.toMatchObject({ name: MlsEngineError.name, code: "state_damaged" });
    }
    expect(names).toHaveLength(2);
  });

  test("is damaged if the file of the identity is missing", async () => {
    await engine.close();
    const logs = (await readdir(directory)).filter((name) => name.endsWith(".log"));
    const group = (await groupLog()).slice(directory.length + 1);
    for (const name of logs) if (name !== group) await rm(join(directory, name));
    await expect(reopen()).rejects.toMatchObject({ code: "state_damaged" });
  });
});

/** All but the lock, which is a socket. */
function copyStore(from: string, to: string): Promise<void> {
  return cp(from, to, { recursive: true, filter: (path) => !basename(path).startsWith("lock.") });
}

/** Where the frames of a log start, behind a header of 28 bytes. */
function frameStarts(bytes: Buffer): number[] {
  const starts: number[] = [];
  for (let at = 28; at + 8 <= bytes.length; at += 8 + bytes.readUInt32LE(at)) starts.push(at);
  return starts;
}

/** Where the frame with a partition's name ends: behind a header of 28 bytes. */
function firstFrameEnd(bytes: Buffer): number {
  return 28 + 8 + bytes.readUInt32LE(28);
}

test("the own commit after a cut replaces the keys for other members too", async () => {
  await send(1);
  await readAll();
  await group.requireUpdate();
  expect(await codeOf(group.encrypt(utf8("x")))).toBe("update_required");
  const staged = await group.stageUpdate();
  await commit(staged, [{ name: "reader", engine, group: reader }]);
  await send(1);
  await readAll();
});
