import { MLS10 } from "../codec/structures.ts";
import type { Environment } from "../epoch/environment.ts";
import { groupState, type EpochStart } from "../epoch/group-state.ts";
import { firstEpoch } from "../key-schedule/key-schedule.ts";
import { RatchetTree } from "../tree/ratchet-tree.ts";
import { treeHash } from "../tree/tree-hash.ts";
import type { OwnKeyPackage } from "./key-package.ts";

/** Creates a group with one member ([RFC 9420 §11](https://www.rfc-editor.org/rfc/rfc9420.html#section-11)). */
export async function createGroup(env: Environment, groupId: Uint8Array, own: OwnKeyPackage): Promise<EpochStart> {
  const tree = RatchetTree.ofOne(own.keyPackage.leaf);
  const confirmedTranscriptHash = new Uint8Array();
  const context = {
    version: MLS10,
    suite: env.suite.id,
    groupId,
    epoch: 0n,
    treeHash: await treeHash(env.suite, tree, env.pause),
    confirmedTranscriptHash,
    extensions: [],
  };
  const { secrets, encryptionSecret } = firstEpoch(env.suite);
  const confirmationTag = env.suite.mac(secrets.confirmationKey, confirmedTranscriptHash);
  const privateKeys = new Map([[0, own.secrets.encryptionKey.slice()]]);
  return {
    encryptionSecret,
    state: groupState({ context, tree, ownLeaf: 0, privateKeys, secrets, confirmationTag, proposals: new Map() }),
  };
}
