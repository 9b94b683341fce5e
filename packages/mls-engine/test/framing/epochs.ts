import type { CipherSuite } from "../../src/crypto/cipher-suite.ts";
import type { ContentType } from "../../src/framing/framed-content.ts";
import type { MessageEpoch } from "../../src/framing/message-epoch.ts";
import { ratchetTypeOf } from "../../src/secret-tree/ratchet.ts";
import { openMessage, type OpenedMessage } from "../../src/framing/open-message.ts";
import type { PaddingBuckets } from "../../src/framing/padding.ts";
import { parsePrivateMessage } from "../../src/framing/private-message.ts";
import type { RatchetLimits } from "../../src/secret-tree/ratchet-limits.ts";
import { sealMessage, signContent } from "../../src/framing/seal-message.ts";
import { SecretTree } from "../../src/secret-tree/secret-tree.ts";

/** A member's view of an epoch, and the key that it signs with. */
export interface TestMember {
  readonly epoch: MessageEpoch;
  readonly privateKey: Uint8Array;
}

export interface TestEpochOptions {
  readonly leafCount?: number;
  /** Leaves without a member. */
  readonly blank?: readonly number[];
  readonly limits?: Partial<RatchetLimits>;
}

/** All members' views of one epoch; each member uses the provider given at its place, in turn. */
export function testEpoch(
  providers: readonly [CipherSuite, ...CipherSuite[]],
  { leafCount = 4, blank = [], limits }: TestEpochOptions = {},
): readonly TestMember[] {
  const [first] = providers;
  const size = first.hashLength;
  const keys = Array.from({ length: leafCount }, () => first.generateSignatureKeyPair());
  const secrets = { encryption: first.random(size), senderData: first.random(size) };
  const groupId = first.random(16);
  const groupContext = first.random(100);
  return keys.map(({ privateKey }, leaf) => {
    const suite = providers[leaf % providers.length] ?? first;
    return {
      privateKey,
      epoch: {
        suite,
        groupId,
        epoch: 7n,
        groupContext,
        senderDataSecret: secrets.senderData.slice(),
        tree: SecretTree.create(suite, secrets.encryption.slice(), leafCount, leaf, limits),
        signaturePublicKey: (of) => (blank.includes(of) ? undefined : keys[of]?.publicKey),
      },
    };
  });
}

export interface SendOptions {
  readonly contentType?: ContentType;
  readonly authenticatedData?: Uint8Array;
  readonly confirmationTag?: Uint8Array;
  readonly padding?: PaddingBuckets;
}

/** Signs and encrypts with a lease of one key. */
export function send({ epoch, privateKey }: TestMember, content: Uint8Array, options: SendOptions = {}): Uint8Array {
  const { contentType = "application", authenticatedData, confirmationTag, padding } = options;
  const signature = signContent(epoch, privateKey, contentType, content, authenticatedData);
  const { lease } = epoch.tree.leaseSend(ratchetTypeOf(contentType), 1);
  const message = {
    contentType,
    content,
    signature,
    ...(authenticatedData && { authenticatedData }),
    ...(confirmationTag && { confirmationTag }),
  };
  return sealMessage(epoch, lease, message, padding);
}

/** Opens without consuming. */
export function open({ epoch }: TestMember, message: Uint8Array): OpenedMessage {
  return openMessage(epoch, parsePrivateMessage(message));
}

export function member(members: readonly TestMember[], leaf: number): TestMember {
  const found = members[leaf];
  if (found === undefined) throw new TypeError(`No member at leaf ${leaf}`);
  return found;
}
