import { decodeWhole } from "../../src/codec/reader.ts";
import { encode } from "../../src/codec/writer.ts";
import { decryptWithLabel } from "../../src/crypto/labels.ts";
import { expect, test } from "vitest";
import { encodeGroupContext } from "../../src/codec/structures.ts";
import { epochOf, joinerSecret } from "../../src/key-schedule/key-schedule.ts";
import { processCommit } from "../../src/commit/process-commit.ts";
import { readCommit, writeCommit, type Proposal } from "../../src/proposals/proposal.ts";
import { codeOf } from "../world.ts";
import { toHex } from "../vectors.ts";
import { groupOfClients, newClient, propose, type Client } from "./clients.ts";

test.each([2, 3, 8])("a member removed from a group of %i cannot derive the next epoch", async (size) => {
  const [alice, bob] = await groupOfClients(size);
  const removal = await propose(alice, [{ kind: "remove", removed: bob.state.ownLeaf }]);
  const { path } = decodeWhole(removal.handshake.content, readCommit);
  expect(path).toBeDefined();

  // Every key that it has, on every secret that the path holds.
  const info = encodeGroupContext({ ...removal.state.context, confirmedTranscriptHash: bob.state.context.confirmedTranscriptHash });
  for (const { pathSecrets } of path?.nodes ?? []) {
    for (const secret of pathSecrets) {
      for (const key of bob.state.privateKeys.values()) {
        expect(decryptWithLabel(bob.env.suite, key, "UpdatePathNode", info, secret)).toBeUndefined();
      }
    }
  }
  // The commit secret of a commit without a path.
  const context = encodeGroupContext(removal.state.context);
  const zeros = new Uint8Array(32);
  const joiner = joinerSecret(bob.env.suite, bob.state.secrets.initSecret, zeros, context);
  const guessed = epochOf(bob.env.suite, joiner, zeros, context);
  expect(toHex(guessed.secrets.exporterSecret)).not.toBe(toHex(removal.state.secrets.exporterSecret));
  expect((await processCommit(bob.env, bob.state, removal.handshake)).next).toBeUndefined();
});

test("a commit with a Remove and without a path is rejected by remaining and removed members (RFC 9420 §12.4)", async () => {
  const [alice, bob, carol] = await groupOfClients(3);
  if (!carol) throw new TypeError("The group has three members");
  const removal = await propose(alice, [{ kind: "remove", removed: bob.state.ownLeaf }]);
  const commit = decodeWhole(removal.handshake.content, readCommit);
  const content = encode((w) => writeCommit(w, { ...commit, path: undefined }));
  expect(await codeOf(processCommit(carol.env, carol.state, { ...removal.handshake, content }))).toBe("invalid_commit");
  expect(await codeOf(processCommit(bob.env, bob.state, { ...removal.handshake, content }))).toBe("invalid_commit");
});

test("a commit that replaces the group's extensions requires a path (RFC 9420 §12.4)", async () => {
  const [alice, bob] = await groupOfClients(2);
  const replaced = await propose(alice, [{ kind: "group_context_extensions", extensions: [{ type: 1, data: new Uint8Array([7]) }] }]);
  const commit = decodeWhole(replaced.handshake.content, readCommit);
  expect(commit.path).toBeDefined();
  const content = encode((w) => writeCommit(w, { ...commit, path: undefined }));
  expect(await codeOf(processCommit(bob.env, bob.state, { ...replaced.handshake, content }))).toBe("invalid_commit");
  const { next } = await processCommit(bob.env, bob.state, replaced.handshake);
  expect(next?.state.context.extensions).toHaveLength(1);
  expect(toHex(next?.state.secrets.epochAuthenticator ?? new Uint8Array())).toBe(toHex(replaced.state.secrets.epochAuthenticator));
});

test("an Add alone requires no path, and an empty commit requires one (RFC 9420 §12.4)", async () => {
  const [alice] = await groupOfClients(2);
  const { own } = await newClient("new");
  const added = await propose(alice, [{ kind: "add", keyPackage: own.keyPackage }]);
  expect(decodeWhole(added.handshake.content, readCommit).path).toBeUndefined();
  expect(decodeWhole((await propose(alice, [])).handshake.content, readCommit).path).toBeDefined();
});

test.each<[string, (bob: Client) => readonly Proposal[]]>([
  ["a leaf that is not a member", () => [{ kind: "remove", removed: 77 }]],
  ["a leaf far outside the tree", () => [{ kind: "remove", removed: 0xffff_ffff }]],
  ["its own sender", () => [{ kind: "remove", removed: 0 }]],
  [
    "one member twice",
    (bob) => [
      { kind: "remove", removed: bob.state.ownLeaf },
      { kind: "remove", removed: bob.state.ownLeaf },
    ],
  ],
])("a commit that removes %s is rejected (RFC 9420 §12.2)", async (_, proposals) => {
  const [alice, bob] = await groupOfClients(2);
  expect(await codeOf(propose(alice, proposals(bob)))).toBe("invalid_commit");
  const update = await propose(alice, []);
  const { path } = decodeWhole(update.handshake.content, readCommit);
  const list = proposals(bob).map((proposal) => ({ kind: "proposal" as const, proposal }));
  const content = encode((w) => writeCommit(w, { proposals: list, path }));
  expect(await codeOf(processCommit(bob.env, bob.state, { ...update.handshake, content }))).toBe("invalid_commit");
});
