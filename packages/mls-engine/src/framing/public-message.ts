import { MlsError } from "../errors.ts";
import { encode, equalBytes, malformed, type Reader } from "../codec/codec.ts";
import type { Environment } from "../epoch/environment.ts";
import {
  ContentType,
  encodeFramedContent,
  framedContentToBeSigned,
  readSender,
  WireFormat,
  type Handshake,
  type Sender,
} from "./framed-content.ts";
import type { GroupState } from "../epoch/group-state.ts";
import { verify } from "../crypto/labels.ts";
import { readCommit, readProposal } from "../proposals/proposal.ts";

/** A PublicMessage (RFC 9420 §6.2) as read, nothing of it checked. */
export interface PublicMessage {
  readonly groupId: Uint8Array;
  readonly epoch: bigint;
  readonly sender: Sender;
  readonly contentType: number;
  readonly content: Uint8Array;
  readonly authenticatedData: Uint8Array;
  readonly signature: Uint8Array;
  readonly confirmationTag: Uint8Array | undefined;
  readonly membershipTag: Uint8Array | undefined;
}

export function readPublicMessage(r: Reader): PublicMessage {
  const groupId = r.vector();
  const epoch = r.u64();
  const sender = readSender(r);
  const authenticatedData = r.vector();
  const contentType = r.u8();
  const start = r.offset;
  if (contentType === ContentType.proposal) readProposal(r);
  else if (contentType === ContentType.commit) readCommit(r);
  else throw malformed("A public message is neither a proposal nor a commit");
  const content = r.since(start);
  const signature = r.vector();
  const confirmationTag = contentType === ContentType.commit ? r.vector() : undefined;
  const membershipTag = sender.kind === "member" ? r.vector() : undefined;
  return { groupId, epoch, sender, contentType, content, authenticatedData, signature, confirmationTag, membershipTag };
}

/** Checks that a member of the group has sent a public message (RFC 9420 §6.1, §6.2). */
export async function openPublicMessage(env: Environment, state: GroupState, message: PublicMessage): Promise<Handshake> {
  const { sender, signature, confirmationTag, membershipTag, content, authenticatedData } = message;
  if (sender.kind !== "member") throw new MlsError("unsupported", "Proposals and commits of outsiders are not supported");
  const leaf = state.tree.leaf(sender.leaf);
  if (leaf === undefined || membershipTag === undefined) throw refused();
  const contentType = message.contentType === ContentType.commit ? ContentType.commit : ContentType.proposal;
  const handshake: Handshake = {
    wireFormat: WireFormat.publicMessage,
    contentType,
    sender: sender.leaf,
    content,
    authenticatedData,
    signature,
    confirmationTag,
  };
  const toBeSigned = framedContentToBeSigned(state.context, WireFormat.publicMessage, encodeFramedContent(state.context, handshake));
  if (!equalBytes(await membershipTagOf(env, state, handshake, toBeSigned), membershipTag)) throw refused();
  if (!(await verify(env.suite, leaf.signatureKey, "FramedContentTBS", toBeSigned, signature))) throw refused();
  return handshake;
}

/** A proposal or commit of one's own as the content of a PublicMessage (RFC 9420 §6.2); it must be signed for one. */
export async function encodePublicMessage(env: Environment, state: GroupState, handshake: Handshake): Promise<Uint8Array> {
  const framed = encodeFramedContent(state.context, handshake);
  const toBeSigned = framedContentToBeSigned(state.context, WireFormat.publicMessage, framed);
  const membershipTag = await membershipTagOf(env, state, handshake, toBeSigned);
  return encode((w) => {
    w.raw(framed).vector(handshake.signature);
    if (handshake.confirmationTag) w.vector(handshake.confirmationTag);
    w.vector(membershipTag);
  });
}

/** A MAC of a PublicMessage that only members can make: over AuthenticatedContentTBM. */
function membershipTagOf(
  env: Environment,
  state: GroupState,
  { signature, confirmationTag }: Handshake,
  toBeSigned: Uint8Array,
): Promise<Uint8Array> {
  const toBeMaced = encode((w) => {
    w.raw(toBeSigned).vector(signature);
    if (confirmationTag) w.vector(confirmationTag);
  });
  return env.suite.hash.mac(state.secrets.membershipKey, toBeMaced);
}

function refused(): MlsError {
  return new MlsError("decryption_failure", "A public message is not from a member of the group");
}
