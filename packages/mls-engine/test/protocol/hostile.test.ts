import { decodeWhole } from "../../src/codec/reader.ts";
import { encode } from "../../src/codec/writer.ts";
import fc from "fast-check";
import { gateOrSoak } from "@parley/test-assertions";
import { describe, expect, test } from "vitest";
import { readKeyPackage } from "../../src/join/key-package.ts";
import { readLeafNode } from "../../src/tree/leaf-node.ts";
import { processCommit } from "../../src/commit/process-commit.ts";
import { processProposal } from "../../src/proposals/process-proposal.ts";
import { readCommit, readProposal, writeCommit, writeProposal } from "../../src/proposals/proposal.ts";
import { encodeTree, readTree, RatchetTree, type TreeNode } from "../../src/tree/ratchet-tree.ts";
import { checkTree } from "../../src/tree/tree-validation.ts";
import { treeHash } from "../../src/tree/tree-hash.ts";
import { readGroupSecrets, readWelcome, writeWelcome } from "../../src/join/welcome.ts";
import { readPublicMessage } from "../../src/framing/public-message.ts";
import { MlsEngineError } from "../../src/errors.ts";
import { mutated } from "../mutated.ts";
import { codeOf } from "../world.ts";
import { toHex } from "../vectors.ts";
import { commitTo, groupOfClients, newClient, propose, type Client } from "./clients.ts";

/** Runs; whatever is thrown must be an MlsEngineError. */
function tolerated(run: () => unknown): boolean {
  try {
    run();
  } catch (error) {
    return error instanceof MlsEngineError;
  }
  return true;
}

async function aFullGroup(): Promise<[Client, Client, ...Client[]]> {
  const clients = await groupOfClients(7);
  for (const client of clients)
    await commitTo(
      client,
      clients.filter((other) => other !== client),
    );
  return clients;
}

describe("codecs", () => {
  test("encode decoded structures to the same bytes", async () => {
    const [alice] = await aFullGroup();
    const { own } = await newClient("new");
    const created = await propose(alice, [
      { kind: "add", keyPackage: own.keyPackage },
      { kind: "remove", removed: 2 },
    ]);
    const commit = decodeWhole(created.handshake.content, readCommit);
    expect(encode((w) => writeCommit(w, commit))).toEqual(created.handshake.content);
    const welcome = created.welcome ?? new Uint8Array();
    expect(encode((w) => writeWelcome(w, decodeWhole(welcome, readWelcome)))).toEqual(welcome);
    const tree = encodeTree(alice.state.tree);
    expect(encodeTree(decodeWhole(tree, (r) => readTree(r, 1024)))).toEqual(tree);
    for (const entry of commit.proposals) {
      if (entry.kind === "reference") continue;
      const bytes = encode((w) => writeProposal(w, entry.proposal));
      expect(encode((w) => writeProposal(w, decodeWhole(bytes, readProposal)))).toEqual(bytes);
    }
  });

  test("reject malformed bytes with a typed error", async () => {
    const [alice] = await aFullGroup();
    const { own } = await newClient("new");
    const created = await propose(alice, [{ kind: "add", keyPackage: own.keyPackage }]);
    const samples: [Uint8Array, (bytes: Uint8Array) => unknown][] = [
      [own.keyPackage.bytes, (b) => decodeWhole(b, readKeyPackage)],
      [own.keyPackage.leaf.bytes, (b) => decodeWhole(b, readLeafNode)],
      [created.handshake.content, (b) => decodeWhole(b, readCommit)],
      [created.welcome ?? new Uint8Array(), (b) => decodeWhole(b, readWelcome)],
      [encodeTree(alice.state.tree), (b) => decodeWhole(b, (r) => readTree(r, 1024))],
      [
        encode((w) =>
          w
            .vector(new Uint8Array(32))
            .u8(0)
            .list([], () => {}),
        ),
        (b) => decodeWhole(b, readGroupSecrets),
      ],
    ];
    for (const [bytes, read] of samples) {
      expect(tolerated(() => read(bytes))).toBe(true);
      fc.assert(fc.property(mutated(bytes), (bad) => tolerated(() => read(bad))));
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => samples.every(([, read]) => tolerated(() => read(noise)))));
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => tolerated(() => decodeWhole(noise, readPublicMessage))));
  });

  test.each<[string, Uint8Array]>([
    ["a length that isn't the shortest", new Uint8Array([0x40, 0x01, 0xff])],
    ["a length beyond the end", new Uint8Array([0x3f])],
    ["a length of an unknown prefix", new Uint8Array([0xc0, 0, 0, 0])],
    ["nothing", new Uint8Array()],
    ["bytes after the end", new Uint8Array([0x01, 0xff, 0xff])],
  ])("reject %s", (_, bytes) => {
    expect(() => decodeWhole(bytes, (r) => r.vector())).toThrow(expect.objectContaining({ code: "malformed" }));
  });

  test("reject a tree above the member limit", async () => {
    const [alice] = await groupOfClients(5);
    const bytes = encodeTree(alice.state.tree);
    expect(() => decodeWhole(bytes, (r) => readTree(r, 4))).toThrow(expect.objectContaining({ code: "too_large" }));
    const blanks = encode((w) => w.vector(new Uint8Array(100_000)));
    expect(() => decodeWhole(blanks, (r) => readTree(r, 4))).toThrow(expect.objectContaining({ code: "too_large" }));
  });
});

describe("a malicious member", () => {
  test("cannot get a modified commit accepted", async () => {
    const [alice, bob] = await aFullGroup();
    const { own } = await newClient("new");
    const { handshake } = await propose(alice, [
      { kind: "add", keyPackage: own.keyPackage },
      { kind: "remove", removed: 3 },
    ]);
    const before = toHex(bob.state.secrets.epochAuthenticator);
    await fc.assert(
      fc.asyncProperty(mutated(handshake.content), async (content) => {
        const code = await codeOf(processCommit(bob.env, bob.state, { ...handshake, content }));
        expect(code).not.toBe("resolved");
      }),
      { numRuns: gateOrSoak(100, 3000) },
    );
    expect(toHex(bob.state.secrets.epochAuthenticator)).toBe(before);
    expect((await processCommit(bob.env, bob.state, handshake)).next?.state.context.epoch).toBe(alice.state.context.epoch + 1n);
  });

  test("cannot get a modified proposal accepted", async () => {
    const [alice, bob] = await aFullGroup();
    const { own } = await newClient("new");
    const { handshake } = await propose(alice, []);
    const content = encode((w) => writeProposal(w, { kind: "add", keyPackage: own.keyPackage }));
    const proposal = { ...handshake, contentType: "proposal" as const, content, confirmationTag: undefined };
    expect((await processProposal(bob.env, bob.state, proposal)).state.proposals.size).toBe(1);
    await fc.assert(
      fc.asyncProperty(mutated(content), async (changed) => {
        expect(await codeOf(processProposal(bob.env, bob.state, { ...proposal, content: changed }))).not.toBe("resolved");
      }),
    );
  });

  test("cannot give a new member another tree (RFC 9420 §12.4.3.1, §7.9.2)", async () => {
    const clients = await aFullGroup();
    const [alice] = clients;
    const { own } = await newClient("new");
    await commitTo(alice, clients.slice(1), [{ kind: "remove", removed: 4 }]);
    await commitTo(alice, clients.slice(1, 4), [{ kind: "add", keyPackage: own.keyPackage }]);
    const bytes = encodeTree(alice.state.tree);
    const check = async (tree: RatchetTree): Promise<void> => {
      const context = { ...alice.state.context, treeHash: await treeHash(alice.env.suite, tree, alice.env.pause) };
      await checkTree(alice.env, tree, context, 0);
    };
    expect(await codeOf(readAndCheck(alice, bytes, check))).toBe("resolved");
    await fc.assert(
      fc.asyncProperty(mutated(bytes), async (changed) => {
        expect(await codeOf(readAndCheck(alice, changed, check))).not.toBe("resolved");
      }),
      { numRuns: gateOrSoak(100, 3000) },
    );
  });

  test.each<[string, (nodes: (TreeNode | undefined)[]) => void]>([
    ["a parent node below the root that was blanked", (nodes) => void (nodes[3] = undefined)],
    ["a leaf that was taken out", (nodes) => void (nodes[6] = undefined)],
    ["two leaves exchanged", (nodes) => void ([nodes[2], nodes[4]] = [nodes[4], nodes[2]])],
    [
      "a parent's key replaced by another's",
      (nodes) => void (nodes[1] = withParent(nodes[1], { publicKey: parentOf(nodes[5]).publicKey })),
    ],
    ["an unmerged leaf that isn't one", (nodes) => void (nodes[3] = withParent(nodes[3], { unmergedLeaves: [1] }))],
    ["unmerged leaves from elsewhere", (nodes) => void (nodes[1] = withParent(nodes[1], { unmergedLeaves: [5] }))],
    ["unmerged leaves beyond the tree", (nodes) => void (nodes[1] = withParent(nodes[1], { unmergedLeaves: [0xffff_ffff] }))],
    ["unmerged leaves out of order", (nodes) => void (nodes[7] = withParent(nodes[7], { unmergedLeaves: [3, 2] }))],
    ["another parent hash", (nodes) => void (nodes[3] = withParent(nodes[3], { parentHash: new Uint8Array(32) }))],
  ])("cannot give a new member a tree with %s", async (_, change) => {
    const [alice] = await aFullGroup();
    const nodes = [...alice.state.tree.nodes];
    change(nodes);
    const tree = RatchetTree.of(nodes, alice.state.tree.leafCount);
    const context = { ...alice.state.context, treeHash: await treeHash(alice.env.suite, tree, alice.env.pause) };
    expect(await codeOf(checkTree(alice.env, tree, context, 0))).toBe("invalid_welcome");
  });
});

/** Reads and checks a tree, in which the own leaf must be the one of the key package to the letter. */
async function readAndCheck(client: Client, bytes: Uint8Array, check: (tree: RatchetTree) => Promise<void>): Promise<void> {
  const tree = decodeWhole(bytes, (r) => readTree(r, 1024));
  const own = tree.leaf(client.state.ownLeaf)?.bytes ?? new Uint8Array();
  if (toHex(own) !== toHex(client.own.keyPackage.leaf.bytes) && toHex(own) !== toHex(client.state.tree.leaf(0)?.bytes ?? own)) {
    throw new MlsEngineError("invalid_welcome", "The own leaf is not there");
  }
  await check(tree);
}

type Parent = Extract<TreeNode, { kind: "parent" }>;

function parentOf(node: TreeNode | undefined): Parent {
  if (node?.kind !== "parent") throw new TypeError("The node is blank, or a leaf");
  return node;
}

function withParent(node: TreeNode | undefined, change: Partial<Parent>): Parent {
  return { ...parentOf(node), ...change };
}
