import type { Environment } from "../epoch/environment.ts";
import { groupState, type EpochStart } from "../epoch/group-state.ts";
import type { OwnKeyPackage } from "./join.ts";
import { firstEpoch } from "../key-schedule/key-schedule.ts";
import { RatchetTree } from "../tree/ratchet-tree.ts";
import { MLS10 } from "../codec/structures.ts";
import { suiteId } from "../crypto/suite-id.ts";
import { treeHash } from "../tree/tree-hash.ts";

/** A group with one member (RFC 9420 §11). */
export async function createGroup(env: Environment, groupId: Uint8Array, own: OwnKeyPackage): Promise<EpochStart> {
  const tree = RatchetTree.ofOne(own.keyPackage.leaf);
  const confirmedTranscriptHash = new Uint8Array();
  const context = {
    version: MLS10,
    suite: suiteId(env.suite),
    groupId,
    epoch: 0n,
    treeHash: await treeHash(env.suite, tree, env.pause),
    confirmedTranscriptHash,
    extensions: [],
  };
  const { secrets, encryptionSecret } = await firstEpoch(env.suite);
  const confirmationTag = await env.suite.hash.mac(secrets.confirmationKey, confirmedTranscriptHash);
  const privateKeys = new Map([[0, own.secrets.encryptionKey.slice()]]);
  return {
    encryptionSecret,
    state: groupState({ context, tree, ownLeaf: 0, privateKeys, secrets, confirmationTag, proposals: new Map() }),
  };
}
