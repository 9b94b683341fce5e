import { nodeSuite } from "./cipher-suites.ts";
import { describe, expect, test } from "vitest";
import {
  basicIdentity,
  createMlsEngine,
  inspectMessage,
  memoryStore,
  unsafeAcceptAnyCredential,
  type AuthenticationContext,
} from "../src/index.ts";
import { agreement, codeOf, commit, fromUtf8, GROUP_ID, groupOf, joined, newEngine, utf8, type Member } from "./world.ts";

async function two(): Promise<[Member, Member]> {
  const [alice, bob] = await groupOf(2);
  if (!bob) throw new TypeError("The group has two members");
  return [alice, bob];
}

async function three(): Promise<[Member, Member, Member]> {
  const [alice, bob, carol] = await groupOf(3);
  if (!bob || !carol) throw new TypeError("The group has three members");
  return [alice, bob, carol];
}

describe("messages", () => {
  test("are returned with sender, epoch, generation and authenticated data", async () => {
    const [alice, bob] = await two();
    const sent = await alice.group.encrypt(utf8("hello"), { aad: utf8("topic") });
    expect(inspectMessage(sent)).toEqual({ kind: "private", groupId: GROUP_ID, epoch: 1n, contentType: "application" });
    const received = await bob.group.process(sent);
    expect(received).toMatchObject({ kind: "application", sender: 0, epoch: 1n, generation: 0, aad: utf8("topic"), data: utf8("hello") });
    expect(received.kind === "application" && received.senderIdentity && fromUtf8(received.senderIdentity)).toBe("member 0");
  });

  test("are accepted out of order, and once", async () => {
    const [alice, bob] = await two();
    const sent = await Promise.all(["a", "b", "c", "d"].map((text) => alice.group.encrypt(utf8(text))));
    const order = [3, 0, 2, 1];
    const texts: string[] = [];
    for (const i of order) {
      const result = await bob.group.process(sent[i] ?? new Uint8Array());
      if (result.kind === "application") texts.push(fromUtf8(result.data));
    }
    expect(texts).toEqual(["d", "a", "c", "b"]);
    for (const message of sent) expect(await codeOf(bob.group.process(message))).toBe("generation_consumed");
  });

  test("of the own member are rejected with own_message", async () => {
    const [alice] = await two();
    expect(await codeOf(alice.group.process(await alice.group.encrypt(utf8("x"))))).toBe("own_message");
  });

  test("of retained epochs are decrypted, and others are rejected with both epochs", async () => {
    const [alice, bob] = await two();
    const late = await alice.group.encrypt(utf8("late"));
    const later = await alice.group.encrypt(utf8("later"));
    for (let i = 0; i < 4; i++) await commit(await alice.group.stageUpdate(), [bob]);
    expect(await bob.group.process(late)).toMatchObject({ kind: "application", epoch: 1n });
    expect(await codeOf(bob.group.process(late))).toBe("generation_consumed");
    await commit(await alice.group.stageUpdate(), [bob]);
    await expect(bob.group.process(later)).rejects.toMatchObject({
      code: "epoch_mismatch",
      retryable: false,
      messageEpoch: 1n,
      groupEpoch: 6n,
    });
    const ahead = await alice.group.stageUpdate();
    await ahead.confirm();
    await expect(bob.group.process(await alice.group.encrypt(utf8("early")))).rejects.toMatchObject({
      code: "epoch_mismatch",
      retryable: true,
      messageEpoch: 7n,
    });
  });

  test("are padded to equal lengths", async () => {
    const [alice] = await two();
    const lengths = new Set<number>();
    for (const size of [0, 1, 50, 150]) lengths.add((await alice.group.encrypt(new Uint8Array(size))).length);
    expect(lengths.size).toBe(1);
    expect((await alice.group.encrypt(new Uint8Array(1), { padding: [] })).length).toBeLessThan(Math.min(...lengths));
  });

  test("of another group are rejected", async () => {
    const [alice] = await two();
    const other = await alice.engine.createGroup(utf8("other"));
    expect(await codeOf(alice.group.process(await other.encrypt(utf8("x"))))).toBe("wrong_group");
  });
});

describe("a staged commit", () => {
  test("takes effect when it is confirmed", async () => {
    const [alice, bob] = await two();
    const staged = await alice.group.stageUpdate();
    expect(alice.group.epoch).toBe(1n);
    expect(alice.group.pending?.commit).toEqual(staged.commit);
    expect(await bob.group.process(await alice.group.encrypt(utf8("still in the old epoch")))).toMatchObject({ epoch: 1n });
    expect(await staged.confirm()).toMatchObject({ kind: "commit", epoch: 2n, isOwn: true });
    expect(alice.group.pending).toBeUndefined();
    expect(await codeOf(staged.confirm())).toBe("no_commit_pending");
    await bob.group.process(staged.commit);
    expect(await agreement(bob.group)).toBe(await agreement(alice.group));
  });

  test("is confirmed when it is delivered", async () => {
    const [alice, bob] = await two();
    const staged = await alice.group.stageUpdate();
    expect(await alice.group.process(staged.commit)).toMatchObject({ kind: "commit", isOwn: true, epoch: 2n });
    await bob.group.process(staged.commit);
    expect(await agreement(bob.group)).toBe(await agreement(alice.group));
    expect(await codeOf(alice.group.process(staged.commit))).toBe("generation_consumed");
  });

  test("prevents a second staged commit", async () => {
    const [alice] = await two();
    await alice.group.stageUpdate();
    expect(await codeOf(alice.group.stageUpdate())).toBe("commit_pending");
  });

  test("is erased with its message key when it is discarded", async () => {
    const [alice, bob] = await two();
    const first = await alice.group.stageUpdate();
    await first.discard();
    await first.discard();
    expect(alice.group.pending).toBeUndefined();
    const second = await alice.group.stageUpdate();
    await commit(second, [bob]);
    expect(await agreement(bob.group)).toBe(await agreement(alice.group));
    await expect(bob.group.process(first.commit)).rejects.toMatchObject({ code: "fork", messageEpoch: 1n, groupEpoch: 2n });
  });

  test("is dropped when another commit is processed", async () => {
    const [alice, bob, carol] = await three();
    const staged = await alice.group.stageUpdate();
    const winner = await bob.group.stageRemove([carol.group.ownLeaf]);
    await alice.group.process(winner.commit);
    await winner.confirm();
    expect(alice.group.pending).toBeUndefined();
    expect(await codeOf(staged.confirm())).toBe("no_commit_pending");
    expect(await agreement(alice.group)).toBe(await agreement(bob.group));
    expect(await codeOf(bob.group.process(staged.commit))).toBe("fork");
    expect(await codeOf(alice.group.process(staged.commit))).toBe("own_message");
  });

  test("is recognised if it is delivered after it was discarded", async () => {
    const [alice, bob] = await two();
    const staged = await alice.group.stageUpdate();
    await staged.discard();
    await bob.group.process(staged.commit);
    expect(await codeOf(alice.group.process(staged.commit))).toBe("fork");
  });

  test("reports added, removed and updated members", async () => {
    const [alice, bob, carol] = await three();
    const engine = await newEngine("dave");
    const staged = await alice.group.stage({ add: [await engine.keyPackage()], remove: [bob.group.ownLeaf] });
    const own = await staged.confirm();
    const seen = await carol.group.process(staged.commit);
    if (seen.kind !== "commit") throw new TypeError("A commit was expected");
    const names = (members: readonly { readonly identity: Uint8Array | undefined }[]): string[] =>
      members.map(({ identity }) => fromUtf8(identity ?? new Uint8Array()));
    for (const { changes } of [own, seen]) {
      expect(names([changes.committer])).toEqual(["member 0"]);
      expect(names(changes.added)).toEqual(["dave"]);
      expect(names(changes.removed)).toEqual(["member 1"]);
      expect(names(changes.updated)).toEqual(["member 0"]);
    }
    expect(names(alice.group.members)).toEqual(["member 0", "dave", "member 2"]);
  });

  test("is rejected for blank leaves and for the own leaf", async () => {
    const [alice] = await two();
    expect(await codeOf(alice.group.stageRemove([9]))).toBe("no_such_member");
    expect(await codeOf(alice.group.stageRemove([0]))).toBe("no_such_member");
  });

  test("is rejected for invalid key packages and for those of members", async () => {
    const [alice, bob] = await two();
    expect(await codeOf(alice.group.stageAdd([utf8("nonsense")]))).toBe("invalid_key_package");
    expect(await codeOf(alice.group.stageAdd([await alice.group.encrypt(utf8("x"))]))).toBe("invalid_key_package");
    expect(await codeOf(alice.group.stageAdd([await bob.engine.keyPackage()]))).toBe("invalid_key_package");
    const expired = await newEngine("expired", { now: () => 1_000_000_000_000 });
    expect(await codeOf(alice.group.stageAdd([await expired.keyPackage()]))).toBe("invalid_key_package");
    const eternal = await newEngine("eternal");
    expect(await codeOf(alice.group.stageAdd([await eternal.keyPackage({ lifetimeMs: 4e12 })]))).toBe("invalid_key_package");
    expect(alice.group.pending).toBeUndefined();
  });

  test("is rejected if the group would exceed maxMembers", async () => {
    const [alice] = await groupOf(2, { limits: { maxMembers: 2 } });
    expect(await codeOf(alice.group.stageAdd([await (await newEngine("third")).keyPackage()]))).toBe("group_full");
  });

  test("uses pre-shared keys that all members know", async () => {
    const psk = (id: Uint8Array): Uint8Array | undefined => (fromUtf8(id) === "known" ? utf8("a secret from elsewhere") : undefined);
    const [alice, bob] = await groupOf(2, { psk });
    if (!bob) throw new TypeError("The group has two members");
    await commit(await alice.group.stage({ psks: [utf8("known")] }), [bob]);
    expect(await agreement(bob.group)).toBe(await agreement(alice.group));
    expect(await codeOf(alice.group.stage({ psks: [utf8("unknown")] }))).toBe("unknown_psk");
    const [carol, dave] = await two();
    void carol;
    expect(await codeOf(dave.group.stage({ psks: [utf8("known")] }))).toBe("unknown_psk");
  });
});

describe("leaving", () => {
  test("takes effect when another member commits it, and blocks sending until then (RFC 9420 §12.4)", async () => {
    const [alice, bob, carol] = await three();
    const proposal = await bob.group.leave();
    for (const { group } of [alice, carol]) {
      expect(await group.process(proposal)).toMatchObject({ kind: "proposal", proposal: { kind: "remove", member: { leaf: 1 } } });
    }
    expect(alice.group.proposals).toHaveLength(1);
    expect(await codeOf(alice.group.encrypt(utf8("x")))).toBe("proposals_waiting");
    const staged = await alice.group.stage();
    await commit(staged, [carol]);
    expect(await bob.group.process(staged.commit)).toMatchObject({ isRemoved: true });
    expect(await agreement(carol.group)).toBe(await agreement(alice.group));
    expect(await carol.group.process(await alice.group.encrypt(utf8("x")))).toMatchObject({ kind: "application" });
  });

  test("combined with a staged removal of the same member is committed once", async () => {
    const [alice, bob, carol] = await three();
    const proposal = await bob.group.leave();
    await alice.group.process(proposal);
    await carol.group.process(proposal);
    await commit(await alice.group.stageRemove([bob.group.ownLeaf]), [carol]);
    expect(alice.group.members).toHaveLength(2);
    expect(await agreement(carol.group)).toBe(await agreement(alice.group));
  });
});

describe("a Welcome", () => {
  test("is accepted once", async () => {
    const [alice] = await two();
    const engine = await newEngine("dave");
    const staged = await alice.group.stageAdd([await engine.keyPackage()]);
    await staged.confirm();
    expect(engine.keyPackageCount).toBe(1);
    await joined(engine, staged);
    expect(engine.keyPackageCount).toBe(0);
    expect(await codeOf(joined(engine, staged))).toBe("no_key_package");
  });

  test("for a key package of last resort is accepted for several groups", async () => {
    const engine = await newEngine("dave");
    const keyPackage = await engine.keyPackage({ lastResort: true });
    for (const name of ["one", "two"]) {
      const creator = await newEngine(name);
      const group = await creator.createGroup(utf8(name));
      const staged = await group.stageAdd([keyPackage]);
      await staged.confirm();
      expect(await agreement(await joined(engine, staged))).toBe(await agreement(group));
    }
    expect(engine.keyPackageCount).toBe(1);
  });

  test("for another engine and a modified one are rejected with different codes", async () => {
    const [alice, bob] = await two();
    const engine = await newEngine("dave");
    const staged = await alice.group.stageAdd([await engine.keyPackage()]);
    const welcome = staged.welcome ?? new Uint8Array();
    expect(await codeOf(bob.engine.joinGroup(welcome))).toBe("no_key_package");
    const changed = welcome.slice();
    changed.set([(changed.at(-1) ?? 0) ^ 1], changed.length - 1);
    expect(await codeOf(engine.joinGroup(changed))).toBe("invalid_welcome");
    expect(engine.keyPackageCount).toBe(1);
    expect((await joined(engine, staged)).epoch).toBe(2n);
  });

  test("into a stored group is rejected", async () => {
    const [alice, bob] = await two();
    expect(await codeOf(alice.engine.createGroup(GROUP_ID))).toBe("group_exists");
    const other = await (await newEngine("other")).createGroup(GROUP_ID);
    const staged = await other.stageAdd([await bob.engine.keyPackage()]);
    expect(await codeOf(joined(bob.engine, staged))).toBe("group_exists");
  });

  test("back into a group after a removal is accepted", async () => {
    const [alice, bob] = await two();
    const removal = await alice.group.stageRemove([bob.group.ownLeaf]);
    await removal.confirm();
    await bob.group.process(removal.commit);
    await bob.group.close();
    expect(await codeOf(bob.engine.loadGroup(GROUP_ID))).toBe("removed");
    const staged = await alice.group.stageAdd([await bob.engine.keyPackage()]);
    await staged.confirm();
    expect(await agreement(await joined(bob.engine, staged))).toBe(await agreement(alice.group));
  });
});

describe("authentication", () => {
  test("is called with the reason on adding, processing and joining, and can reject each", async () => {
    const asked: AuthenticationContext["reason"][] = [];
    const careful = {
      authenticate: (
        credential: { readonly type: number; readonly content: Uint8Array },
        _key: Uint8Array,
        context: AuthenticationContext,
      ) => {
        asked.push(context.reason);
        return !fromUtf8(basicIdentity(credential) ?? new Uint8Array()).startsWith("mallory");
      },
    };
    const alice = await newEngine("alice", careful);
    const bob = await newEngine("bob");
    const mallory = await newEngine("mallory");
    const group = await alice.createGroup(utf8("g"));
    expect(await codeOf(group.stageAdd([await mallory.keyPackage()]))).toBe("credential_refused");
    const staged = await group.stageAdd([await bob.keyPackage()]);
    await staged.confirm();
    const bobs = await joined(bob, staged);
    const adds = await bobs.stageAdd([await mallory.keyPackage()]);
    expect(await codeOf(group.process(adds.commit))).toBe("credential_refused");
    expect(group.epoch).toBe(1n);
    await adds.confirm();
    const carol = await newEngine("carol", careful);
    const late = await bobs.stageAdd([await carol.keyPackage()]);
    await late.confirm();
    expect(await codeOf(joined(carol, late))).toBe("credential_refused");
    expect(carol.keyPackageCount).toBe(1);
    expect(asked).toEqual(expect.arrayContaining(["add", "join"]));
  });

  test("gets the replaced credential and key of an update", async () => {
    const seen: AuthenticationContext[] = [];
    const [alice, bob] = await groupOf(2, {
      authenticate: (_credential, _key, context) => {
        seen.push(context);
        return true;
      },
    });
    if (!bob) throw new TypeError("The group has two members");
    seen.length = 0;
    await commit(await alice.group.stageUpdate(), [bob]);
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({ reason: "update", groupId: GROUP_ID, previous: { type: 1, content: utf8("member 0") } });
  });

  test("that throws rejects the credential", async () => {
    const engine = await newEngine("alice", {
      authenticate: () => {
        throw new TypeError("The directory of members is down");
      },
    });
    const group = await engine.createGroup(utf8("g"));
    await expect(group.stageAdd([await (await newEngine("bob")).keyPackage()])).rejects.toMatchObject({
      code: "credential_refused",
      message: "The credential of the leaf was not accepted: authenticate failed",
      cause: new TypeError("The directory of members is down"),
    });
  });
});

describe("rows of the application", () => {
  test("are stored atomically with their step, and survive restarts", async () => {
    const store = memoryStore();
    const [alice] = await groupOf(1);
    const engine = await newEngine("bob", { store });
    const staged = await alice.group.stageAdd([await engine.keyPackage()]);
    await staged.confirm();
    const group = await joined(engine, staged);
    const message = await alice.group.encrypt(utf8("hello"));
    await group.process(message, {
      commitWith: (result) => (result.kind === "application" ? [{ key: `plain/${result.generation}`, value: result.data }] : []),
    });
    await group.encrypt(utf8("reply"), { commitWith: [{ key: "outbox", value: utf8("reply") }] });
    expect(group.rowKeys()).toEqual(["outbox", "plain/0"]);
    expect(group.rowKeys("plain/")).toEqual(["plain/0"]);
    await group.writeRows([{ key: "outbox", value: undefined }]);
    expect(group.row("outbox")).toBeUndefined();
    expect(group.row("plain/0")).toEqual(utf8("hello"));
  });

  test("that are invalid leave the group unchanged", async () => {
    const [alice, bob] = await two();
    const message = await alice.group.encrypt(utf8("hello"));
    await expect(bob.group.process(message, { commitWith: [{ key: "", value: utf8("x") }] })).rejects.toThrow(TypeError);
    await expect(
      bob.group.process(message, {
        commitWith: () => {
          throw new RangeError("No room");
        },
      }),
    ).rejects.toThrow(RangeError);
    expect(await bob.group.process(message)).toMatchObject({ kind: "application" });
  });
});

describe("an engine", () => {
  test("rejects invalid calls with a code", async () => {
    const [alice] = await two();
    expect(await codeOf(alice.engine.loadGroup(utf8("nowhere")))).toBe("no_such_group");
    expect(await codeOf(alice.group.process(new Uint8Array()))).toBe("malformed");
    expect(await codeOf(alice.group.process(await alice.engine.keyPackage()))).toBe("unsupported");
    expect(await codeOf(alice.engine.joinGroup(await alice.engine.keyPackage()))).toBe("invalid_welcome");
    await alice.group.close();
    expect(await codeOf(alice.group.encrypt(utf8("x")))).toBe("closed");
    expect(() => alice.group.epochAuthenticator).toThrow(expect.objectContaining({ code: "closed" }));
    expect(() => alice.group.row("x")).toThrow(expect.objectContaining({ code: "closed" }));
    await alice.engine.close();
    await alice.engine.close();
    expect(await codeOf(alice.engine.keyPackage())).toBe("closed");
  });

  test("requires the option authenticate", async () => {
    const options = { identity: "alice", store: memoryStore(), authenticate: undefined };
    await expect(createMlsEngine(options as never)).rejects.toThrow(TypeError);
  });

  test("lists, loads and removes groups", async () => {
    const engine = await newEngine("alice");
    const one = await engine.createGroup(utf8("one"));
    await engine.createGroup(utf8("two"));
    expect((await engine.groups()).map(fromUtf8).toSorted()).toEqual(["one", "two"]);
    expect(await engine.loadGroup(utf8("one"))).toBe(one);
    await one.remove();
    expect(await codeOf(engine.loadGroup(utf8("one")))).toBe("no_such_group");
    await engine.removeGroup(utf8("two"));
    expect(await engine.groups()).toEqual([]);
  });

  test("erases expired key packages", async () => {
    let now = Date.now();
    const engine = await newEngine("alice", { now: () => now });
    await engine.keyPackage({ lifetimeMs: 60_000 });
    now += 120_000;
    await engine.keyPackage();
    expect(engine.keyPackageCount).toBe(1);
  });

  test.each([{ maxMembers: 0 }, { maxMember: 2 }])("rejects invalid limits: %j", async (limits) => {
    await expect(createMlsEngine({ identity: "a", store: memoryStore(), authenticate: unsafeAcceptAnyCredential, limits })).rejects.toThrow(
      TypeError,
    );
  });

  test("exports secrets that are equal for members and differ by label, context and epoch", async () => {
    const [alice, bob] = await two();
    const of = (member: Member, label: string, context: string): Promise<string> =>
      member.group.exportSecret(label, utf8(context), 32).then((secret) => secret.join());
    expect(await of(alice, "a", "1")).toBe(await of(bob, "a", "1"));
    const secrets = new Set([await of(alice, "a", "1"), await of(alice, "a", "2"), await of(alice, "b", "1")]);
    await commit(await alice.group.stageUpdate(), [bob]);
    secrets.add(await of(bob, "a", "1"));
    expect(secrets.size).toBe(4);
    expect(() => alice.group.exportSecret("a", utf8(""), 0)).toThrow(TypeError);
  });
});

test("closing an engine erases its signature key", async () => {
  const plain = nodeSuite();
  const keys = new Set<Uint8Array>();
  const sign = (key: Uint8Array, message: Uint8Array): Uint8Array => {
    keys.add(key);
    return plain.sign(key, message);
  };
  const engine = await newEngine("alice", { cipherSuite: { ...plain, sign } });
  await engine.keyPackage();
  const [key] = keys;
  expect(keys.size).toBe(1);
  expect(key?.some((byte) => byte !== 0)).toBe(true);
  await engine.close();
  expect(key?.every((byte) => byte === 0)).toBe(true);
});
