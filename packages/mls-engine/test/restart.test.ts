import { nodeSuite } from "./cipher-suites.ts";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomFrom } from "@parley/test-assertions";
import { describe, expect, onTestFinished, test } from "vitest";
import { decodeState } from "../src/epoch/state-codec.ts";
import { decodeSnapshot } from "../src/secret-tree/snapshot.ts";
import { decodeRatchetChange } from "../src/secret-tree/ratchet-change.ts";
import { openFileStore } from "../src/node/index.ts";
import { StoreError, type GroupStore, type StagedCommit, type StorePartition } from "../src/index.ts";
import { CrashDisk } from "./crash-disk.ts";
import { agreement, codeOf, commit, GROUP_ID, groupOf, joined, newEngine, utf8, type Member } from "./world.ts";

async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "mls-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** A member on a disk that outlives it, in a group with alice. */
async function onDisk(): Promise<{ alice: Member; bob: Member; disk: CrashDisk }> {
  const disk = new CrashDisk();
  const [alice] = await groupOf(1);
  const engine = await newEngine("bob", { store: disk.open() });
  const staged = await alice.group.stageAdd([await engine.keyPackage()]);
  await staged.confirm();
  return { alice, disk, bob: { name: "bob", engine, group: await joined(engine, staged) } };
}

async function restarted({ name }: Member, disk: CrashDisk): Promise<Member> {
  disk.crash((below) => below - 1);
  const engine = await newEngine(name, { store: disk.open() });
  return { name, engine, group: await engine.loadGroup(GROUP_ID) };
}

describe("after a restart", () => {
  test("epoch, members, keys of late messages and rows are restored from files", async () => {
    const path = join(await directory(), "bob");
    const [alice, carol] = await groupOf(2);
    if (!carol) throw new TypeError("The group has two members");
    const first = await newEngine("bob", { store: await openFileStore(path) });
    const staged = await alice.group.stageAdd([await first.keyPackage()]);
    await commit(staged, [carol]);
    const group = await joined(first, staged);
    const late = await Promise.all(["a", "b", "c"].map((text) => alice.group.encrypt(utf8(text))));
    await group.process(late[1] ?? new Uint8Array(), { commitWith: [{ key: "cursor", value: utf8("7") }] });
    await commit(await alice.group.stageUpdate(), [carol, { name: "bob", engine: first, group }]);
    const before = await agreement(group);
    await first.close();

    const second = await newEngine("bob", { store: await openFileStore(path) });
    const again = await second.loadGroup(GROUP_ID);
    expect(await agreement(again)).toBe(before);
    expect(again.row("cursor")).toEqual(utf8("7"));
    expect(await codeOf(again.process(late[1] ?? new Uint8Array()))).toBe("generation_consumed");
    expect(await again.process(late[0] ?? new Uint8Array())).toMatchObject({ kind: "application", data: utf8("a"), epoch: 2n });
    expect(await again.process(late[2] ?? new Uint8Array())).toMatchObject({ kind: "application", data: utf8("c") });
    expect(await alice.group.process(await again.encrypt(utf8("back")))).toMatchObject({ kind: "application" });
    await commit(await again.stageUpdate(), [alice, carol]);
    expect(await agreement(again)).toBe(await agreement(alice.group));
    await second.close();
  });

  test("another identity is rejected, and the store stays usable", async () => {
    const path = join(await directory(), "bob");
    const bob = await newEngine("bob", { store: await openFileStore(path) });
    const key = bob.signatureKey;
    await bob.close();
    // The store is the engine's to close, also when there comes to be none.
    expect(await codeOf(newEngine("mallory", { store: await openFileStore(path) }))).toBe("wrong_identity");
    const again = await newEngine("bob", { store: await openFileStore(path) });
    expect(again.signatureKey).toEqual(key);
    await again.close();
  });

  const ends: Record<string, (staged: StagedCommit, alice: Member, bob: Member) => Promise<unknown>> = {
    confirmed: async (staged, alice) => {
      await staged.confirm();
      await alice.group.process(staged.commit);
    },
    "seen to come back": async (staged, alice, bob) => {
      await bob.group.process(staged.commit);
      await alice.group.process(staged.commit);
    },
    discarded: async (staged, alice, bob) => {
      await staged.discard();
      await commit(await alice.group.stageUpdate(), [bob]);
    },
    overtaken: async (_, alice, bob) => commit(await alice.group.stageUpdate(), [bob]),
  };

  test.each(Object.entries(ends))("a staged commit is loaded, and can be %s", async (_, end) => {
    const { alice, bob, disk } = await onDisk();
    const staged = await bob.group.stage({ update: true });
    const again = await restarted(bob, disk);
    const { pending } = again.group;
    if (!pending) throw new TypeError("Nothing is pending");
    expect(pending.commit).toEqual(staged.commit);
    await end(pending, alice, again);
    expect(again.group.pending).toBeUndefined();
    expect(await agreement(again.group)).toBe(await agreement(alice.group));
    expect(await again.group.process(await alice.group.encrypt(utf8("x")))).toMatchObject({ kind: "application" });
    expect(await alice.group.process(await again.group.encrypt(utf8("y")))).toMatchObject({ kind: "application" });
    const third = await restarted(again, disk);
    expect(await agreement(third.group)).toBe(await agreement(alice.group));
  });

  test("a discarded commit is recognised when it is delivered", async () => {
    const { bob, disk } = await onDisk();
    const staged = await bob.group.stageUpdate();
    await staged.discard();
    const again = await restarted(bob, disk);
    expect(await codeOf(again.group.process(staged.commit))).toBe("fork");
  });

  test("pending proposals are restored", async () => {
    const [alice, carol] = await groupOf(2);
    if (!carol) throw new TypeError("The group has two members");
    const disk = new CrashDisk();
    const engine = await newEngine("bob", { store: disk.open() });
    const staged = await alice.group.stageAdd([await engine.keyPackage()]);
    await commit(staged, [carol]);
    const bob = { name: "bob", engine, group: await joined(engine, staged) };
    const leaving = await carol.group.leave();
    await bob.group.process(leaving);
    await alice.group.process(leaving);
    const again = await restarted(bob, disk);
    expect(again.group.proposals).toMatchObject([{ kind: "remove", member: { leaf: 1 } }]);
    await commit(await again.group.stage(), [alice]);
    expect(await agreement(alice.group)).toBe(await agreement(again.group));
  });

  test("pending proposals end with their epoch when a commit of before the restart is confirmed", async () => {
    const { alice, bob, disk } = await onDisk();
    await bob.group.process(await alice.group.leave());
    await bob.group.stageUpdate();
    const again = await restarted(bob, disk);
    expect(again.group.proposals).toHaveLength(1);
    await again.group.pending?.confirm();
    expect(again.group.members).toHaveLength(1);
    expect(again.group.proposals).toHaveLength(0);
    expect(await codeOf(again.group.encrypt(utf8("x")))).toBe("resolved");
  });

  test("proposals received after a commit was staged end with its epoch", async () => {
    const { alice, bob, disk } = await onDisk();
    const staged = await bob.group.stageUpdate();
    await bob.group.process(await alice.group.leave());
    expect(bob.group.proposals).toHaveLength(1);
    await staged.confirm();
    expect(bob.group.proposals).toHaveLength(0);
    const again = await restarted(bob, disk);
    expect(again.group.proposals).toHaveLength(0);
    expect(await codeOf(again.group.encrypt(utf8("x")))).toBe("resolved");
  });

  test.each([
    [false, 0],
    [true, 32],
  ])("keys of a failed write are never used (written: %s)", async (isWritten, generation) => {
    const { alice, bob, disk } = await onDisk();
    const update = await alice.group.stageUpdate();
    await update.confirm();
    // The write of the new epoch succeeds, and making it durable doesn't.
    disk.failAfter(1, isWritten);
    await expect(bob.group.process(update.commit)).rejects.toThrow(StoreError);
    await expect(bob.group.encrypt(utf8("x"))).rejects.toThrow(StoreError);
    disk.crash(() => 0);
    const engine = await newEngine("bob", { store: disk.open() });
    const group = await engine.loadGroup(GROUP_ID);
    if (group.epoch === 1n) await group.process(update.commit);
    expect(await alice.group.process(await group.encrypt(utf8("x")))).toMatchObject({ kind: "application", generation });
  });

  test("a lease whose write failed is not used", async () => {
    const { alice, bob, disk } = await onDisk();
    for (let i = 0; i < 32; i++) await bob.group.encrypt(utf8("x"));
    disk.failAfter(0, false);
    await expect(bob.group.encrypt(utf8("x"))).rejects.toThrow(StoreError);
    await expect(bob.group.encrypt(utf8("x"))).rejects.toThrow(StoreError);
    const again = await restarted(bob, disk);
    expect(await alice.group.process(await again.group.encrypt(utf8("x")))).toMatchObject({ generation: 32 });
  });

  test("a damaged state is reported as state_damaged", async () => {
    const { bob, disk } = await onDisk();
    const random = randomFrom(5);
    await bob.group.close();
    const partition = await disk.open().open(`group/${Buffer.from(GROUP_ID).toString("hex")}`);
    for (const key of partition.keys().filter((name) => /^(state|s|o)/.test(name))) {
      const value = partition.get(key) ?? new Uint8Array();
      for (const damaged of [value.subarray(0, random(value.length)), new Uint8Array([...value, 0]), undefined]) {
        if (key === "state" && damaged === undefined) continue;
        await partition.write([{ key, value: damaged }], "durable");
        expect(await codeOf(bob.engine.loadGroup(GROUP_ID))).toBe("state_damaged");
        await partition.write([{ key, value }], "durable");
      }
    }
    expect((await bob.engine.loadGroup(GROUP_ID)).epoch).toBe(1n);
  });
});

describe("forward secrecy on disk", () => {
  test("no stored secret leads to a sent message", async () => {
    const suite = nodeSuite();
    const { alice, bob, disk } = await onDisk();
    for (let sent = 1; sent <= 70; sent++) {
      await alice.group.process(await bob.group.encrypt(utf8("x")));
      const rows = await rowsOf(disk);
      const own = decodeRatchetChange(suite, rows.get("o/1/application") ?? new Uint8Array());
      expect(own.kind === "advance" && own.next).toBeGreaterThanOrEqual(sent);
      const { leaves } = decodeSnapshot(suite, rows.get("s/1") ?? new Uint8Array());
      expect(leaves.get(1)?.application).toEqual({ next: 0, secret: new Uint8Array(32), skipped: new Map() });
    }
  });

  test("after the end of an epoch, no stored secret leads to a message that was read in it", async () => {
    const suite = nodeSuite();
    const { alice, bob, disk } = await onDisk();
    const skipped = await alice.group.encrypt(utf8("late"));
    for (let i = 0; i < 5; i++) await bob.group.process(await alice.group.encrypt(utf8("x")));
    await commit(await alice.group.stageUpdate(), [bob]);
    const rows = await rowsOf(disk);
    expect([...rows.keys()].filter((key) => key.startsWith("c/1/"))).toEqual([]);
    const alices = decodeSnapshot(suite, rows.get("s/1") ?? new Uint8Array()).leaves.get(0);
    expect(alices?.application.next).toBe(6);
    expect([...(alices?.application.skipped.keys() ?? [])]).toEqual([0]);
    await bob.group.process(skipped);
    await commit(await alice.group.stageUpdate(), [bob]);
    const later = decodeSnapshot(suite, (await rowsOf(disk)).get("s/1") ?? new Uint8Array()).leaves.get(0);
    expect(later?.application.skipped.size).toBe(0);
  });

  test("an expired epoch is removed from the store", async () => {
    const { alice, bob, disk } = await onDisk();
    const epochs = async (): Promise<string[]> => [...(await rowsOf(disk)).keys()].filter((key) => /^[psoc]\//.test(key));
    await bob.group.process(await alice.group.encrypt(utf8("x")));
    for (let i = 0; i < 4; i++) await commit(await alice.group.stageUpdate(), [bob]);
    expect((await epochs()).filter((key) => key.split("/")[1] === "1")).not.toEqual([]);
    await commit(await alice.group.stageUpdate(), [bob]);
    expect((await epochs()).filter((key) => key.split("/")[1] === "1")).toEqual([]);
    expect((await epochs()).filter((key) => key.startsWith("p/"))).toEqual(["p/2", "p/3", "p/4", "p/5"]);
  });

  test("files contain no secret of an ended epoch once its commit is processed", async () => {
    const path = join(await directory(), "bob");
    const [alice] = await groupOf(1);
    const seen = new Map<string, Uint8Array>();
    const engine = await newEngine("bob", { store: watched(await openFileStore(path), seen), limits: { retainEpochs: 0 } });
    const staged = await alice.group.stageAdd([await engine.keyPackage()]);
    await staged.confirm();
    const bob = { name: "bob", engine, group: await joined(engine, staged) };
    await alice.group.process(await bob.group.encrypt(utf8("x")));
    await bob.group.process(await alice.group.encrypt(utf8("x")));
    await bob.group.flush();
    const secrets = await secretsOf(seen);
    expect(secrets.length).toBeGreaterThan(5);
    const before = await contents(path);
    for (const secret of secrets) expect(before.some((file) => file.includes(secret))).toBe(true);
    await commit(await alice.group.stageUpdate(), [bob]);
    const after = await contents(path);
    for (const secret of secrets) expect(after.some((file) => file.includes(secret))).toBe(false);
    await engine.close();
  });
});

async function rowsOf(disk: CrashDisk): Promise<Map<string, Uint8Array>> {
  const partition: StorePartition = await disk.open().open(`group/${Buffer.from(GROUP_ID).toString("hex")}`);
  return new Map(partition.keys().map((key) => [key, partition.get(key) ?? new Uint8Array()]));
}

async function contents(path: string): Promise<Buffer[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return Promise.all(entries.filter((entry) => entry.isFile()).map((entry) => readFile(join(entry.parentPath, entry.name))));
}

/** A store that shows what is written to it. */
function watched(store: GroupStore, seen: Map<string, Uint8Array>): GroupStore {
  return {
    partitions: () => store.partitions(),
    remove: (name) => store.remove(name),
    close: () => store.close(),
    [Symbol.asyncDispose]: () => store.close(),
    open: async (name) => {
      const partition = await store.open(name);
      return {
        get: (key) => partition.get(key),
        keys: (prefix) => partition.keys(prefix),
        compact: () => partition.compact(),
        close: () => partition.close(),
        write: (changes, durability) => {
          for (const { key, value } of changes) if (value) seen.set(key, value.slice());
          return partition.write(changes, durability);
        },
      };
    },
  };
}

/** The secrets in the rows of a group, but for the key of the own leaf, which another's commit leaves as it is. */
async function secretsOf(rows: ReadonlyMap<string, Uint8Array>): Promise<Buffer[]> {
  const suite = nodeSuite();
  const row = (key: string): Uint8Array => rows.get(key) ?? new Uint8Array();
  const { state } = decodeState(row("state"));
  const own = ["application", "handshake"].map((type) => decodeRatchetChange(suite, row(`o/1/${type}`)));
  const { nodes, leaves } = decodeSnapshot(suite, row("s/1"));
  const others = [...leaves].flatMap(([leaf, { application, handshake }]) => (leaf === 1 ? [] : [application.secret, handshake.secret]));
  const { initSecret, senderDataSecret, exporterSecret, membershipKey, resumptionPsk } = state.secrets;
  return [
    initSecret,
    senderDataSecret,
    exporterSecret,
    membershipKey,
    resumptionPsk,
    ...own.flatMap((change) => (change.kind === "advance" ? [change.secret] : [])),
    ...nodes.values(),
    ...others,
  ].map((secret) => Buffer.from(secret));
}
