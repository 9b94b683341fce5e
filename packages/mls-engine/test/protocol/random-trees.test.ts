import { decodeWhole } from "../../src/codec/reader.ts";
import { gateOrSoak } from "@parley/test-assertions";
import { expect, it } from "vitest";
import { encodeTree, readTree } from "../../src/tree/ratchet-tree.ts";
import { treeHash } from "../../src/tree/tree-hash.ts";
import { applyPath, createPath, type PathResult } from "../../src/tree/update-path.ts";
import { portablePrimitives } from "../../src/crypto/portable/primitives.ts";
import type { Client } from "./clients.ts";
import { RandomGroup } from "./random-group.ts";

const STEPS = 30;
/** Commits between two checks of the update paths of all members. */
const PATHS_EVERY = 10;
const SEEDS = Array.from({ length: gateOrSoak(1, 60) }, (_, i) => i + 1);

/** A member's tree has the hash of its epoch, also when it is encoded and read, and the member's private keys are those of its nodes. */
async function checkMember({ env, state }: Client): Promise<void> {
  const { tree, context, privateKeys } = state;
  expect(await treeHash(env.suite, tree, env.pause)).toEqual(context.treeHash);
  const again = decodeWhole(encodeTree(tree), (reader) => readTree(reader, 64));
  expect(await treeHash(env.suite, again, env.pause)).toEqual(context.treeHash);
  checkKeys(privateKeys, (node) => tree.publicKey(node));
}

function checkKeys(privateKeys: PathResult["privateKeys"], publicKey: (node: number) => Uint8Array | undefined): void {
  for (const [node, privateKey] of privateKeys) {
    expect(portablePrimitives.dh("X25519").importPrivate(privateKey)?.publicKey).toEqual(publicKey(node));
  }
}

/** All members derive the same commit secret, tree and keys from each member's update path (RFC 9420 §7.4 – §7.6). No state changes. */
async function checkPaths(members: readonly Client[]): Promise<void> {
  for (const sender of members) {
    const { state } = sender;
    const context = { ...state.context, epoch: state.context.epoch + 1n };
    const sent = state.tree.copy();
    const made = await createPath(sender.env, state, sent, context, new Set());
    for (const receiver of members) {
      if (receiver === sender) continue;
      const tree = receiver.state.tree.copy();
      const read = await applyPath(receiver.env, receiver.state, tree, context, state.ownLeaf, made.path, new Set());
      expect(read.commitSecret).toEqual(made.commitSecret);
      expect(read.context).toEqual(made.context);
      expect(encodeTree(tree)).toEqual(encodeTree(sent));
      checkKeys(read.privateKeys, (node) => tree.publicKey(node));
    }
  }
}

// Joining checks the whole tree: hashes, parent hashes, unmerged leaves, signatures.
it.each(SEEDS)(
  "members and joiners of a random history agree on its trees and on each member's update path (seed %i)",
  { timeout: 600_000 },
  async (seed) => {
    const group = await RandomGroup.create(seed);
    const seen = { unmerged: 0, blank: 0 };
    for (let step = 1; step <= STEPS; step += 1) {
      await group.step();
      for (const member of group.members) {
        await checkMember(member);
        expect(member.state.secrets.epochAuthenticator).toEqual(group.first.state.secrets.epochAuthenticator);
      }
      if (step % PATHS_EVERY === 0) await checkPaths(group.members);
      for (const node of group.first.state.tree.nodes) {
        if (node === undefined) seen.blank += 1;
        else if (node.kind === "parent") seen.unmerged += node.unmergedLeaves.length;
      }
    }
    expect(seen.unmerged).toBeGreaterThan(0);
    expect(seen.blank).toBeGreaterThan(0);
  },
);
