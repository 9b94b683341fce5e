import { encode } from "../src/codec/writer.ts";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createCommit } from "../src/commit/create-commit.ts";
import { WireFormat } from "../src/framing/framed-content.ts";
import { committableProposals } from "../src/proposals/committable-proposals.ts";
import type { Proposal } from "../src/proposals/proposal.ts";
import { basicCredential } from "../src/credentials/credential.ts";
import type { MlsGroup } from "../src/index.ts";
import { openFileStore } from "../src/node/index.ts";
import { encodeMlsMessage } from "../src/framing/mls-message.ts";
import { groupOfClients, newClient, type Client } from "./protocol/clients.ts";
import { codeOf, commit, fromUtf8, groupOf, joined, newEngine, utf8, type Member } from "./world.ts";

const names = (group: MlsGroup): string[] => group.members.map(({ identity }) => fromUtf8(identity ?? new Uint8Array()));

/** A group of "member 0", who doesn't follow the rule, and members who do. */
async function withBypassingMember(others: readonly string[]): Promise<[Member, ...Member[]]> {
  const engine = await newEngine("member 0", { allowSameIdentity: true });
  const bypassing: Member = { name: "member 0", engine, group: await engine.createGroup(utf8("group")) };
  const engines = await Promise.all(others.map((name) => newEngine(name)));
  const staged = await bypassing.group.stageAdd(await Promise.all(engines.map((each) => each.keyPackage())));
  await staged.confirm();
  const strict = await Promise.all(
    engines.map(async (each, at) => ({ name: others[at] ?? "", engine: each, group: await joined(each, staged) })),
  );
  return [bypassing, ...strict];
}

describe("an identity belongs to one signature key of a group", () => {
  test("a commit that adds a second key is rejected when it is staged", async () => {
    const [alice] = await groupOf(2);
    const impostor = await newEngine("member 1");
    await expect(alice.group.stageAdd([await impostor.keyPackage()])).rejects.toMatchObject({
      code: "identity_taken",
      message: 'The identity "member 1" belongs to another member\'s signature key',
    });
    expect(await codeOf(alice.group.stageAdd([await (await newEngine("member 0")).keyPackage()]))).toBe("identity_taken");
    const bytes = await newEngine("ignored", { identity: basicCredential(utf8("member 1")) });
    expect(await codeOf(alice.group.stageAdd([await bytes.keyPackage()]))).toBe("identity_taken");
    expect(alice.group.pending).toBeUndefined();
  });

  test("two additions of one identity in one commit are rejected", async () => {
    const [alice] = await groupOf(1);
    const keyPackages = [await (await newEngine("twin")).keyPackage(), await (await newEngine("twin")).keyPackage()];
    expect(await codeOf(alice.group.stageAdd(keyPackages))).toBe("identity_taken");
    await (await alice.group.stageAdd(keyPackages.slice(0, 1))).confirm();
    expect(names(alice.group)).toEqual(["member 0", "twin"]);
  });

  test.each([
    ["another member's", ["bob"], ["bob", "carol"]],
    ["the receiving member's own", ["carol"], ["bob", "carol"]],
    ["the committing member's own", ["member 0"], ["bob", "carol"]],
    ["that of another addition", ["dave", "dave"], ["bob", "carol"]],
  ])("members reject the commit of a member that adds %s", async (_, added, members) => {
    const [bypassing, ...strict] = await withBypassingMember(members);
    const keyPackages = await Promise.all(added.map(async (name) => (await newEngine(name)).keyPackage()));
    const { commit: raw } = await bypassing.group.stageAdd(keyPackages);
    for (const { group } of strict) {
      expect(await codeOf(group.process(raw))).toBe("identity_taken");
      expect([names(group), group.epoch]).toEqual([["member 0", ...members], 1n]);
    }
    const [first, second] = strict as [Member, Member];
    await commit(await first.group.stageUpdate(), [second]);
    expect(second.group.epoch).toBe(2n);
  });

  test("the member that a commit removes rejects it too if it adds an identity that is in use", async () => {
    const [bypassing, bob, carol] = (await withBypassingMember(["bob", "carol"])) as [Member, Member, Member];
    const impostor = await newEngine("bob");
    const { commit: raw } = await bypassing.group.stage({ add: [await impostor.keyPackage()], remove: [carol.group.ownLeaf] });
    expect(await codeOf(carol.group.process(raw))).toBe("identity_taken");
    expect(carol.group.isActive).toBe(true);
    expect(await codeOf(bob.group.process(raw))).toBe("identity_taken");
  });

  test("an engine rejects joining a group in which another member has its identity", async () => {
    const [bypassing] = await withBypassingMember(["bob"]);
    const impostor = await newEngine("bob");
    const staged = await bypassing.group.stageAdd([await impostor.keyPackage()]);
    await staged.confirm();
    expect(await codeOf(joined(impostor, staged))).toBe("identity_taken");
  });

  test("a commit can remove a member and add a new key for the same identity", async () => {
    const [alice, bob, carol] = (await groupOf(3)) as [Member, Member, Member];
    const again = await newEngine("member 1");
    const staged = await alice.group.stage({ add: [await again.keyPackage()], remove: [bob.group.ownLeaf] });
    await commit(staged, [carol]);
    const group = await joined(again, staged);
    expect(names(group)).toEqual(["member 0", "member 1", "member 2"]);
    expect(group.members[1]?.signatureKey).toEqual(again.signatureKey);
  });

  test("members with allowSameIdentity share an identity", async () => {
    const [alice, bob] = (await groupOf(2, { allowSameIdentity: true })) as [Member, Member];
    const second = await newEngine("member 1", { allowSameIdentity: true });
    const staged = await alice.group.stageAdd([await second.keyPackage()]);
    await commit(staged, [bob]);
    expect(names(await joined(second, staged))).toEqual(["member 0", "member 1", "member 1"]);
  });

  test("a stored group with a duplicate identity opens and continues", async () => {
    const directory = await mkdtemp(join(tmpdir(), "mls-identities-"));
    const [alice, bob] = (await groupOf(2, { allowSameIdentity: true })) as [Member, Member];
    const twin = await newEngine("member 1", { allowSameIdentity: true });
    const third = await newEngine("third", { store: await openFileStore(directory), allowSameIdentity: true });
    const staged = await alice.group.stageAdd([await twin.keyPackage(), await third.keyPackage()]);
    await commit(staged, [bob]);
    const { id } = await joined(third, staged);
    await third.close();

    await using strict = await newEngine("third", { store: await openFileStore(directory) });
    const group = await strict.loadGroup(id);
    expect(names(group)).toEqual(["member 0", "member 1", "member 1", "third"]);
    await commit(await bob.group.stageUpdate(), [alice, { name: "third", engine: strict, group }]);
    await commit(await group.stageAdd([await (await newEngine("fourth")).keyPackage()]), [alice, bob]);
    expect(await codeOf(group.stageAdd([await (await newEngine("member 1")).keyPackage()]))).toBe("identity_taken");
    await rm(directory, { recursive: true });
  });

  test("external commits are rejected", async () => {
    const [alice] = await groupOf(2);
    const commitOfOutsider = encodeMlsMessage(
      WireFormat.publicMessage,
      encode((w) => {
        w.vector(alice.group.id).u64(alice.group.epoch).u8(4).vector(new Uint8Array()).u8(3);
        w.list([], () => undefined)
          .u8(0)
          .vector(new Uint8Array(64))
          .vector(new Uint8Array(32));
      }),
    );
    expect(await codeOf(alice.group.process(commitOfOutsider))).toBe("unsupported");
  });
});

describe("pending proposals with an identity or key that is in use", () => {
  const chosen = async (client: Client, proposals: readonly Proposal[], removed: readonly number[] = []): Promise<string[]> => {
    const env = { ...client.env, limits: { ...client.env.limits, uniqueIdentities: true } };
    const waiting = proposals.map((proposal, at) => [`${at}`, { proposal, sender: 1, bytes: 1 }] as const);
    const state = { ...client.state, proposals: new Map(waiting) };
    const { references } = committableProposals(env, state, { removed, added: [] });
    await createCommit(env, state, {
      references,
      proposals: removed.map((leaf) => ({ kind: "remove", removed: leaf })),
      forcePath: false,
      authenticatedData: new Uint8Array(),
      wireFormat: WireFormat.privateMessage,
    });
    return references.map(fromUtf8);
  };
  const addOf = async (name: string): Promise<Proposal> => ({ kind: "add", keyPackage: (await newClient(name)).own.keyPackage });

  test("are left out of commits", async () => {
    const [alice] = await groupOfClients(3);
    const twice = await addOf("twice");
    expect(await chosen(alice, [await addOf("new"), await addOf("2"), await addOf("0")])).toEqual(["0"]);
    expect(await chosen(alice, [twice, twice, await addOf("twice"), await addOf("other")])).toEqual(["0", "3"]);
  });

  test("are in a commit that removes the previous holder", async () => {
    const [alice] = await groupOfClients(3);
    const remove: Proposal = { kind: "remove", removed: 2 };
    expect(await chosen(alice, [await addOf("2"), remove])).toEqual(["1", "0"]);
    expect(await chosen(alice, [await addOf("2")], [2])).toEqual(["0"]);
  });
});
