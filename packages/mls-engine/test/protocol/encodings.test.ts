import { equalBytes } from "../../src/codec/bytes.ts";
import { decodeWhole } from "../../src/codec/reader.ts";
import { type Writer, encode } from "../../src/codec/writer.ts";
import { gateOrSoak } from "@parley/test-assertions";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Sender } from "../../src/framing/framed-content.ts";
import type { KeyPackage } from "../../src/join/key-package.ts";
import { encodeUnsignedLeaf, readLeafNode, type LeafNode } from "../../src/tree/leaf-node.ts";
import {
  readCommit,
  readProposal,
  readUpdatePath,
  writeCommit,
  writeProposal,
  writeUpdatePath,
  type Proposal,
} from "../../src/proposals/proposal.ts";
import type { PublicMessage } from "../../src/framing/public-message.ts";
import { encodeTree, readTree } from "../../src/tree/ratchet-tree.ts";
import { writeExtensions } from "../../src/codec/structures.ts";
import { encodeUnsignedGroupInfo, readGroupInfo, readGroupSecrets, writeGroupSecrets, writeWelcome } from "../../src/join/welcome.ts";
import { MlsEngineError } from "../../src/errors.ts";
import { inspectMessage } from "../../src/index.ts";
import { encodePrivateMessage, MAX_MESSAGE_BYTES, parsePrivateMessage } from "../../src/framing/private-message.ts";
import { encodeMlsMessage, readMlsMessage } from "../../src/framing/mls-message.ts";
import { toHex } from "../vectors.ts";
import {
  commits,
  groupInfos,
  groupSecrets,
  keyPackages,
  leafNodes,
  privateMessages,
  proposals,
  proposalsByKind,
  publicMessages,
  ratchetTrees,
  updatePaths,
  welcomes,
} from "./arbitrary-structures.ts";

/** A structure on the wire: random encodings of it, and what comes of one that is read and written again. */
interface Encoding {
  readonly name: string;
  readonly encoded: fc.Arbitrary<Uint8Array>;
  /** Throws MlsEngineError for what isn't one. */
  readonly again: (bytes: Uint8Array) => Uint8Array;
}

const MAX_MEMBERS = 64;

function leafFromFields(w: Writer, leaf: LeafNode): Writer {
  return w.raw(encodeUnsignedLeaf(leaf)).vector(leaf.signature);
}

function keyPackageFromFields(w: Writer, { version, suite, initKey, leaf, extensions, signature }: KeyPackage): void {
  leafFromFields(w.u16(version).u16(suite).vector(initKey), leaf);
  writeExtensions(w, extensions);
  w.vector(signature);
}

const SENDERS: Record<Sender["kind"], number> = { member: 1, external: 2, new_member_proposal: 3, new_member_commit: 4 };

const CONTENT_TYPES = { application: 1, proposal: 2, commit: 3 } as const;

function writePublicMessage(w: Writer, m: Omit<PublicMessage, "contentType"> & { contentType: keyof typeof CONTENT_TYPES }): void {
  w.vector(m.groupId).u64(m.epoch).u8(SENDERS[m.sender.kind]);
  if (m.sender.kind === "member") w.u32(m.sender.leaf);
  if (m.sender.kind === "external") w.u32(m.sender.index);
  w.vector(m.authenticatedData).u8(CONTENT_TYPES[m.contentType]).raw(m.content).vector(m.signature);
  if (m.confirmationTag) w.vector(m.confirmationTag);
  if (m.membershipTag) w.vector(m.membershipTag);
}

function messageAgain(bytes: Uint8Array): Uint8Array {
  const wire = readMlsMessage(bytes, MAX_MESSAGE_BYTES);
  switch (wire.kind) {
    case "private":
      return encodePrivateMessage(wire.message);
    case "public":
      return encodeMlsMessage(
        1,
        encode((w) => writePublicMessage(w, wire.message)),
      );
    case "welcome":
      return encodeMlsMessage(
        3,
        encode((w) => writeWelcome(w, wire.message)),
      );
    default:
      return encodeMlsMessage(
        5,
        encode((w) => keyPackageFromFields(w, wire.message)),
      );
  }
}

function message(name: string, format: number, content: fc.Arbitrary<Uint8Array>): Encoding {
  return { name, encoded: content.map((bytes) => encodeMlsMessage(format, bytes)), again: messageAgain };
}

function publicMessage(name: string, contentType: "proposal" | "commit", contents: fc.Arbitrary<Uint8Array>): Encoding {
  const encoded = publicMessages(contentType, contents).map((m) => encode((w) => writePublicMessage(w, m)));
  return message(name, 1, encoded);
}

function proposal(kind: Proposal["kind"]): Encoding {
  return {
    name: `${kind}_proposal`,
    encoded: (proposalsByKind[kind] as fc.Arbitrary<Proposal>).map((p) => encode((w) => writeProposal(w, p))),
    again: (bytes) => {
      const read = decodeWhole(bytes, readProposal);
      expect(read.kind).toBeTypeOf("string");
      return encode((w) => writeProposal(w, read));
    },
  };
}

const groupInfoContent = groupInfos.map((info) => encode((w) => w.raw(encodeUnsignedGroupInfo(info)).vector(info.signature)));

/** The kinds of `messages.json`, the leaf node and the update path. A PublicMessage never holds an application message (RFC 9420 §6.2). */
const ENCODINGS: readonly Encoding[] = [
  message(
    "mls_welcome",
    3,
    welcomes.map((welcome) => encode((w) => writeWelcome(w, welcome))),
  ),
  message(
    "mls_key_package",
    5,
    keyPackages.map(({ bytes }) => bytes),
  ),
  {
    name: "mls_group_info",
    encoded: groupInfoContent,
    again: (bytes) => {
      const info = decodeWhole(bytes, readGroupInfo);
      return encode((w) => w.raw(encodeUnsignedGroupInfo(info)).vector(info.signature));
    },
  },
  {
    name: "ratchet_tree",
    encoded: ratchetTrees.map(encodeTree),
    again: (bytes) => encodeTree(decodeWhole(bytes, (r) => readTree(r, MAX_MEMBERS))),
  },
  {
    name: "group_secrets",
    encoded: groupSecrets.map((secrets) => encode((w) => writeGroupSecrets(w, secrets))),
    again: (bytes) => {
      const secrets = decodeWhole(bytes, readGroupSecrets);
      return encode((w) => writeGroupSecrets(w, secrets));
    },
  },
  {
    name: "leaf_node",
    encoded: leafNodes.map(({ bytes }) => bytes),
    again: (bytes) => {
      const leaf = decodeWhole(bytes, readLeafNode);
      return encode((w) => leafFromFields(w, leaf));
    },
  },
  ...(Object.keys(proposalsByKind) as Proposal["kind"][]).map(proposal),
  {
    name: "commit",
    encoded: commits.map((commit) => encode((w) => writeCommit(w, commit))),
    again: (bytes) => {
      const commit = decodeWhole(bytes, readCommit);
      return encode((w) => writeCommit(w, commit));
    },
  },
  {
    name: "update_path",
    encoded: updatePaths.map((path) => encode((w) => writeUpdatePath(w, path))),
    again: (bytes) => {
      const path = decodeWhole(bytes, readUpdatePath);
      return encode((w) => writeUpdatePath(w, path));
    },
  },
  publicMessage(
    "public_message_proposal",
    "proposal",
    proposals.map((p) => encode((w) => writeProposal(w, p))),
  ),
  publicMessage(
    "public_message_commit",
    "commit",
    commits.map((commit) => encode((w) => writeCommit(w, commit))),
  ),
  {
    name: "private_message",
    encoded: privateMessages.map(encodePrivateMessage),
    again: (bytes) => encodePrivateMessage(parsePrivateMessage(bytes)),
  },
];

/** Compares bytes. Unlike the matchers of vitest it is quick for large arrays. */
function expectBytes(actual: Uint8Array, expected: Uint8Array): void {
  const isEqual = equalBytes(actual, expected);
  expect(isEqual ? "" : toHex(actual)).toBe(isEqual ? "" : toHex(expected));
}

/** The encoding of the decoded bytes; `undefined` if they are rejected. Only an MlsEngineError may be thrown. */
function readAgain({ again }: Encoding, bytes: Uint8Array): Uint8Array | undefined {
  try {
    return again(bytes);
  } catch (error) {
    if (error instanceof MlsEngineError) return undefined;
    throw error;
  }
}

describe.each(ENCODINGS.map((encoding) => [encoding.name, encoding] as const))("%s", (_, encoding) => {
  it("is read and encoded again to the same bytes", { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(encoding.encoded, (bytes) => {
        expectBytes(encoding.again(bytes), bytes);
      }),
      { numRuns: gateOrSoak(60, 3000) },
    );
  });

  it("is rejected when it is truncated or extended", { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(
        encoding.encoded,
        fc.array(fc.nat(), { minLength: 8, maxLength: 8 }),
        fc.uint8Array({ minLength: 1, maxLength: 9 }),
        (bytes, cuts, more) => {
          for (const cut of cuts) expect(readAgain(encoding, bytes.subarray(0, cut % bytes.length))).toBeUndefined();
          expect(readAgain(encoding, Uint8Array.of(...bytes, ...more))).toBeUndefined();
        },
      ),
      { numRuns: gateOrSoak(40, 2000) },
    );
  });

  it("with a flipped bit is rejected, or encoded again to the same bytes", { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(encoding.encoded, fc.array(fc.tuple(fc.nat(), fc.nat(7)), { minLength: 16, maxLength: 16 }), (bytes, flips) => {
        for (const [place, bit] of flips) {
          const changed = bytes.slice();
          const at = place % bytes.length;
          changed[at] = (bytes[at] ?? 0) ^ (1 << bit);
          const again = readAgain(encoding, changed);
          if (again !== undefined) expectBytes(again, changed);
        }
      }),
      { numRuns: gateOrSoak(40, 2000) },
    );
  });
});

describe("a message kind that groups reject", () => {
  it("is rejected: an application message in a PublicMessage", () => {
    fc.assert(
      fc.property(
        publicMessages(
          "proposal",
          fc.uint8Array({ maxLength: 40 }).map((data) => encode((w) => w.vector(data))),
        ),
        (m) => {
          const bytes = encodeMlsMessage(
            1,
            encode((w) => writePublicMessage(w, { ...m, contentType: "application" })),
          );
          expect(() => readMlsMessage(bytes, MAX_MESSAGE_BYTES)).toThrow(expect.objectContaining({ code: "malformed" }));
        },
      ),
      { numRuns: gateOrSoak(20, 500) },
    );
  });

  it("is named by inspectMessage: a GroupInfo", () => {
    fc.assert(
      fc.property(groupInfoContent, (content) => {
        expect(inspectMessage(encodeMlsMessage(4, content)).kind).toBe("group_info");
      }),
      { numRuns: gateOrSoak(20, 500) },
    );
  });
});
