import type { CipherSuite } from "../../src/crypto/cipher-suite.ts";
import { encodePublicMessage, openPublicMessage } from "../../src/framing/public-message.ts";
import { WireFormat, type Handshake } from "../../src/framing/framed-content.ts";
import type { Environment } from "../../src/epoch/environment.ts";
import type { EpochStart, GroupState } from "../../src/epoch/group-state.ts";
import type { MessageEpoch } from "../../src/framing/message-epoch.ts";
import { openMessage } from "../../src/framing/open-message.ts";
import { MAX_MESSAGE_BYTES } from "../../src/framing/private-message.ts";
import { sealMessage } from "../../src/framing/seal-message.ts";
import { SecretTree } from "../../src/secret-tree/secret-tree.ts";
import { encodeMlsMessage, readMlsMessage } from "../../src/framing/mls-message.ts";

/** A member's view of an epoch, with its message keys. */
export interface EpochMember {
  readonly env: Environment;
  state: GroupState;
  messages: MessageEpoch;
}

/** The message keys of an epoch that starts. Erases its encryption secret. */
export function messagesOf(suite: CipherSuite, { state, encryptionSecret }: EpochStart): MessageEpoch {
  return {
    suite,
    groupId: state.context.groupId,
    epoch: state.context.epoch,
    groupContext: state.encodedContext,
    senderDataSecret: state.secrets.senderDataSecret,
    tree: SecretTree.create(suite, encryptionSecret, state.tree.leafCount, state.ownLeaf),
    signaturePublicKey: (leaf) => state.tree.leaf(leaf)?.signatureKey,
  };
}

/** A signed proposal or commit as the MLSMessage of its wire format. */
export function sendHandshake({ env, state, messages }: EpochMember, handshake: Handshake): Uint8Array {
  if (handshake.wireFormat === WireFormat.publicMessage) {
    return encodeMlsMessage(WireFormat.publicMessage, encodePublicMessage(env, state, handshake));
  }
  const { lease } = messages.tree.leaseSend("handshake", 1);
  const { confirmationTag, ...content } = handshake;
  return sealMessage(messages, lease, confirmationTag ? { ...content, confirmationTag } : content);
}

/** The proposal or commit of another member, from either wire format. */
export function receiveHandshake({ env, state, messages }: EpochMember, bytes: Uint8Array): Handshake {
  const parsed = readMlsMessage(bytes, MAX_MESSAGE_BYTES);
  if (parsed.kind === "public") return openPublicMessage(env, state, parsed.message);
  if (parsed.kind !== "private") throw new TypeError("The message is neither public nor private");
  const opened = openMessage(messages, parsed.message);
  opened.consume().erase();
  const { contentType } = opened;
  if (contentType === "application") throw new TypeError("The message is not a proposal or commit");
  return { ...opened, wireFormat: WireFormat.privateMessage, contentType };
}
