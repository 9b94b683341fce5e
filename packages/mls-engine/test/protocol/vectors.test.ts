import { Reader, decodeWhole } from "../../src/codec/reader.ts";
import { encode } from "../../src/codec/writer.ts";
import { decryptWithLabel, verifyWithLabel } from "../../src/crypto/labels.ts";
import { expect, it } from "vitest";
import { interimHash } from "../../src/key-schedule/transcript-hash.ts";
import { combinePsks, epochOf, exportSecret, joinerSecret, welcomeSecret } from "../../src/key-schedule/key-schedule.ts";
import { keyPackageReference, readKeyPackage } from "../../src/join/key-package.ts";
import type { Environment } from "../../src/epoch/environment.ts";
import { createPause } from "../../src/epoch/pause.ts";
import { readCommit, readProposal, type Proposal } from "../../src/proposals/proposal.ts";
import { encodeTree, readTree, type RatchetTree } from "../../src/tree/ratchet-tree.ts";
import { directPath, leafNode, leftOf, nodeCount, parentOf, rightOf, rootOf } from "../../src/tree/tree-math.ts";
import { treeHash } from "../../src/tree/tree-hash.ts";
import { readGroupInfo, readGroupSecrets, readWelcome, welcomeKeys } from "../../src/join/welcome.ts";
import { describeVectors, fromHex, toHex } from "../vectors.ts";
import { expectMlsError } from "../expect-error.ts";
import { environment, newSigner } from "./environment.ts";

const pause = createPause();

function env(suite: number): Environment {
  return environment(suite, newSigner(suite, "vectors"));
}

interface TreeMath {
  readonly n_leaves: number;
  readonly n_nodes: number;
  readonly root: number;
  readonly left: readonly (number | null)[];
  readonly right: readonly (number | null)[];
  readonly parent: readonly (number | null)[];
}

describeVectors("tree-math", (cases) => {
  it.each((cases as readonly TreeMath[]).map((v) => [v.n_leaves, v] as const))("%i leaves", (leaves, v) => {
    expect(nodeCount(leaves)).toBe(v.n_nodes);
    expect(rootOf(leaves)).toBe(v.root);
    const nodes = Array.from({ length: v.n_nodes }, (_, node) => node);
    expect(nodes.map((node) => (node % 2 === 1 ? leftOf(node) : null))).toEqual(v.left);
    expect(nodes.map((node) => (node % 2 === 1 ? rightOf(node) : null))).toEqual(v.right);
    expect(nodes.map((node) => (node === v.root ? null : parentOf(node)))).toEqual(v.parent);
    for (let leaf = 0; leaf < leaves; leaf++) {
      const path: number[] = [];
      for (let at = v.parent[leafNode(leaf)]; typeof at === "number"; at = v.parent[at]) path.push(at);
      expect(directPath(leaf, leaves)).toEqual(path);
    }
  });
});

interface Deserialization {
  readonly vlbytes_header: string;
  readonly length: number;
}

/** Longer vectors are only read to their header. */
const LONGEST = 1_000_000;

describeVectors("deserialization", (cases) => {
  it.each((cases as readonly Deserialization[]).map((v) => [v.vlbytes_header, v] as const))("%s", (header, { length }) => {
    const bytes = new Uint8Array(header.length / 2 + Math.min(length, LONGEST));
    bytes.set(fromHex(header));
    if (length > LONGEST) {
      expectMlsError(() => decodeWhole(bytes, (r) => r.vector()), "malformed");
      return;
    }
    expect(decodeWhole(bytes, (r) => r.vector())).toHaveLength(length);
    expect(encode((w) => w.vector(new Uint8Array(length)))).toEqual(bytes);
  });
});

interface TreeOperation {
  readonly cipher_suite: number;
  readonly tree_before: string;
  readonly proposal: string;
  readonly proposal_sender: number;
  readonly tree_hash_before: string;
  readonly tree_after: string;
  readonly tree_hash_after: string;
}

describeVectors("tree-operations", (cases) => {
  it.each((cases as readonly TreeOperation[]).map((v, i) => [i, v] as const))("case %i", async (_, v) => {
    const e = env(v.cipher_suite);
    const tree = decodeWhole(fromHex(v.tree_before), (r) => readTree(r, 1024));
    expect(toHex(await treeHash(e.suite, tree, pause))).toBe(v.tree_hash_before);
    apply(tree, decodeWhole(fromHex(v.proposal), readProposal), v.proposal_sender);
    expect(toHex(encodeTree(tree))).toBe(v.tree_after);
    expect(toHex(await treeHash(e.suite, tree, pause))).toBe(v.tree_hash_after);
  });
});

/** The leaves of these vectors carry no signatures, so that only the operations of the tree can be used. */
function apply(tree: RatchetTree, proposal: Proposal, sender: number): void {
  if (proposal.kind === "add") tree.add(proposal.keyPackage.leaf);
  else if (proposal.kind === "update") tree.update(sender, proposal.leaf);
  else if (proposal.kind === "remove") {
    tree.remove(proposal.removed);
    tree.truncate();
  } else throw new TypeError(`A proposal of the kind ${proposal.kind} changes no tree`);
}

interface Transcript {
  readonly cipher_suite: number;
  readonly confirmation_key: string;
  readonly authenticated_content: string;
  readonly interim_transcript_hash_before: string;
  readonly confirmed_transcript_hash_after: string;
  readonly interim_transcript_hash_after: string;
}

describeVectors("transcript-hashes", (cases) => {
  it.each((cases as readonly Transcript[]).map((v) => [v.cipher_suite, v] as const))("suite %i", async (suite, v) => {
    const cipherSuite = env(suite).suite;
    const content = fromHex(v.authenticated_content);
    const { covered, tag } = splitTag(content);
    const confirmed = cipherSuite.hash(new Uint8Array([...fromHex(v.interim_transcript_hash_before), ...covered]));
    expect(toHex(confirmed)).toBe(v.confirmed_transcript_hash_after);
    expect(toHex(interimHash(cipherSuite, confirmed, tag))).toBe(v.interim_transcript_hash_after);
    expect(toHex(cipherSuite.mac(fromHex(v.confirmation_key), confirmed))).toBe(toHex(tag));
  });
});

function splitTag(content: Uint8Array): { covered: Uint8Array; tag: Uint8Array } {
  const r = new Reader(content);
  r.u16();
  r.vector();
  r.u64();
  r.u8();
  r.u32();
  r.vector();
  expect(r.u8()).toBe(3);
  readCommit(r);
  r.vector();
  const covered = content.subarray(0, r.offset);
  const tag = r.vector();
  r.end();
  return { covered, tag };
}

interface KeySchedule {
  readonly cipher_suite: number;
  readonly initial_init_secret: string;
  readonly epochs: readonly (Readonly<
    Record<
      | "commit_secret"
      | "psk_secret"
      | "group_context"
      | "joiner_secret"
      | "welcome_secret"
      | "init_secret"
      | "sender_data_secret"
      | "encryption_secret"
      | "exporter_secret"
      | "epoch_authenticator"
      | "external_secret"
      | "confirmation_key"
      | "membership_key"
      | "resumption_psk",
      string
    >
  > & {
    readonly exporter: { readonly label: string; readonly context: string; readonly length: number; readonly secret: string };
  })[];
}

describeVectors("key-schedule", (cases) => {
  it.each((cases as readonly KeySchedule[]).map((v) => [v.cipher_suite, v] as const))("suite %i", async (number, v) => {
    const { suite } = env(number);
    let init = fromHex(v.initial_init_secret);
    for (const epoch of v.epochs) {
      const context = fromHex(epoch.group_context);
      const psk = fromHex(epoch.psk_secret);
      const joiner = joinerSecret(suite, init, fromHex(epoch.commit_secret), context);
      expect(toHex(joiner)).toBe(epoch.joiner_secret);
      expect(toHex(welcomeSecret(suite, joiner, psk))).toBe(epoch.welcome_secret);
      const { secrets, encryptionSecret } = epochOf(suite, joiner, psk, context);
      expect({
        encryption: toHex(encryptionSecret),
        init: toHex(secrets.initSecret),
        senderData: toHex(secrets.senderDataSecret),
        exporter: toHex(secrets.exporterSecret),
        authenticator: toHex(secrets.epochAuthenticator),
        external: toHex(secrets.externalSecret),
        confirmation: toHex(secrets.confirmationKey),
        membership: toHex(secrets.membershipKey),
        resumption: toHex(secrets.resumptionPsk),
      }).toEqual({
        encryption: epoch.encryption_secret,
        init: epoch.init_secret,
        senderData: epoch.sender_data_secret,
        exporter: epoch.exporter_secret,
        authenticator: epoch.epoch_authenticator,
        external: epoch.external_secret,
        confirmation: epoch.confirmation_key,
        membership: epoch.membership_key,
        resumption: epoch.resumption_psk,
      });
      const { label, length, secret } = epoch.exporter;
      expect(toHex(exportSecret(suite, secrets, label, fromHex(epoch.exporter.context), length))).toBe(secret);
      init = secrets.initSecret;
    }
  });
});

interface PskSecret {
  readonly cipher_suite: number;
  readonly psks: readonly { readonly psk_id: string; readonly psk: string; readonly psk_nonce: string }[];
  readonly psk_secret: string;
}

describeVectors("psk_secret", (cases) => {
  it.each((cases as readonly PskSecret[]).map((v) => [v.cipher_suite, v.psks.length, v] as const))(
    "suite %i, %i keys",
    async (number, _, v) => {
      const { suite } = env(number);
      const ids = v.psks.map((psk) => ({ kind: "external" as const, id: fromHex(psk.psk_id), nonce: fromHex(psk.psk_nonce) }));
      const known = new Map(ids.map((id, i) => [id as unknown, fromHex(v.psks[i]?.psk ?? "")]));
      expect(toHex(combinePsks(suite, ids, (id) => known.get(id)))).toBe(v.psk_secret);
    },
  );
});

interface WelcomeVector {
  readonly cipher_suite: number;
  readonly init_priv: string;
  readonly key_package: string;
  readonly signer_pub: string;
  readonly welcome: string;
}

describeVectors("welcome", (cases) => {
  it.each((cases as readonly WelcomeVector[]).map((v) => [v.cipher_suite, v] as const))("suite %i", async (number, v) => {
    const { suite } = env(number);
    const keyPackage = decodeWhole(fromHex(v.key_package).subarray(4), readKeyPackage);
    const welcome = decodeWhole(fromHex(v.welcome).subarray(4), readWelcome);
    const reference = toHex(keyPackageReference(suite, keyPackage));
    const entry = welcome.secrets.find(({ newMember }) => toHex(newMember) === reference);
    if (!entry) throw new TypeError("The Welcome isn't for this key package");
    const plaintext = decryptWithLabel(suite, fromHex(v.init_priv), "Welcome", welcome.encryptedGroupInfo, entry.encrypted);
    const { joiner } = decodeWhole(plaintext ?? new Uint8Array(), readGroupSecrets);
    const psk = new Uint8Array(suite.hashLength);
    const { key, nonce } = welcomeKeys(suite, welcomeSecret(suite, joiner, psk));
    const info = decodeWhole(suite.open(key, nonce, new Uint8Array(), welcome.encryptedGroupInfo) ?? new Uint8Array(), readGroupInfo);
    expect(verifyWithLabel(suite, fromHex(v.signer_pub), "GroupInfoTBS", info.unsigned, info.signature)).toBe(true);
    const { secrets } = epochOf(suite, joiner, psk, contextOf(info.unsigned));
    expect(toHex(suite.mac(secrets.confirmationKey, info.context.confirmedTranscriptHash))).toBe(toHex(info.confirmationTag));
  });
});

function contextOf(unsignedGroupInfo: Uint8Array): Uint8Array {
  const r = new Reader(unsignedGroupInfo);
  r.u32();
  r.vector();
  r.u64();
  r.vector();
  r.vector();
  r.vector();
  return unsignedGroupInfo.subarray(0, r.offset);
}
