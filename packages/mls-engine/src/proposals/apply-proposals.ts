import { MlsError } from "../errors.ts";
import { encode, equalBytes, keyOf } from "../codec/codec.ts";
import { must, type Environment } from "../epoch/environment.ts";
import type { GroupState, SentProposal } from "../epoch/group-state.ts";
import { checkKeyPackage, type KeyPackage } from "../join/key-package.ts";
import { checkLeaf, checkLifetime } from "../tree/leaf-validation.ts";
import type { ProposalOrRef } from "./proposal.ts";
import type { RatchetTree } from "../tree/ratchet-tree.ts";
import { MAX_ENTRIES, writePskId, type Extension, type PskId } from "../codec/structures.ts";

/** What a commit's proposals make of a group, before its path. */
export interface Applied {
  readonly tree: RatchetTree;
  readonly extensions: readonly Extension[];
  readonly psks: readonly PskId[];
  readonly added: readonly { readonly leaf: number; readonly keyPackage: KeyPackage }[];
  readonly removed: readonly number[];
  readonly updated: readonly number[];
  /** Whether such a commit must carry a path (RFC 9420 §12.4). */
  readonly needsPath: boolean;
}

/** Validates the proposals of a commit together and applies them to a copy of the tree (RFC 9420 §12.2, §12.3). */
export async function applyProposals(
  env: Environment,
  state: GroupState,
  list: readonly ProposalOrRef[],
  committer: number,
  isOwn: boolean,
): Promise<Applied> {
  const proposals = list.map((entry) => resolve(state, entry, committer));
  checkList(env, state, proposals, committer);
  const tree = state.tree.copy();
  const updated = await applyUpdates(env, state, tree, proposals);
  const removed = applyRemoves(tree, proposals);
  const extensions = extensionsAfter(state, proposals);
  const added = await applyAdds(env, state, tree, proposals, extensions, isOwn);
  const psks = proposals.flatMap(({ proposal }) => (proposal.kind === "psk" ? [proposal.psk] : []));
  const needsPath = list.length === 0 || proposals.some(({ proposal }) => proposal.kind !== "add" && proposal.kind !== "psk");
  return { tree, extensions, psks, added, removed, updated, needsPath };
}

function resolve(state: GroupState, entry: ProposalOrRef, committer: number): SentProposal {
  if (entry.kind === "proposal") return { proposal: entry.proposal, sender: committer };
  const found = state.proposals.get(keyOf(entry.reference));
  must(found !== undefined, "invalid_commit", "A commit refers to a proposal that didn't arrive here");
  return found;
}

function checkList(env: Environment, state: GroupState, proposals: readonly SentProposal[], committer: number): void {
  const changed = new Set<number>();
  const psks = new Set<string>();
  let contexts = 0;
  for (const { proposal, sender } of proposals) {
    switch (proposal.kind) {
      case "update":
        must(sender !== committer, "invalid_commit", "A commit holds an update of its own sender");
        must(!changed.has(sender), "invalid_commit", "A commit changes one member twice");
        changed.add(sender);
        break;
      case "remove":
        must(proposal.removed !== committer, "invalid_commit", "A commit removes its own sender");
        must(!changed.has(proposal.removed), "invalid_commit", "A commit changes one member twice");
        must(state.tree.leaf(proposal.removed) !== undefined, "invalid_commit", "A commit removes somebody who isn't a member");
        changed.add(proposal.removed);
        break;
      case "psk": {
        const { psk } = proposal;
        const id = keyOf(encode((w) => writePskId(w, psk)));
        must(!psks.has(id), "invalid_commit", "A commit holds a pre-shared key twice");
        must(psk.nonce.length === env.suite.kdf.size, "invalid_commit", "A pre-shared key has a nonce of the wrong length");
        must(psk.kind === "external" || psk.usage === 1, "invalid_commit", "A resumption key is for another purpose");
        psks.add(id);
        must(psks.size <= MAX_ENTRIES.psks, "invalid_commit", "A commit holds too many pre-shared keys");
        break;
      }
      case "group_context_extensions":
        contexts++;
        must(contexts === 1, "invalid_commit", "A commit replaces the group's extensions twice");
        break;
      case "reinit":
        throw new MlsError("unsupported", "The group is to be reinitialised, which is not supported");
      case "external_init":
        throw new MlsError("invalid_commit", "A member's commit holds the proposal of a joiner");
      case "add":
    }
  }
}

async function applyUpdates(env: Environment, state: GroupState, tree: RatchetTree, proposals: readonly SentProposal[]): Promise<number[]> {
  const updated: number[] = [];
  for (const { proposal, sender } of proposals) {
    if (proposal.kind !== "update") continue;
    const previous = state.tree.leaf(sender);
    must(previous !== undefined, "invalid_commit", "An update is of somebody who isn't a member");
    must(proposal.leaf.source.kind === "update", "invalid_commit", "An update holds a leaf from elsewhere");
    must(!equalBytes(proposal.leaf.encryptionKey, previous.encryptionKey), "invalid_commit", "An update doesn't change its sender's key");
    await checkLeaf(env, proposal.leaf, sender, state.context, "invalid_commit", {
      reason: "update",
      previous: previous.credential,
      previousKey: previous.signatureKey,
    });
    tree.update(sender, proposal.leaf);
    updated.push(sender);
  }
  return updated;
}

function applyRemoves(tree: RatchetTree, proposals: readonly SentProposal[]): number[] {
  const removed: number[] = [];
  for (const { proposal } of proposals) {
    if (proposal.kind !== "remove") continue;
    tree.remove(proposal.removed);
    removed.push(proposal.removed);
  }
  if (removed.length > 0) tree.truncate();
  return removed;
}

function extensionsAfter(state: GroupState, proposals: readonly SentProposal[]): readonly Extension[] {
  for (const { proposal } of proposals) if (proposal.kind === "group_context_extensions") return proposal.extensions;
  return state.context.extensions;
}

async function applyAdds(
  env: Environment,
  state: GroupState,
  tree: RatchetTree,
  proposals: readonly SentProposal[],
  extensions: readonly Extension[],
  isOwn: boolean,
): Promise<Applied["added"]> {
  const added: { leaf: number; keyPackage: KeyPackage }[] = [];
  let members = [...tree.leaves()].length;
  let free = 0;
  for (const { proposal } of proposals) {
    if (proposal.kind !== "add") continue;
    const { keyPackage } = proposal;
    if (++members > env.limits.maxMembers) throw new MlsError("group_full", `A group has at most ${env.limits.maxMembers} members`);
    await checkKeyPackage(env.suite, keyPackage);
    if (isOwn) checkLifetime(env, keyPackage.leaf);
    await checkLeaf(env, keyPackage.leaf, 0, { ...state.context, extensions }, isOwn ? "invalid_key_package" : "invalid_commit", {
      reason: "add",
    });
    const leaf = tree.add(keyPackage.leaf, free);
    added.push({ leaf, keyPackage });
    free = leaf + 1;
  }
  return added;
}
