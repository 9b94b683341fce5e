import { decodeWhole } from "../../src/codec/reader.ts";
import { encode } from "../../src/codec/writer.ts";
import type { CipherSuite } from "../../src/crypto/cipher-suite.ts";
import { signWithLabel } from "../../src/crypto/labels.ts";
import { describe, expect, test } from "vitest";
import { encodeUnsignedLeaf, leafNodeTbs, readLeafNode, signedLeaf, type LeafContent, type LeafNode } from "../../src/tree/leaf-node.ts";
import type { Environment } from "../../src/epoch/environment.ts";
import { checkLeaf } from "../../src/tree/leaf-validation.ts";
import { checkKeyPackage, type KeyPackage } from "../../src/join/key-package.ts";
import { processProposal } from "../../src/proposals/process-proposal.ts";
import { writeProposal, type Proposal } from "../../src/proposals/proposal.ts";
import { codeThrownBy } from "../expect-error.ts";
import { codeOf } from "../world.ts";
import { groupOfClients, newClient, propose, type Client } from "./clients.ts";

const SIGNED_ELSEWHERE = new Uint8Array([9]);

/** A leaf like another, but for some of it, with a right signature. */
function leafLike(client: Pick<Client, "env" | "own">, change: Partial<LeafContent>, groupId = new Uint8Array([1]), at = 0): LeafNode {
  const { leaf } = client.own.keyPackage;
  const content: LeafContent = { ...leaf, ...change };
  const unsigned = encodeUnsignedLeaf(content);
  const toBeSigned = leafNodeTbs(unsigned, content.source, { groupId: groupId, leafIndex: at });
  const signature = signWithLabel(client.env.suite, client.env.signer.signatureKey.privateKey, "LeafNodeTBS", toBeSigned);
  return signedLeaf(content, unsigned, signature);
}

function packageLike(client: Pick<Client, "env" | "own">, leaf: LeafNode, change: Partial<KeyPackage> = {}): KeyPackage {
  const content = { ...client.own.keyPackage, leaf, ...change };
  const unsigned = encode((w) => {
    w.u16(content.version).u16(content.suite).vector(content.initKey).raw(leaf.bytes);
    w.list(content.extensions, (inner, e) => inner.u16(e.type).vector(e.data));
  });
  const signature = signWithLabel(client.env.suite, client.env.signer.signatureKey.privateKey, "KeyPackageTBS", unsigned);
  return { ...content, unsigned, signature, bytes: encode((w) => w.raw(unsigned).vector(signature)) };
}

const group = { groupId: new Uint8Array([1]), suite: 1, extensions: [] };
const check = (env: Environment, leaf: LeafNode, at = 0): Promise<string> =>
  codeOf(checkLeaf(env, leaf, at, group, "invalid_commit", { reason: "add" }));

describe("a leaf (RFC 9420 §7.3)", () => {
  test.each<[string, (c: LeafContent) => Partial<LeafContent>]>([
    ["that doesn't support the version", (c) => ({ capabilities: { ...c.capabilities, versions: [2] } })],
    ["that doesn't support the suite", (c) => ({ capabilities: { ...c.capabilities, suites: [2, 3] } })],
    ["that doesn't support its own credential", (c) => ({ capabilities: { ...c.capabilities, credentials: [2] } })],
    ["that has an extension it doesn't support", () => ({ extensions: [{ type: 0xff01, data: new Uint8Array() }] })],
  ])("%s is rejected", async (_, change) => {
    const client = await newClient("x");
    const { leaf } = client.own.keyPackage;
    expect(await check(client.env, leafLike(client, {}))).toBe("resolved");
    expect(await check(client.env, leafLike(client, change(leaf)))).toBe("invalid_commit");
  });

  test("that was signed for another group or leaf index is rejected", async () => {
    const client = await newClient("x");
    const source = { kind: "update" as const };
    expect(await check(client.env, leafLike(client, { source }, group.groupId, 3), 3)).toBe("resolved");
    expect(await check(client.env, leafLike(client, { source }, group.groupId, 3), 2)).toBe("invalid_commit");
    expect(await check(client.env, leafLike(client, { source }, SIGNED_ELSEWHERE, 3), 3)).toBe("invalid_commit");
  });

  test("whose key package has expired is rejected with strictLifetimes", async () => {
    const client = await newClient("x");
    const leaf = leafLike(client, { source: { kind: "key_package", lifetime: { notBefore: 1n, notAfter: 2n } } });
    expect(await check(client.env, leaf)).toBe("resolved");
    const strict = { ...client.env, limits: { ...client.env.limits, strictLifetimes: true } };
    expect(await check(strict, leaf)).toBe("invalid_commit");
  });
});

test("a leaf node above the size limit is rejected", async () => {
  const client = await newClient("x");
  const { leaf } = client.own.keyPackage;
  const large = leafLike(client, { credential: { type: 1, content: new Uint8Array(40_000) } });
  expect(decodeWhole(leaf.bytes, readLeafNode).bytes).toEqual(leaf.bytes);
  expect(() => decodeWhole(large.bytes, readLeafNode)).toThrow(expect.objectContaining({ code: "too_large" }));
});

describe("a key package (RFC 9420 §10.1)", () => {
  test.each<[string, (own: KeyPackage) => Partial<KeyPackage>]>([
    ["of another version", () => ({ version: 2 })],
    ["of another suite", () => ({ suite: 2 })],
    ["with one key for two purposes", (own) => ({ initKey: own.leaf.encryptionKey })],
    ["with an extension that it doesn't support", () => ({ extensions: [{ type: 0xff01, data: new Uint8Array() }] })],
  ])("%s is rejected", async (_, change) => {
    const client = await newClient("x");
    const { keyPackage } = client.own;
    expect(codeThrownBy(() => checkKeyPackage(client.env.suite, packageLike(client, keyPackage.leaf)))).toBeUndefined();
    const changed = packageLike(client, keyPackage.leaf, change(keyPackage));
    expect(codeThrownBy(() => checkKeyPackage(client.env.suite, changed))).toBe("invalid_key_package");
  });

  test("with a leaf of another source or a signature of another key is rejected", async () => {
    const client = await newClient("x");
    const other = await newClient("y");
    const update = leafLike(client, { source: { kind: "update" } });
    expect(codeThrownBy(() => checkKeyPackage(client.env.suite, packageLike(client, update)))).toBe("invalid_key_package");
    const forged = packageLike({ env: other.env, own: client.own }, client.own.keyPackage.leaf);
    expect(codeThrownBy(() => checkKeyPackage(client.env.suite, forged))).toBe("invalid_key_package");
  });
});

describe("members together (RFC 9420 §7.3, §11.1)", () => {
  const add = (keyPackage: KeyPackage): Proposal => ({ kind: "add", keyPackage });

  test("must have distinct keys", async () => {
    const [alice, bob] = await groupOfClients(2);
    const client = await newClient("x");
    const taken = bob.state.tree.leaf(1)?.encryptionKey ?? new Uint8Array();
    const copied = packageLike(client, leafLike(client, { encryptionKey: taken }));
    expect(await codeOf(propose(alice, [add(copied)]))).toBe("invalid_key_package");
    expect(await codeOf(propose(alice, [add(client.own.keyPackage), add(client.own.keyPackage)]))).toBe("invalid_key_package");
  });

  test("must support each other's credential types", async () => {
    const [alice] = await groupOfClients(2);
    const client = await newClient("x");
    const { capabilities } = client.own.keyPackage.leaf;
    const exotic = { credential: { type: 7, content: new Uint8Array() }, capabilities: { ...capabilities, credentials: [1, 7] } };
    expect(await codeOf(propose(alice, [add(packageLike(client, leafLike(client, exotic)))]))).toBe("invalid_key_package");
  });

  test("must have the required capabilities and support the extensions of the group", async () => {
    const [alice] = await groupOfClients(2);
    const required = encode((w) =>
      w
        .list([0xff01], (inner, type) => inner.u16(type))
        .list([], () => {})
        .list([], () => {}),
    );
    for (const extension of [
      { type: 3, data: required },
      { type: 0xff01, data: new Uint8Array() },
    ]) {
      expect(await codeOf(propose(alice, [{ kind: "group_context_extensions", extensions: [extension] }]))).toBe("invalid_key_package");
    }
  });
});

describe("a proposal on its own (RFC 9420 §12.1)", () => {
  async function proposed(alice: Client, bob: Client, proposal: Proposal): Promise<string> {
    const { handshake } = await propose(alice, []);
    const content = encode((w) => writeProposal(w, proposal));
    return codeOf(processProposal(bob.env, bob.state, { ...handshake, contentType: "proposal", content, confirmationTag: undefined }));
  }

  test.each<[string, string, Proposal]>([
    ["that removes a blank leaf", "invalid_proposal", { kind: "remove", removed: 50 }],
    ["that only an external joiner can send", "invalid_proposal", { kind: "external_init", kemOutput: new Uint8Array() }],
    ["to reinitialise", "unsupported", { kind: "reinit", groupId: new Uint8Array([1]), version: 1, suite: 1, extensions: [] }],
  ])("%s is rejected", async (_, code, proposal) => {
    const [alice, bob] = await groupOfClients(2);
    expect(await proposed(alice, bob, proposal)).toBe(code);
  });

  test("that updates its sender requires an update leaf signed for its place", async () => {
    const [alice, bob] = await groupOfClients(2);
    const fresh = (suite: CipherSuite): Uint8Array => suite.generateKeyPair().publicKey;
    const update = { source: { kind: "update" as const }, encryptionKey: fresh(alice.env.suite) };
    expect(await proposed(alice, bob, { kind: "update", leaf: leafLike(alice, update) })).toBe("resolved");
    expect(await proposed(alice, bob, { kind: "update", leaf: leafLike(alice, update, group.groupId, 1) })).toBe("invalid_proposal");
    expect(await proposed(alice, bob, { kind: "update", leaf: alice.own.keyPackage.leaf })).toBe("invalid_proposal");
    const same = leafLike(alice, { source: { kind: "update" } });
    expect(await proposed(alice, bob, { kind: "update", leaf: same })).toBe("invalid_proposal");
  });

  test("is rejected if too many are pending", async () => {
    const [alice, bob] = await groupOfClients(2);
    const { handshake } = await propose(alice, []);
    let { state } = bob;
    let accepted = 0;
    const send = async (id: number, length: number): Promise<void> => {
      const extension = { type: 1, data: new Uint8Array(length).fill(id) };
      const content = encode((w) => writeProposal(w, { kind: "group_context_extensions", extensions: [extension] }));
      const message = {
        ...handshake,
        contentType: "proposal" as const,
        content,
        confirmationTag: undefined,
        authenticatedData: new Uint8Array([id, id >> 8]),
      };
      ({ state } = await processProposal(bob.env, state, message));
      accepted++;
    };
    for (let id = 0; id < 9; id++) await send(id, 100_000);
    expect(await codeOf(send(10, 200_000))).toBe("too_large");
    for (let id = 9; id < 1024; id++) await send(id, 10);
    expect(await codeOf(send(1024, 10))).toBe("too_large");
    expect(accepted).toBe(1024);
  });
});
