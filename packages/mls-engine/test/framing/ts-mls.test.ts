import { nodeSuite } from "../cipher-suites.ts";
import { suiteName } from "../../src/crypto/suites.ts";
import {
  defaultKeyRetentionConfig,
  defaultPaddingConfig,
  getCiphersuiteFromName,
  getCiphersuiteImpl,
  type GroupContext,
  type LeafIndex,
} from "ts-mls";
import { encodeGroupContext } from "ts-mls/groupContext.js";
import { protectApplicationData, protectProposal, unprotectPrivateMessage } from "ts-mls/messageProtection.js";
import { encodeProposal } from "ts-mls/proposal.js";
import { createSecretTree } from "ts-mls/secretTree.js";
import { describe, expect, it } from "vitest";
import type { MessageEpoch } from "../../src/framing/message-epoch.ts";
import { openMessage } from "../../src/framing/open-message.ts";
import { parsePrivateMessage } from "../../src/framing/private-message.ts";
import { sealMessage, signContent } from "../../src/framing/seal-message.ts";
import { SecretTree } from "../../src/secret-tree/secret-tree.ts";

const LEAVES = 4;
const US = 1;
const THEM = 3 as LeafIndex;
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** One epoch, held by us at leaf 1 and by ts-mls at leaf 3. */
async function sharedEpoch(id: number) {
  const suite = nodeSuite(suiteName(id));
  const handshake = await getCiphersuiteImpl(getCiphersuiteFromName(suite.name));
  const secret = (): Uint8Array => suite.random(suite.hashLength);
  const groupContext: GroupContext = {
    version: "mls10",
    cipherSuite: suite.name,
    groupId: utf8("group"),
    epoch: 3n,
    treeHash: secret(),
    confirmedTranscriptHash: secret(),
    extensions: [],
  };
  const [encryptionSecret, senderDataSecret] = [secret(), secret()];
  const [ours, theirs] = [suite.generateSignatureKeyPair(), suite.generateSignatureKeyPair()];
  const epoch: MessageEpoch = {
    suite,
    groupId: groupContext.groupId,
    epoch: groupContext.epoch,
    groupContext: encodeGroupContext(groupContext),
    senderDataSecret,
    tree: SecretTree.create(suite, encryptionSecret.slice(), LEAVES, US),
    signaturePublicKey: (leaf) => (leaf === THEM ? theirs.publicKey : ours.publicKey),
  };
  const secretTree = await createSecretTree(LEAVES, encryptionSecret, handshake.kdf);
  return { handshake, groupContext, senderDataSecret, ours, theirs, epoch, secretTree };
}

describe.each([1, 2, 3])("suite %i: messages of ts-mls", (id) => {
  it("are decrypted by this package", async () => {
    const { handshake, groupContext, senderDataSecret, theirs, epoch, secretTree } = await sharedEpoch(id);
    let tree = secretTree;
    for (let generation = 0; generation < 5; generation++) {
      const [data, aad] = [utf8(`message ${generation}`), utf8(`aad ${generation}`)];
      const key = theirs.privateKey;
      const sent = await protectApplicationData(
        key,
        senderDataSecret,
        data,
        aad,
        groupContext,
        tree,
        THEM,
        defaultPaddingConfig,
        handshake,
      );
      tree = sent.newSecretTree;
      const opened = openMessage(epoch, sent.privateMessage);
      opened.consume();
      expect(opened).toMatchObject({ sender: THEM, generation, content: data, authenticatedData: aad });
    }
    const proposal = { proposalType: "remove", remove: { removed: 2 } } as const;
    const none = new Uint8Array(0);
    const key = theirs.privateKey;
    const sent = await protectProposal(key, senderDataSecret, proposal, none, groupContext, tree, THEM, defaultPaddingConfig, handshake);
    expect(openMessage(epoch, sent.privateMessage)).toMatchObject({
      contentType: "proposal",
      content: encodeProposal(proposal),
      generation: 0,
    });
  });

  it("of this package are decrypted by ts-mls, also out of order", async () => {
    const { handshake, groupContext, senderDataSecret, ours, epoch, secretTree } = await sharedEpoch(id);
    const { lease } = epoch.tree.leaseSend("application", 6);
    const sent = Array.from({ length: 6 }, (_, at) => {
      const [content, authenticatedData] = [utf8(`message ${at}`), utf8(`aad ${at}`)];
      const signature = signContent(epoch, ours.privateKey, "application", content, authenticatedData);
      return parsePrivateMessage(sealMessage(epoch, lease, { contentType: "application", content, authenticatedData, signature }));
    });
    let tree = secretTree;
    for (const at of [2, 0, 1, 5, 3, 4]) {
      const message = sent[at];
      if (message === undefined) throw new Error("No message");
      const keep = defaultKeyRetentionConfig;
      const read = await unprotectPrivateMessage(senderDataSecret, message, tree, [], groupContext, keep, handshake, ours.publicKey);
      tree = read.tree;
      expect(read.content.content).toMatchObject({ applicationData: utf8(`message ${at}`), authenticatedData: utf8(`aad ${at}`) });
    }
  });
});
