import { MlsError } from "../errors.ts";
import { decodeWhole, equalBytes, keyOf } from "../codec/codec.ts";
import { must, type Environment } from "../epoch/environment.ts";
import { encodeAuthenticatedContent, type Handshake } from "../framing/framed-content.ts";
import type { GroupState } from "../epoch/group-state.ts";
import { checkKeyPackage, type KeyPackage } from "../join/key-package.ts";
import { reference } from "../crypto/labels.ts";
import { checkLeaf } from "../tree/leaf-validation.ts";
import { TakenNames } from "../tree/unique-identities.ts";
import { readProposal, type Proposal } from "./proposal.ts";

/** Proposals that may wait for a commit. */
const MAX_WAITING = 1024;
const MAX_WAITING_BYTES = 1024 * 1024;

/** Takes up a member's proposal (RFC 9420 §12.1), whose signature is checked already, to wait for a commit. */
export async function processProposal(
  env: Environment,
  state: GroupState,
  message: Handshake,
): Promise<{ state: GroupState; proposal: Proposal }> {
  const proposal = decodeWhole(message.content, readProposal);
  await checkAlone(env, state, proposal, message.sender);
  let waitingBytes = message.content.length;
  for (const { bytes } of state.proposals.values()) waitingBytes += bytes;
  if (state.proposals.size >= MAX_WAITING || waitingBytes > MAX_WAITING_BYTES) {
    throw new MlsError("too_large", "Too many proposals wait for a commit");
  }
  const name = await proposalReference(env, state, message);
  const proposals = new Map(state.proposals).set(keyOf(name), { proposal, sender: message.sender, bytes: message.content.length });
  return { state: { ...state, proposals }, proposal };
}

/** RFC 9420 §5.2. */
function proposalReference(env: Environment, state: GroupState, message: Handshake): Promise<Uint8Array> {
  return reference(env.suite, "MLS 1.0 Proposal Reference", encodeAuthenticatedContent(state.context, message));
}

/** What a commit of ours does besides the proposals that wait. */
interface OwnChanges {
  readonly removed: readonly number[];
  readonly added: readonly KeyPackage[];
}

/**
 * The waiting proposals that can be in one commit of ours (§12.2): the last of each member's updates, none of a member that is removed, and
 * no Add or Update that takes a signature key or an identity which another member has. Those are left out, since one of them would make
 * every commit invalid.
 */
export function committableProposals(
  env: Environment,
  state: GroupState,
  own: OwnChanges,
): { references: Uint8Array[]; removed: Set<number> } {
  const removed = new Map<number, string>();
  const updates = new Map<number, string>();
  const adds: string[] = [];
  const psks: string[] = [];
  let extensions: string | undefined;
  for (const [name, { proposal, sender }] of state.proposals) {
    if (proposal.kind === "remove") {
      if (proposal.removed !== state.ownLeaf) removed.set(proposal.removed, name);
    } else if (proposal.kind === "update") {
      if (sender !== state.ownLeaf) updates.set(sender, name);
    } else if (proposal.kind === "group_context_extensions") extensions = name;
    else if (proposal.kind === "add") adds.push(name);
    else if (proposal.kind === "psk") psks.push(name);
  }
  const gone = new Set([...removed.keys(), ...own.removed]);
  for (const leaf of gone) updates.delete(leaf);
  const taken = new TakenNames(env);
  // Nothing that waits takes a name: the usual case.
  const isNeeded = adds.length + updates.size > 0;
  for (const [index, leaf] of isNeeded ? state.tree.leaves() : []) if (!gone.has(index)) taken.add(leaf);
  for (const { leaf } of own.added) taken.add(leaf);
  const fits = (name: string): boolean => {
    const waiting = state.proposals.get(name);
    if (waiting?.proposal.kind === "add") return taken.replace(undefined, waiting.proposal.keyPackage.leaf);
    if (waiting?.proposal.kind === "update") return taken.replace(state.tree.leaf(waiting.sender), waiting.proposal.leaf);
    return false;
  };
  const chosen = [...[...updates.values()].filter(fits), ...removed.values(), ...adds.filter(fits), ...psks];
  const names = extensions === undefined ? chosen : [...chosen, extensions];
  return { references: names.map(bytesOf), removed: new Set(removed.keys()) };
}

async function checkAlone(env: Environment, state: GroupState, proposal: Proposal, sender: number): Promise<void> {
  if (proposal.kind === "add") {
    await checkKeyPackage(env.suite, proposal.keyPackage);
    await checkLeaf(env, proposal.keyPackage.leaf, 0, state.context, "invalid_proposal", { reason: "add" });
  }
  if (proposal.kind === "remove") {
    must(state.tree.leaf(proposal.removed) !== undefined, "invalid_proposal", "A proposal removes somebody who isn't a member");
  }
  if (proposal.kind === "update") {
    const previous = state.tree.leaf(sender);
    must(proposal.leaf.source.kind === "update" && previous !== undefined, "invalid_proposal", "An update holds a leaf from elsewhere");
    const isNew = !equalBytes(proposal.leaf.encryptionKey, previous.encryptionKey);
    must(isNew, "invalid_proposal", "An update doesn't change its sender's key");
    await checkLeaf(env, proposal.leaf, sender, state.context, "invalid_proposal", {
      reason: "update",
      previous: previous.credential,
      previousKey: previous.signatureKey,
    });
  }
  if (proposal.kind === "reinit") throw new MlsError("unsupported", "The group is to be reinitialised, which is not supported");
  must(proposal.kind !== "external_init", "invalid_proposal", "A member proposes what only a joiner can");
}

function bytesOf(key: string): Uint8Array {
  return Uint8Array.from(key, (character) => character.charCodeAt(0));
}
