import { Reader } from "../../src/codec/reader.ts";
import { Writer, vectorSize } from "../../src/codec/writer.ts";
import type { CipherSuite } from "../../src/crypto/cipher-suite.ts";
import { suiteName } from "../../src/crypto/suites.ts";
import { expect, it } from "vitest";
import type { ContentType } from "../../src/framing/framed-content.ts";
import type { MessageEpoch } from "../../src/framing/message-epoch.ts";
import { openMessage } from "../../src/framing/open-message.ts";
import { parsePrivateMessage } from "../../src/framing/private-message.ts";
import { sealMessage, signContent } from "../../src/framing/seal-message.ts";
import { SecretTree } from "../../src/secret-tree/secret-tree.ts";
import { senderDataKey } from "../../src/framing/sender-data.ts";
import { PROVIDERS } from "../crypto/providers.ts";
import { describeVectors, fromHex, toHex } from "../vectors.ts";

interface LengthCase {
  readonly vlbytes_header: string;
  readonly length: number;
}

describeVectors("deserialization", (cases) => {
  it.each(cases as readonly LengthCase[])("the length $vlbytes_header is $length", ({ vlbytes_header, length }) => {
    const reader = new Reader(fromHex(vlbytes_header));
    expect(reader.length()).toBe(length);
    reader.end();
    expect(toHex(new Writer(vectorSize(length) - length).length(length).finish())).toBe(vlbytes_header);
  });
});

interface Generation {
  readonly generation: number;
  readonly application_key: string;
  readonly application_nonce: string;
  readonly handshake_key: string;
  readonly handshake_nonce: string;
}

interface SecretTreeCase {
  readonly cipher_suite: number;
  readonly encryption_secret: string;
  readonly sender_data: {
    readonly sender_data_secret: string;
    readonly ciphertext: string;
    readonly key: string;
    readonly nonce: string;
  };
  readonly leaves: readonly (readonly Generation[])[];
}

describeVectors("secret-tree", (cases) => {
  for (const vector of cases as readonly SecretTreeCase[]) {
    for (const [provider, create] of PROVIDERS) {
      const title = `suite ${vector.cipher_suite}, ${vector.leaves.length} leaves, ${provider}`;

      it(`${title}: sender data keys`, async () => {
        const suite = create(suiteName(vector.cipher_suite));
        const { sender_data_secret, ciphertext, key, nonce } = vector.sender_data;
        const derived = senderDataKey(suite, fromHex(sender_data_secret), fromHex(ciphertext));
        expect([toHex(derived.key), toHex(derived.nonce)]).toEqual([key, nonce]);
      });

      it(`${title}: ratchet keys`, async () => {
        const suite = create(suiteName(vector.cipher_suite));
        for (const own of vector.leaves.length > 8 ? [0] : vector.leaves.keys()) expectKeys(suite, vector, own);
      });
    }
  }
});

/** The keys of a tree that is seen from one of its leaves. */
function expectKeys(crypto: CipherSuite, vector: SecretTreeCase, own: number): void {
  const tree = SecretTree.create(crypto, fromHex(vector.encryption_secret), vector.leaves.length, own);
  for (const [leaf, generations] of vector.leaves.entries()) {
    for (const type of ["application", "handshake"] as const) {
      const length = Math.max(...generations.map(({ generation }) => generation)) + 1;
      const { lease } = leaf === own ? tree.leaseSend(type, length) : {};
      const sent = Array.from({ length: lease?.remaining ?? 0 }, () => lease?.take());
      for (const expected of generations) {
        const key = sent[expected.generation] ?? tree.key(leaf, type, expected.generation);
        expect(key.generation).toBe(expected.generation);
        expect(toHex(key.key)).toBe(expected[`${type}_key`]);
        expect(toHex(key.nonce)).toBe(expected[`${type}_nonce`]);
      }
    }
  }
}

interface ProtectionCase {
  readonly cipher_suite: number;
  readonly group_id: string;
  readonly epoch: number;
  readonly tree_hash: string;
  readonly confirmed_transcript_hash: string;
  readonly signature_priv: string;
  readonly signature_pub: string;
  readonly encryption_secret: string;
  readonly sender_data_secret: string;
  readonly application: string;
  readonly application_priv: string;
  readonly proposal: string;
  readonly proposal_priv: string;
  readonly commit: string;
  readonly commit_priv: string;
}

describeVectors("message-protection", (cases) => {
  for (const vector of cases as readonly ProtectionCase[]) {
    for (const [provider, create] of PROVIDERS) {
      for (const type of ["application", "proposal", "commit"] as const) {
        it(`suite ${vector.cipher_suite}, ${provider}: a ${type} is opened, sealed again, and opened again`, async () => {
          const suite = create(suiteName(vector.cipher_suite));
          const opened = openMessage(epochOf(suite, vector, 0), parsePrivateMessage(fromHex(vector[`${type}_priv`])));
          expect(opened.sender).toBe(1);
          expect(opened.contentType).toBe(type);
          expect(toHex(opened.content)).toBe(vector[type]);
          expect(toHex(resealed(suite, vector, type, opened.confirmationTag))).toBe(vector[type]);
        });
      }
    }
  }
});

/** The vector's content after it was sealed here and opened by another member. */
function resealed(crypto: CipherSuite, vector: ProtectionCase, contentType: ContentType, tag: Uint8Array | undefined): Uint8Array {
  const sender = epochOf(crypto, vector, 1);
  const content = fromHex(vector[contentType]);
  const signature = signContent(sender, fromHex(vector.signature_priv), contentType, content);
  const { lease } = sender.tree.leaseSend(contentType === "application" ? "application" : "handshake", 1);
  const message = { contentType, content, signature, ...(tag && { confirmationTag: tag }) };
  return openMessage(epochOf(crypto, vector, 0), parsePrivateMessage(sealMessage(sender, lease, message))).content;
}

/** The epoch of the vectors, seen from one of its two members. The keys are those of leaf 1. */
function epochOf(crypto: CipherSuite, vector: ProtectionCase, own: number): MessageEpoch {
  const [groupId, treeHash, transcript] = [vector.group_id, vector.tree_hash, vector.confirmed_transcript_hash].map(fromHex);
  if (groupId === undefined || treeHash === undefined || transcript === undefined) throw new TypeError("An incomplete vector");
  const size = 4 + vectorSize(groupId.length) + 8 + vectorSize(treeHash.length) + vectorSize(transcript.length) + 1;
  const context = new Writer(size).u16(1).u16(vector.cipher_suite).vector(groupId).u64(BigInt(vector.epoch));
  const signaturePublicKey = fromHex(vector.signature_pub);
  return {
    suite: crypto,
    groupId,
    epoch: BigInt(vector.epoch),
    groupContext: context.vector(treeHash).vector(transcript).length(0).finish(),
    senderDataSecret: fromHex(vector.sender_data_secret),
    tree: SecretTree.create(crypto, fromHex(vector.encryption_secret), 2, own),
    signaturePublicKey: (leaf) => (leaf < 2 ? signaturePublicKey : undefined),
  };
}
