import { equalBytes } from "../../../../packages/mls-engine/src/codec/bytes.ts";
import { decodeWhole } from "../../../../packages/mls-engine/src/codec/reader.ts";
import { encode } from "../../../../packages/mls-engine/src/codec/writer.ts";
import { signWithLabel } from "../../../../packages/mls-engine/src/crypto/labels.ts";
import { keyPackageReference, type KeyPackage } from "../../../../packages/mls-engine/src/join/key-package.ts";
import { createCommit, signHandshake, type CreatedCommit } from "../../../../packages/mls-engine/src/commit/create-commit.ts";
import type { GroupState } from "../../../../packages/mls-engine/src/epoch/group-state.ts";
import { join } from "../../../../packages/mls-engine/src/join/join.ts";
import type { OwnKeyPackage } from "../../../../packages/mls-engine/src/join/key-package.ts";
import { encodeUnsignedLeaf, leafNodeTbs, signedLeaf, type LeafNode } from "../../../../packages/mls-engine/src/tree/leaf-node.ts";
import { processCommit } from "../../../../packages/mls-engine/src/commit/process-commit.ts";
import { processProposal } from "../../../../packages/mls-engine/src/proposals/process-proposal.ts";
import { readProposal, writeCommit, writeProposal, type Proposal } from "../../../../packages/mls-engine/src/proposals/proposal.ts";
import { writeExtensions } from "../../../../packages/mls-engine/src/codec/structures.ts";
import { readWelcome } from "../../../../packages/mls-engine/src/join/welcome.ts";
import { MlsEngineError } from "../../../../packages/mls-engine/src/errors.ts";
import { commitTo, groupOfClients, newClient, type Client } from "../../../../packages/mls-engine/test/protocol/clients.ts";
import { tolerate, type OpenTarget } from "../../src/target.ts";
import { bigintOf, bytesOf, extensionsOf, listOf, numberOf, numbersOf, objectOf, readDraft, type Json } from "../support/read-json.ts";

/** A leaf with members as a draft says, signed with its owner's key. */
async function forgeLeaf(
  { env, own }: Pick<Client, "env" | "own">,
  draft: Json,
  source: LeafNode["source"],
  place: { groupId: Uint8Array; leaf: number },
): Promise<LeafNode> {
  const honest = own.keyPackage.leaf;
  const [credential, capabilities, from] = [objectOf(draft["credential"]), objectOf(draft["capabilities"]), objectOf(draft["source"])];
  const kind = from["kind"] ?? source.kind;
  const content = {
    encryptionKey: bytesOf(draft["encryptionKey"], source.kind === "update" ? own.keyPackage.initKey : honest.encryptionKey),
    signatureKey: bytesOf(draft["signatureKey"], honest.signatureKey),
    credential: { type: numberOf(credential["type"], 1, 0xffff), content: bytesOf(credential["content"], honest.credential.content) },
    capabilities: {
      versions: numbersOf(capabilities["versions"], honest.capabilities.versions),
      suites: numbersOf(capabilities["suites"], honest.capabilities.suites),
      extensions: numbersOf(capabilities["extensions"], honest.capabilities.extensions),
      proposals: numbersOf(capabilities["proposals"], honest.capabilities.proposals),
      credentials: numbersOf(capabilities["credentials"], honest.capabilities.credentials),
    },
    source:
      kind === "update"
        ? ({ kind: "update" } as const)
        : kind === "commit"
          ? ({ kind: "commit", parentHash: bytesOf(from["parentHash"], new Uint8Array(32)) } as const)
          : {
              kind: "key_package" as const,
              lifetime: {
                notBefore: bigintOf(from["notBefore"], honest.source.kind === "key_package" ? honest.source.lifetime.notBefore : 0n),
                notAfter: bigintOf(from["notAfter"], honest.source.kind === "key_package" ? honest.source.lifetime.notAfter : 0n),
              },
            },
    extensions: extensionsOf(draft["extensions"]),
  };
  const unsigned = encodeUnsignedLeaf(content);
  const toBeSigned = leafNodeTbs(unsigned, content.source, { groupId: place.groupId, leafIndex: place.leaf });
  return signedLeaf(content, unsigned, signWithLabel(env.suite, env.signer.signatureKey.privateKey, "LeafNodeTBS", toBeSigned));
}

async function forgeKeyPackage(newcomer: Pick<Client, "env" | "own">, draft: Json): Promise<KeyPackage> {
  const { env, own } = newcomer;
  const leaf = await forgeLeaf(newcomer, objectOf(draft["leaf"]), own.keyPackage.leaf.source, { groupId: new Uint8Array(), leaf: 0 });
  const parts = {
    version: numberOf(draft["version"], 1, 0xffff),
    suite: numberOf(draft["suite"], 1, 0xffff),
    initKey: bytesOf(draft["initKey"], own.keyPackage.initKey),
    extensions: extensionsOf(draft["extensions"]),
  };
  const unsigned = encode((w) => {
    w.u16(parts.version).u16(parts.suite).vector(parts.initKey).raw(leaf.bytes);
    writeExtensions(w, parts.extensions);
  });
  const signature = signWithLabel(env.suite, env.signer.signatureKey.privateKey, "KeyPackageTBS", unsigned);
  return { ...parts, leaf, unsigned, signature, bytes: encode((w) => w.raw(unsigned).vector(signature)) };
}

const SEEDS = [
  { proposals: [{ kind: "add" }, { kind: "remove", removed: 3 }], path: true },
  { proposals: [{ kind: "add", leaf: { extensions: [{ type: 1, data: "00" }], capabilities: { extensions: [1] } }, extensions: [] }] },
  {
    proposals: [
      { kind: "add", newcomer: 0 },
      { kind: "add", newcomer: 1, leaf: { credential: { type: 2, content: "0130" } } },
    ],
  },
  {
    sent: [
      { kind: "update", from: 1, leaf: {} },
      { kind: "remove", from: 2, removed: 4 },
    ],
    proposals: [],
    path: true,
  },
  {
    sent: [
      { kind: "add", from: 1 },
      { kind: "add", from: 2, newcomer: 1 },
    ],
    proposals: [{ kind: "remove", removed: 1 }],
  },
  { proposals: [{ kind: "group_context_extensions", extensions: [{ type: 3, data: "0200010000" }] }] },
  { proposals: [{ kind: "group_context_extensions", extensions: [{ type: 5, data: "00" }] }, { kind: "add" }] },
  { proposals: [{ kind: "psk", usage: 1, epoch: 1, id: "00", nonce: "00" }], path: true },
  { proposals: [{ kind: "reinit", groupId: "01", version: 1, suite: 1, extensions: [] }] },
  { proposals: [{ kind: "external_init", kemOutput: "00" }], aad: "00ff", publicMessage: true },
];

/**
 * Proposals and commits of members who sign whatever they like. Everything is encoded and signed right; what it says is the input.
 * A commit that its sender can make must lead all others, newcomers too, into the same epoch.
 */
export const open: OpenTarget = async () => {
  const group = await groupOfClients(5);
  for (const client of group.slice(0, 4))
    await commitTo(
      client,
      group.filter((other) => other !== client),
    );
  const [alice] = group;
  const newcomers = [await newClient("n0"), await newClient("n1")];

  interface Forged {
    readonly proposal: Proposal;
    readonly own?: { readonly env: Client["env"]; readonly own: OwnKeyPackage };
  }

  /** As it comes from the wire: alice, too, has it from there. `undefined` where it can't be read. */
  async function forge(draft: Json, sender: Client): Promise<Forged | undefined> {
    const made = await make(draft, sender);
    const read = await tolerate([MlsEngineError], () =>
      decodeWhole(
        encode((w) => writeProposal(w, made.proposal)),
        readProposal,
      ),
    );
    return read && { ...made, proposal: read };
  }

  async function make(draft: Json, sender: Client): Promise<Forged> {
    switch (draft["kind"]) {
      case "update": {
        const place = { groupId: sender.state.context.groupId, leaf: sender.state.ownLeaf };
        return { proposal: { kind: "update", leaf: await forgeLeaf(sender, objectOf(draft["leaf"]), { kind: "update" }, place) } };
      }
      case "remove":
        return { proposal: { kind: "remove", removed: numberOf(draft["removed"], 2, 0xffff_ffff) } };
      case "psk": {
        const [nonce, id] = [bytesOf(draft["nonce"], new Uint8Array(32)), bytesOf(draft["id"], new Uint8Array())];
        if (!("usage" in draft)) return { proposal: { kind: "psk", psk: { kind: "external", id, nonce } } };
        const epoch = bigintOf(draft["epoch"], 1n);
        return {
          proposal: { kind: "psk", psk: { kind: "resumption", usage: numberOf(draft["usage"], 1, 255), groupId: id, epoch, nonce } },
        };
      }
      case "reinit": {
        const [version, suite] = [numberOf(draft["version"], 1, 0xffff), numberOf(draft["suite"], 1, 0xffff)];
        const groupId = bytesOf(draft["groupId"], new Uint8Array());
        return { proposal: { kind: "reinit", groupId, version, suite, extensions: extensionsOf(draft["extensions"]) } };
      }
      case "external_init":
        return { proposal: { kind: "external_init", kemOutput: bytesOf(draft["kemOutput"], new Uint8Array(32)) } };
      case "group_context_extensions":
        return { proposal: { kind: "group_context_extensions", extensions: extensionsOf(draft["extensions"]) } };
      default: {
        const newcomer = newcomers[numberOf(draft["newcomer"], 0, 1)] ?? newcomers[0];
        if (newcomer === undefined) throw new TypeError("There are two newcomers");
        const keyPackage = await forgeKeyPackage(newcomer, draft);
        return { proposal: { kind: "add", keyPackage }, own: { env: newcomer.env, own: { ...newcomer.own, keyPackage } } };
      }
    }
  }

  async function run(program: Json): Promise<void> {
    let states: readonly GroupState[] = group.map(({ state }) => state);
    const wireFormat = program["publicMessage"] === true ? 1 : 2;
    const authenticatedData = bytesOf(program["aad"], new Uint8Array());
    const added: NonNullable<Forged["own"]>[] = [];
    for (const draft of listOf(program["sent"], 4).map(objectOf)) {
      const sender = group[numberOf(draft["from"], 1, group.length - 1)] as Client;
      const forged = await forge(draft, sender);
      if (forged === undefined) continue;
      const { proposal, own } = forged;
      if (own) added.push(own);
      const content = encode((w) => writeProposal(w, proposal));
      const signed = signHandshake(sender.env, sender.state, "proposal", content, { authenticatedData, wireFormat });
      const next = await Promise.all(
        group.map(({ env }, i) =>
          tolerate([MlsEngineError], () => processProposal(env, states[i] as GroupState, { ...signed, confirmationTag: undefined })),
        ),
      );
      const accepted = next.filter((result) => result !== undefined);
      if (accepted.length > 0 && accepted.length < group.length) throw new Error("Members disagree about a proposal");
      if (accepted.length > 0) states = accepted.map(({ state }) => state);
    }
    const proposals: Proposal[] = [];
    for (const draft of listOf(program["proposals"], 4)) {
      const forged = await forge(objectOf(draft), alice);
      if (forged === undefined) continue;
      const { proposal, own } = forged;
      proposals.push(proposal);
      if (own) added.push(own);
    }
    const state = states[0] as GroupState;
    const references = [...state.proposals.keys()].map((key) => Uint8Array.from(key, (character) => character.charCodeAt(0)));
    const request = { proposals, references, forcePath: program["path"] === true, authenticatedData, wireFormat } as const;
    const created = await tolerate([MlsEngineError], () => createCommit(alice.env, state, request));
    if (created === undefined) return refuseTogether(states, request);
    await followTogether(states, created, added);
  }

  /** The same commit by a member that skips the checks: every other member must reject it. */
  async function refuseTogether(states: readonly GroupState[], request: Parameters<typeof createCommit>[2]): Promise<void> {
    const entries = [
      ...request.references.map((reference) => ({ kind: "reference" as const, reference })),
      ...request.proposals.map((proposal) => ({ kind: "proposal" as const, proposal })),
    ];
    const content = encode((w) => writeCommit(w, { proposals: entries, path: undefined }));
    const signed = signHandshake(alice.env, alice.state, "commit", content, request);
    for (const [i, { env }] of group.entries()) {
      if (i === 0) continue;
      const commit = { ...signed, confirmationTag: new Uint8Array(32) };
      const processed = await tolerate([MlsEngineError], () => processCommit(env, states[i] as GroupState, commit));
      if (processed?.next) throw new Error("A member follows a commit whose confirmation tag is wrong");
    }
  }

  async function followTogether(
    states: readonly GroupState[],
    created: CreatedCommit,
    added: readonly NonNullable<Forged["own"]>[],
  ): Promise<void> {
    const expected = created.state.secrets.epochAuthenticator;
    const check = (next: GroupState): void => {
      if (!equalBytes(next.secrets.epochAuthenticator, expected)) throw new Error("Members are in different epochs after a commit");
    };
    for (const [i, { env }] of group.entries()) {
      // The author of an update proposal needs its private key, which this target doesn't keep.
      if (i === 0 || created.effects.updated.includes(i)) continue;
      const { next } = await processCommit(env, states[i] as GroupState, created.handshake);
      if (next) check(next.state);
      else if (!created.effects.removed.includes(i)) throw new Error("A member is removed by a commit that doesn't list it");
    }
    if (created.welcome === undefined) return;
    const welcome = decodeWhole(created.welcome, readWelcome);
    for (const { env, own } of added) {
      const reference = keyPackageReference(env.suite, own.keyPackage);
      if (!welcome.secrets.some(({ newMember }) => equalBytes(newMember, reference))) continue;
      check((await join(env, welcome, own)).state);
    }
  }

  return {
    format: "json",
    seeds: SEEDS.map((seed) => new TextEncoder().encode(JSON.stringify(seed))),
    work: { base: 5_000_000, perByte: 5000 },
    async run(input) {
      const program = readDraft(input);
      if (program !== undefined) await run(program);
    },
  };
};
