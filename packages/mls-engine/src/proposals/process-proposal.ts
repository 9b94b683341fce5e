import { keyOf } from "../codec/bytes.ts";
import { decodeWhole } from "../codec/reader.ts";
import { refHash } from "../crypto/labels.ts";
import { assertRule, type Environment } from "../epoch/environment.ts";
import type { GroupState } from "../epoch/group-state.ts";
import { MlsEngineError } from "../errors.ts";
import type { Handshake } from "../framing/framed-content.ts";
import { checkKeyPackage } from "../join/key-package.ts";
import { encodeAuthenticatedContent } from "../key-schedule/transcript-hash.ts";
import { checkLeaf } from "../tree/leaf-validation.ts";
import { checkUpdate } from "./apply-proposals.ts";
import { readProposal, type Proposal } from "./proposal.ts";

/** Limits of the pending proposals of a group: their senders could otherwise fill the memory of the other members. */
const MAX_PENDING = 1024;
const MAX_PENDING_BYTES = 1024 * 1024;

/**
 * Validates a proposal ([RFC 9420 §12.1](https://www.rfc-editor.org/rfc/rfc9420.html#section-12.1)) and adds it to the pending ones. The caller
 * has verified its signature. The state is unchanged; the result contains the new one.
 *
 * @throws MlsEngineError `invalid_proposal`, `invalid_key_package`, `credential_refused`, `unsupported`, `malformed`, `too_large`
 */
export async function processProposal(
  env: Environment,
  state: GroupState,
  message: Handshake,
): Promise<{ state: GroupState; proposal: Proposal }> {
  const proposal = decodeWhole(message.content, readProposal);
  await checkProposal(env, state, proposal, message.sender);
  let pendingBytes = message.content.length;
  for (const { bytes } of state.proposals.values()) pendingBytes += bytes;
  if (state.proposals.size >= MAX_PENDING || pendingBytes > MAX_PENDING_BYTES) {
    throw new MlsEngineError("too_large", `Too many pending proposals. Limits: ${MAX_PENDING} proposals, ${MAX_PENDING_BYTES} bytes`);
  }
  const reference = refHash(env.suite, "MLS 1.0 Proposal Reference", encodeAuthenticatedContent(state.context, message));
  const proposals = new Map(state.proposals);
  proposals.set(keyOf(reference), { proposal, sender: message.sender, bytes: message.content.length });
  return { state: { ...state, proposals }, proposal };
}

async function checkProposal(env: Environment, state: GroupState, proposal: Proposal, sender: number): Promise<void> {
  const code = "invalid_proposal";
  switch (proposal.kind) {
    case "add":
      checkKeyPackage(env.suite, proposal.keyPackage);
      return checkLeaf(env, proposal.keyPackage.leaf, 0, state.context, code, { reason: "add" });
    case "update":
      return checkUpdate(env, state, proposal, sender, code);
    case "remove":
      return assertRule(state.tree.leaf(proposal.removed) !== undefined, code, "The proposal removes a leaf that is not a member");
    case "reinit":
      throw new MlsEngineError("unsupported", "The proposal reinitialises the group, which is not supported");
    case "external_init":
      throw new MlsEngineError(code, "A member sent an ExternalInit proposal");
    case "psk":
    case "group_context_extensions":
  }
}
