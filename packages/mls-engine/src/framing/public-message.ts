import { equalBytes } from "../codec/bytes.ts";
import { malformed, type Reader } from "../codec/reader.ts";
import { encode } from "../codec/writer.ts";
import { verifyWithLabel } from "../crypto/labels.ts";
import type { Environment } from "../epoch/environment.ts";
import type { GroupState } from "../epoch/group-state.ts";
import { MlsEngineError } from "../errors.ts";
import { readCommit, readProposal } from "../proposals/proposal.ts";
import {
  framedContentTbs,
  readContentType,
  readSender,
  WireFormat,
  writeFramedContent,
  type Handshake,
  type MessageGroup,
  type Sender,
} from "./framed-content.ts";

/** A PublicMessage ([RFC 9420 §6.2](https://www.rfc-editor.org/rfc/rfc9420.html#section-6.2)) as it was parsed. Nothing in it is authenticated yet. */
export interface PublicMessage extends MessageGroup {
  readonly sender: Sender;
  readonly contentType: "proposal" | "commit";
  readonly content: Uint8Array;
  readonly authenticatedData: Uint8Array;
  readonly signature: Uint8Array;
  readonly confirmationTag: Uint8Array | undefined;
  readonly membershipTag: Uint8Array | undefined;
}

/** @throws MlsEngineError `malformed`, for application data too: RFC 9420 §6.2 requires that it is encrypted */
export function readPublicMessage(r: Reader): PublicMessage {
  const groupId = r.vector();
  const epoch = r.u64();
  const sender = readSender(r);
  const authenticatedData = r.vector();
  const contentType = readContentType(r);
  const start = r.offset;
  if (contentType === "proposal") readProposal(r);
  else if (contentType === "commit") readCommit(r);
  else throw malformed("A PublicMessage holds application data");
  const content = r.since(start);
  const signature = r.vector();
  const confirmationTag = contentType === "commit" ? r.vector() : undefined;
  const membershipTag = sender.kind === "member" ? r.vector() : undefined;
  return { groupId, epoch, sender, contentType, content, authenticatedData, signature, confirmationTag, membershipTag };
}

/**
 * Verifies that a member of the group sent a PublicMessage: its membership tag, and then its signature (RFC 9420 §6.1, §6.2).
 *
 * @throws MlsEngineError `decryption_failure`, `unsupported` (a sender that is not a member)
 */
export function openPublicMessage(env: Environment, state: GroupState, message: PublicMessage): Handshake {
  const { sender, contentType, signature, confirmationTag, membershipTag, content, authenticatedData } = message;
  if (sender.kind !== "member") throw new MlsEngineError("unsupported", "Proposals and commits of non-members are not supported");
  const leaf = state.tree.leaf(sender.leaf);
  if (leaf === undefined || membershipTag === undefined) throw notAuthentic();
  const wireFormat = WireFormat.publicMessage;
  const handshake: Handshake = { wireFormat, contentType, sender: sender.leaf, content, authenticatedData, signature, confirmationTag };
  const tbs = framedContentTbs(wireFormat, state.context, state.encodedContext, handshake);
  if (!equalBytes(membershipTagOf(env, state, handshake, tbs), membershipTag)) throw notAuthentic();
  if (!verifyWithLabel(env.suite, leaf.signatureKey, "FramedContentTBS", tbs, signature)) throw notAuthentic();
  return handshake;
}

/** A proposal or commit of this member as the content of a PublicMessage (RFC 9420 §6.2). It must be signed for that wire format. */
export function encodePublicMessage(env: Environment, state: GroupState, handshake: Handshake): Uint8Array {
  const tbs = framedContentTbs(WireFormat.publicMessage, state.context, state.encodedContext, handshake);
  const membershipTag = membershipTagOf(env, state, handshake, tbs);
  return encode((w) => {
    writeFramedContent(w, state.context, handshake).vector(handshake.signature);
    if (handshake.confirmationTag) w.vector(handshake.confirmationTag);
    w.vector(membershipTag);
  });
}

/**
 * The membership tag: a MAC over AuthenticatedContentTBM (RFC 9420 §6.2). Only members have its key, so the server that relays messages can't
 * replace one, even with a member's signature from elsewhere.
 */
function membershipTagOf(env: Environment, state: GroupState, { signature, confirmationTag }: Handshake, tbs: Uint8Array): Uint8Array {
  const tbm = encode((w) => {
    w.raw(tbs).vector(signature);
    if (confirmationTag) w.vector(confirmationTag);
  });
  return env.suite.mac(state.secrets.membershipKey, tbm);
}

function notAuthentic(): MlsEngineError {
  return new MlsEngineError("decryption_failure", "The PublicMessage was not sent by a member of the group, or was modified");
}
