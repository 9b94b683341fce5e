import { nodeSuite } from "../cipher-suites.ts";
import { Reader } from "../../src/codec/reader.ts";
import {
  defaultCapabilities,
  defaultLifetime,
  generateKeyPackage,
  getCiphersuiteFromName,
  getCiphersuiteImpl,
  type Commit,
  type Credential,
  type KeyPackage,
  type Proposal,
} from "ts-mls";
import { encodeCommit } from "ts-mls/commit.js";
import { encodeProposal } from "ts-mls/proposal.js";
import fc from "fast-check";
import { gateOrSoak } from "@parley/test-assertions";
import { beforeAll, describe, expect, it } from "vitest";
import { skipHandshake } from "../../src/framing/handshake-length.ts";
import { codeThrownBy } from "../expect-error.ts";

const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(0xc1);

let keyPackage: KeyPackage;
let proposals: readonly Proposal[];
beforeAll(async () => {
  const theirs = await getCiphersuiteImpl(getCiphersuiteFromName(nodeSuite().name));
  const credential = { credentialType: "basic", identity: bytes(20) } as const;
  ({ publicPackage: keyPackage } = await generateKeyPackage(credential, defaultCapabilities(), defaultLifetime, [], theirs));
  const x509: Credential = { credentialType: "x509", certificates: [bytes(300), bytes(400)] };
  const leafNode = { ...keyPackage.leafNode, credential: x509, leafNodeSource: "update" } as const;
  const suite = keyPackage.cipherSuite;
  proposals = [
    { proposalType: "add", add: { keyPackage } },
    { proposalType: "update", update: { leafNode } },
    { proposalType: "remove", remove: { removed: 7 } },
    { proposalType: "psk", psk: { preSharedKeyId: { psktype: "external", pskId: bytes(70), pskNonce: bytes(32) } } },
    {
      proposalType: "psk",
      psk: { preSharedKeyId: { psktype: "resumption", usage: "application", pskGroupId: bytes(16), pskEpoch: 9n, pskNonce: bytes(32) } },
    },
    { proposalType: "reinit", reinit: { groupId: bytes(16), version: "mls10", cipherSuite: suite, extensions: [] } },
    { proposalType: "external_init", externalInit: { kemOutput: bytes(32) } },
    {
      proposalType: "group_context_extensions",
      groupContextExtensions: { extensions: [{ extensionType: 0xf000, extensionData: bytes(90) }] },
    },
    { proposalType: 0xf123, proposalData: bytes(100) },
  ];
});

/** Where reading stops, with other bytes behind. */
function lengthRead(type: "proposal" | "commit", encoded: Uint8Array): number {
  const reader = new Reader(Uint8Array.of(...encoded, 1, 2, 3));
  skipHandshake(reader, type);
  return reader.offset;
}

describe("the end of", () => {
  it("a proposal of each type is found", () => {
    for (const proposal of proposals) {
      const encoded = encodeProposal(proposal);
      expect(lengthRead("proposal", encoded)).toBe(encoded.length);
    }
  });

  it("a commit is found, with and without a path", () => {
    const leafNode = { ...keyPackage.leafNode, leafNodeSource: "commit", parentHash: bytes(32) } as const;
    const nodes = [{ hpkePublicKey: bytes(32), encryptedPathSecret: [{ kemOutput: bytes(32), ciphertext: bytes(48) }] }];
    const inline = proposals.map((proposal) => ({ proposalOrRefType: "proposal", proposal }) as const);
    const commits: Commit[] = [
      { proposals: [], path: undefined },
      { proposals: [{ proposalOrRefType: "reference", reference: bytes(32) }, ...inline], path: undefined },
      { proposals: inline, path: { leafNode, nodes } },
      { proposals: [], path: { leafNode, nodes: [] } },
    ];
    for (const commit of commits) {
      const encoded = encodeCommit(commit);
      expect(lengthRead("commit", encoded)).toBe(encoded.length);
    }
  });

  it("random bytes is found or rejected with a typed error", () => {
    const valid = proposals.map((proposal) => encodeProposal(proposal));
    fc.assert(
      fc.property(fc.constantFrom(...valid), fc.nat(), fc.nat(255), fc.nat(), (encoded, at, value, length) => {
        const changed = encoded.slice(0, length % 5 === 0 ? length % encoded.length : undefined);
        if (changed.length > 0) changed[at % changed.length] = value;
        for (const type of ["proposal", "commit"] as const) {
          expect([undefined, "malformed"]).toContain(codeThrownBy(() => skipHandshake(new Reader(changed), type)));
        }
      }),
      { numRuns: gateOrSoak(200, 10_000) },
    );
  });
});
