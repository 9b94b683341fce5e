import { encode } from "../../src/codec/writer.ts";
import type { HpkeCiphertext } from "../../src/crypto/cipher-suite.ts";
import fc from "fast-check";
import type { Sender } from "../../src/framing/framed-content.ts";
import type { KeyPackage } from "../../src/join/key-package.ts";
import { encodeUnsignedLeaf, signedLeaf, type LeafNode, type LeafSource } from "../../src/tree/leaf-node.ts";
import type { Commit, Proposal, ProposalOrRef, UpdatePath } from "../../src/proposals/proposal.ts";
import type { PublicMessage } from "../../src/framing/public-message.ts";
import { nodeCount } from "../../src/tree/tree-math.ts";
import { RatchetTree, type TreeNode } from "../../src/tree/ratchet-tree.ts";
import { writeExtensions, type Credential, type Extension, type GroupContext, type PskId } from "../../src/codec/structures.ts";
import type { GroupSecrets, Welcome } from "../../src/join/welcome.ts";
import type { PrivateMessage } from "../../src/framing/private-message.ts";

/*
 * Random values of the structures of RFC 9420, like those in `messages.json` of the MLS working group: of valid form, with lengths on both
 * sides of 64, where the encoding of a length grows, and sometimes of 16 384. Keys and signatures are random bytes.
 */

const u8 = fc.nat(0xff);
const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffff_ffff);
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const opaque = fc.oneof(
  { weight: 30, arbitrary: fc.uint8Array({ maxLength: 80 }) },
  { weight: 1, arbitrary: fc.tuple(u8, fc.integer({ min: 16_380, max: 16_388 })).map(([byte, size]) => new Uint8Array(size).fill(byte)) },
);
const short = fc.uint8Array({ maxLength: 80 });

function listOf<T>(item: fc.Arbitrary<T>, maxLength = 4): fc.Arbitrary<T[]> {
  return fc.array(item, { maxLength });
}

const extensions: fc.Arbitrary<Extension[]> = fc.uniqueArray(fc.record({ type: u16, data: short }), {
  maxLength: 4,
  selector: (e) => e.type,
});

const credential: fc.Arbitrary<Credential> = fc.oneof(
  fc.record({ type: fc.constant(1), content: short }),
  listOf(short).map((chain) => ({ type: 2, content: encode((w) => chain.reduce((writer, certificate) => writer.vector(certificate), w)) })),
  fc.record({ type: u16, content: short }),
);

const source: fc.Arbitrary<LeafSource> = fc.oneof(
  fc.record({ notBefore: u64, notAfter: u64 }).map((lifetime): LeafSource => ({ kind: "key_package", lifetime })),
  fc.constant<LeafSource>({ kind: "update" }),
  short.map((parentHash): LeafSource => ({ kind: "commit", parentHash })),
);

export const leafNodes: fc.Arbitrary<LeafNode> = fc
  .record({
    encryptionKey: short,
    signatureKey: short,
    credential,
    capabilities: fc.record({
      versions: listOf(u16),
      suites: listOf(u16),
      extensions: listOf(u16),
      proposals: listOf(u16),
      credentials: listOf(u16, 40),
    }),
    source,
    extensions,
  })
  .chain((content) => short.map((signature) => signedLeaf(content, encodeUnsignedLeaf(content), signature)));

export const keyPackages: fc.Arbitrary<KeyPackage> = fc
  .record({ version: u16, suite: u16, initKey: short, leaf: leafNodes, extensions, signature: short })
  .map((content) => {
    const unsigned = encode((w) => {
      w.u16(content.version).u16(content.suite).vector(content.initKey).raw(content.leaf.bytes);
      writeExtensions(w, content.extensions);
    });
    return { ...content, unsigned, bytes: encode((w) => w.raw(unsigned).vector(content.signature)) };
  });

const pskIds: fc.Arbitrary<PskId> = fc.oneof(
  fc.record({ kind: fc.constant("external" as const), id: opaque, nonce: short }),
  fc.record({
    kind: fc.constant("resumption" as const),
    usage: fc.integer({ min: 1, max: 3 }),
    groupId: short,
    epoch: u64,
    nonce: short,
  }),
);

/** The seven kinds of proposals of RFC 9420, each apart. */
export const proposalsByKind: { readonly [K in Proposal["kind"]]: fc.Arbitrary<Extract<Proposal, { kind: K }>> } = {
  add: fc.record({ kind: fc.constant("add" as const), keyPackage: keyPackages }),
  update: fc.record({ kind: fc.constant("update" as const), leaf: leafNodes }),
  remove: fc.record({ kind: fc.constant("remove" as const), removed: u32 }),
  psk: fc.record({ kind: fc.constant("psk" as const), psk: pskIds }),
  reinit: fc.record({ kind: fc.constant("reinit" as const), groupId: opaque, version: u16, suite: u16, extensions }),
  external_init: fc.record({ kind: fc.constant("external_init" as const), kemOutput: opaque }),
  group_context_extensions: fc.record({ kind: fc.constant("group_context_extensions" as const), extensions }),
};

export const proposals: fc.Arbitrary<Proposal> = fc.oneof(...Object.values<fc.Arbitrary<Proposal>>(proposalsByKind));

const ciphertexts: fc.Arbitrary<HpkeCiphertext> = fc.record({ kemOutput: short, ciphertext: opaque });

export const updatePaths: fc.Arbitrary<UpdatePath> = fc.record({
  leaf: leafNodes,
  nodes: listOf(fc.record({ publicKey: short, pathSecrets: listOf(ciphertexts) })),
});

const proposalsOrRefs: fc.Arbitrary<ProposalOrRef> = fc.oneof(
  proposals.map((proposal): ProposalOrRef => ({ kind: "proposal", proposal })),
  short.map((reference): ProposalOrRef => ({ kind: "reference", reference })),
);

export const commits: fc.Arbitrary<Commit> = fc.record({
  proposals: listOf(proposalsOrRefs),
  path: fc.option(updatePaths, { nil: undefined }),
});

const groupContexts: fc.Arbitrary<GroupContext> = fc.record({
  version: u16,
  suite: u16,
  groupId: opaque,
  epoch: u64,
  treeHash: short,
  confirmedTranscriptHash: short,
  extensions,
});

export const groupInfos = fc.record({
  context: groupContexts,
  extensions,
  confirmationTag: short,
  signer: u32,
  signature: short,
});

export const groupSecrets: fc.Arbitrary<GroupSecrets> = fc.record({
  joiner: short,
  pathSecret: fc.option(short, { nil: undefined }),
  psks: listOf(pskIds),
});

export const welcomes: fc.Arbitrary<Welcome> = fc.record({
  suite: u16,
  secrets: listOf(fc.record({ newMember: short, encrypted: ciphertexts })),
  encryptedGroupInfo: opaque,
});

const parents: fc.Arbitrary<TreeNode> = fc.record({
  kind: fc.constant("parent" as const),
  publicKey: short,
  parentHash: short,
  unmergedLeaves: listOf(u32),
});
const leaves: fc.Arbitrary<TreeNode> = leafNodes.map((leaf): TreeNode => ({ kind: "leaf", ...leaf }));

/** Trees with room for 1 to 8 leaves; leaves and parents are in their places, and any of them may be blank. */
export const ratchetTrees: fc.Arbitrary<RatchetTree> = fc.constantFrom(1, 2, 4, 8).chain((leafCount) => {
  const inside = Array.from({ length: nodeCount(leafCount) }, (_, i) => fc.option(i % 2 === 0 ? leaves : parents, { nil: undefined }));
  // In the right half something must be there, for a tree is cut otherwise.
  return fc.tuple(fc.tuple(...inside), leaves).map(([nodes, last]) => RatchetTree.of([...nodes.slice(0, -1), last], leafCount));
});

const senders: fc.Arbitrary<Sender> = fc.oneof(
  u32.map((leaf): Sender => ({ kind: "member", leaf })),
  u32.map((index): Sender => ({ kind: "external", index })),
  fc.constantFrom<Sender>({ kind: "new_member_proposal" }, { kind: "new_member_commit" }),
);

/** Public messages with some content; a member's has a membership tag, and a commit a confirmation tag (RFC 9420 §6.2). */
export function publicMessages(contentType: "proposal" | "commit", contents: fc.Arbitrary<Uint8Array>): fc.Arbitrary<PublicMessage> {
  return senders.chain((sender) =>
    fc.record({
      groupId: opaque,
      epoch: u64,
      sender: fc.constant(sender),
      contentType: fc.constant(contentType),
      content: contents,
      authenticatedData: opaque,
      signature: short,
      confirmationTag: contentType === "commit" ? short : fc.constant(undefined),
      membershipTag: sender.kind === "member" ? short : fc.constant(undefined),
    }),
  );
}

export const privateMessages: fc.Arbitrary<PrivateMessage> = fc.record({
  groupId: opaque,
  epoch: u64,
  contentType: fc.constantFrom("application" as const, "proposal" as const, "commit" as const),
  authenticatedData: opaque,
  encryptedSenderData: short,
  ciphertext: opaque,
});
