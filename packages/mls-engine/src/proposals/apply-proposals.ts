import { equalBytes, keyOf } from "../codec/bytes.ts";
import { MAX_ENTRIES, writePskId, type Extension, type PskId } from "../codec/structures.ts";
import { encode } from "../codec/writer.ts";
import { assertRule, type Environment } from "../epoch/environment.ts";
import type { GroupState, SentProposal } from "../epoch/group-state.ts";
import { MlsEngineError } from "../errors.ts";
import { checkKeyPackage, type KeyPackage } from "../join/key-package.ts";
import { checkLeaf, checkLifetime } from "../tree/leaf-validation.ts";
import type { RatchetTree } from "../tree/ratchet-tree.ts";
import type { ProposalOrRef } from "./proposal.ts";

/** The result of a commit's proposals, before its update path. */
export interface Applied {
  readonly tree: RatchetTree;
  readonly extensions: readonly Extension[];
  readonly psks: readonly PskId[];
  readonly added: readonly { readonly leaf: number; readonly keyPackage: KeyPackage }[];
  readonly removed: readonly number[];
  readonly updated: readonly number[];
  /** Whether the commit must have an update path (RFC 9420 §12.4): always, unless it only adds members or uses pre-shared keys. */
  readonly needsPath: boolean;
}

/**
 * Validates the proposals of a commit together ([RFC 9420 §12.2](https://www.rfc-editor.org/rfc/rfc9420.html#section-12.2)) and applies them to
 * a copy of the tree in the order of §12.3: updates, removals, additions. Called for own commits and for those of others, so that this member
 * never sends a commit that it would reject.
 *
 * @param isOwn whether this member is the committer. The lifetime of an added key package is checked by the committer only (§7.3): others
 *   may receive the commit after it expired.
 * @throws MlsEngineError `invalid_commit`, `invalid_key_package`, `unsupported`, `credential_refused`, `group_full`
 */
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
  assertRule(found !== undefined, "invalid_commit", "The commit refers to a proposal that was not received");
  return found;
}

function checkList(env: Environment, state: GroupState, proposals: readonly SentProposal[], committer: number): void {
  const rule = (condition: boolean, message: string): void => assertRule(condition, "invalid_commit", message);
  const changed = new Set<number>();
  const psks = new Set<string>();
  let contexts = 0;
  for (const { proposal, sender } of proposals) {
    switch (proposal.kind) {
      case "update":
        rule(sender !== committer, "The commit contains an Update of its committer");
        rule(!changed.has(sender), "The commit contains two changes of one member");
        changed.add(sender);
        break;
      case "remove":
        rule(proposal.removed !== committer, "The commit removes its committer");
        rule(!changed.has(proposal.removed), "The commit contains two changes of one member");
        rule(state.tree.leaf(proposal.removed) !== undefined, "The commit removes a leaf that is not a member");
        changed.add(proposal.removed);
        break;
      case "psk": {
        const { psk } = proposal;
        const id = keyOf(encode((w) => writePskId(w, psk)));
        rule(!psks.has(id), "The commit uses a pre-shared key twice");
        rule(psk.nonce.length === env.suite.hashLength, "The nonce of a pre-shared key has the wrong length");
        rule(psk.kind === "external" || psk.usage === 1, "The commit uses a resumption key of another usage");
        psks.add(id);
        rule(psks.size <= MAX_ENTRIES.psks, "The commit uses too many pre-shared keys");
        break;
      }
      case "group_context_extensions":
        contexts++;
        rule(contexts === 1, "The commit replaces the group's extensions twice");
        break;
      case "reinit":
        throw new MlsEngineError("unsupported", "The commit reinitialises the group, which is not supported");
      case "external_init":
        throw new MlsEngineError("invalid_commit", "The commit of a member contains an ExternalInit");
      case "add":
    }
  }
}

async function applyUpdates(env: Environment, state: GroupState, tree: RatchetTree, proposals: readonly SentProposal[]): Promise<number[]> {
  const updated: number[] = [];
  for (const { proposal, sender } of proposals) {
    if (proposal.kind !== "update") continue;
    await checkUpdate(env, state, proposal, sender, "invalid_commit");
    tree.update(sender, proposal.leaf);
    updated.push(sender);
  }
  return updated;
}

/**
 * Validates an Update proposal (RFC 9420 §12.1.2): a leaf of its sender, with a new encryption key.
 *
 * @throws MlsEngineError of `code`; `credential_refused`
 */
export async function checkUpdate(
  env: Environment,
  state: GroupState,
  { leaf }: Extract<SentProposal["proposal"], { kind: "update" }>,
  sender: number,
  code: "invalid_commit" | "invalid_proposal",
): Promise<void> {
  const previous = state.tree.leaf(sender);
  assertRule(previous !== undefined, code, "The sender of the Update is not a member");
  assertRule(leaf.source.kind === "update", code, "The leaf of the Update has another source than an update");
  assertRule(!equalBytes(leaf.encryptionKey, previous.encryptionKey), code, "The Update keeps the encryption key of its sender");
  const replaced = { previous: previous.credential, previousKey: previous.signatureKey };
  await checkLeaf(env, leaf, sender, state.context, code, { reason: "update", ...replaced });
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
  const { maxMembers } = env.limits;
  const code = isOwn ? "invalid_key_package" : "invalid_commit";
  let members = [...tree.leaves()].length;
  let from = 0;
  for (const { proposal } of proposals) {
    if (proposal.kind !== "add") continue;
    const { keyPackage } = proposal;
    if (++members > maxMembers) throw new MlsEngineError("group_full", `The group would exceed ${maxMembers} members (limits.maxMembers)`);
    checkKeyPackage(env.suite, keyPackage);
    if (isOwn) checkLifetime(env, keyPackage.leaf);
    await checkLeaf(env, keyPackage.leaf, 0, { ...state.context, extensions }, code, { reason: "add" });
    const leaf = tree.add(keyPackage.leaf, from);
    added.push({ leaf, keyPackage });
    from = leaf + 1;
  }
  return added;
}
