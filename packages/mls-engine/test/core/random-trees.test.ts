import { expect, it } from "vitest";
import { decodeWhole } from "../../src/core/codec.ts";
import { join } from "../../src/core/join.ts";
import { processCommit } from "../../src/core/process-commit.ts";
import { encodeTree, readTree } from "../../src/core/ratchet-tree.ts";
import { treeHash } from "../../src/core/tree-hash.ts";
import { readWelcome } from "../../src/core/welcome.ts";
import type { Proposal } from "../../src/core/proposal.ts";
import { portablePrimitives } from "../../src/crypto/portable/primitives.ts";
import { groupOfClients, newClient, propose, type Client } from "./clients.ts";

const STEPS = 30;

/** A generator of whole numbers below a limit (mulberry32). */
function randomFrom(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

/** What RFC 9420's vectors `treekem` and `tree-validation` say of a tree, of this one. */
async function checkMember({ env, state }: Client): Promise<void> {
  const { tree, context, privateKeys } = state;
  expect(await treeHash(env.suite, tree, env.pause)).toEqual(context.treeHash);
  const again = decodeWhole(encodeTree(tree), (reader) => readTree(reader, 64));
  expect(await treeHash(env.suite, again, env.pause)).toEqual(context.treeHash);
  for (const [index, privateKey] of privateKeys) {
    const node = tree.nodes[index];
    const publicKey = node?.kind === "leaf" ? node.encryptionKey : node?.publicKey;
    expect(portablePrimitives.dh("X25519").importPrivate(privateKey)?.publicKey).toEqual(publicKey);
  }
}

// Joining checks the whole tree: hashes, parent hashes, unmerged leaves, signatures. Adds without a path leave unmerged leaves, removals blanks.
it.each([1, 2, 3])("trees of random histories hold for members and for who joins (seed %i)", { timeout: 300_000 }, async (seed) => {
  const random = randomFrom(seed);
  let members: Client[] = await groupOfClients(5);
  const seen = { unmerged: 0, blank: 0 };
  for (let step = 0; step < STEPS; step += 1) {
    const committer = members[random(members.length)];
    if (committer === undefined) throw new TypeError("There is nobody");
    const newcomers =
      members.length < 12 && random(3) > 0
        ? await Promise.all(Array.from({ length: 1 + random(2) }, (_, i) => newClient(`${step}.${i}`)))
        : [];
    const gone = members.filter((member) => member !== committer && members.length > 4 && random(6) === 0).slice(0, 3);
    const proposals: Proposal[] = [
      ...gone.map(({ state }): Proposal => ({ kind: "remove", removed: state.ownLeaf })),
      ...newcomers.map(({ own }): Proposal => ({ kind: "add", keyPackage: own.keyPackage })),
    ];
    const created = await propose(committer, proposals, random(2) === 0);
    members = members.filter((member) => !gone.includes(member));
    for (const member of members) {
      if (member === committer) continue;
      const { next } = await processCommit(member.env, member.state, created.handshake);
      if (next === undefined) throw new TypeError("A member was removed");
      member.state = next.state;
    }
    committer.state = created.state;
    for (const newcomer of newcomers) {
      const welcome = decodeWhole(created.welcome ?? new Uint8Array(), readWelcome);
      members.push({ ...newcomer, state: (await join(newcomer.env, welcome, newcomer.own)).state });
    }
    for (const member of members) {
      await checkMember(member);
      expect(member.state.secrets.epochAuthenticator).toEqual(committer.state.secrets.epochAuthenticator);
    }
    for (const node of committer.state.tree.nodes) {
      if (node === undefined) seen.blank += 1;
      else if (node.kind === "parent") seen.unmerged += node.unmergedLeaves.length;
    }
  }
  expect(seen.unmerged).toBeGreaterThan(0);
  expect(seen.blank).toBeGreaterThan(0);
});
