import { encodePublicMessage, openPublicMessage } from "../../src/framing/public-message.ts";
import { ContentType, WireFormat, type Handshake } from "../../src/framing/framed-content.ts";
import type { Environment } from "../../src/epoch/environment.ts";
import type { EpochStart, GroupState } from "../../src/epoch/group-state.ts";
import type { MessageCrypto } from "../../src/crypto/mls-crypto.ts";
import type { MessageEpoch } from "../../src/framing/message-epoch.ts";
import { openMessage } from "../../src/framing/open-message.ts";
import { MAX_MESSAGE_BYTES } from "../../src/framing/private-message.ts";
import { sealMessage } from "../../src/framing/seal-message.ts";
import { SecretTree } from "../../src/secret-tree/secret-tree.ts";
import { frame, readWire } from "../../src/framing/mls-message.ts";

/** A member's view of an epoch, with its message keys. */
export interface EpochMember {
  readonly env: Environment;
  state: GroupState;
  messages: MessageEpoch;
}

/** The message keys of an epoch that starts. Erases its encryption secret. */
export function messagesOf(crypto: MessageCrypto, { state, encryptionSecret }: EpochStart): MessageEpoch {
  return {
    crypto,
    groupId: state.context.groupId,
    epoch: state.context.epoch,
    groupContext: state.encodedContext,
    senderDataSecret: state.secrets.senderDataSecret,
    tree: SecretTree.create(crypto, encryptionSecret, state.tree.leafCount, state.ownLeaf),
    signaturePublicKey: (leaf) => state.tree.leaf(leaf)?.signatureKey,
  };
}

/** A signed proposal or commit as the MLSMessage of its wire format. */
export async function sendHandshake({ env, state, messages }: EpochMember, handshake: Handshake): Promise<Uint8Array> {
  if (handshake.wireFormat === WireFormat.publicMessage) {
    return frame(WireFormat.publicMessage, await encodePublicMessage(env, state, handshake));
  }
  const { lease } = messages.tree.leaseSend("handshake", 1);
  const { confirmationTag, ...content } = handshake;
  return confirmationTag
    ? sealMessage(messages, lease, { ...content, contentType: "commit", confirmationTag })
    : sealMessage(messages, lease, { ...content, contentType: "proposal" });
}

/** The proposal or commit of another member, from either wire format. */
export async function receiveHandshake({ env, state, messages }: EpochMember, bytes: Uint8Array): Promise<Handshake> {
  const wire = readWire(bytes, MAX_MESSAGE_BYTES);
  if (wire.kind === "public") return openPublicMessage(env, state, wire.message);
  if (wire.kind !== "private") throw new TypeError("The message is neither public nor private");
  const opened = openMessage(messages, wire.message);
  opened.consume().erase();
  const contentType = opened.contentType === "commit" ? ContentType.commit : ContentType.proposal;
  return { ...opened, wireFormat: WireFormat.privateMessage, contentType };
}
