import { decodeWhole } from "../../../../packages/mls-engine/src/codec/reader.ts";
import { encode } from "../../../../packages/mls-engine/src/codec/writer.ts";
import { decryptWithLabel } from "../../../../packages/mls-engine/src/crypto/labels.ts";
import { encodeGroupContext } from "../../../../packages/mls-engine/src/codec/structures.ts";
import { join } from "../../../../packages/mls-engine/src/join/join.ts";
import { epochOf, welcomeSecret } from "../../../../packages/mls-engine/src/key-schedule/key-schedule.ts";
import { readTree } from "../../../../packages/mls-engine/src/tree/ratchet-tree.ts";
import { ExtensionType, type PskId } from "../../../../packages/mls-engine/src/codec/structures.ts";
import { treeHash } from "../../../../packages/mls-engine/src/tree/tree-hash.ts";
import {
  encodeGroupInfo,
  encryptGroupSecrets,
  readGroupInfo,
  readGroupSecrets,
  readWelcome,
  welcomeKeys,
  writeWelcome,
} from "../../../../packages/mls-engine/src/join/welcome.ts";
import { MlsEngineError } from "../../../../packages/mls-engine/src/errors.ts";
import { commitTo, groupOfClients, newClient, propose } from "../../../../packages/mls-engine/test/protocol/clients.ts";
import { tolerate, type OpenTarget } from "../../src/target.ts";
import { bigintOf, bytesOf, extensionsOf, listOf, numberOf, objectOf, readDraft, type Json } from "../support/read-json.ts";

const SEEDS = [
  {},
  { confirm: true, info: { epoch: 9, groupId: "00ff" } },
  { confirm: true, info: { extensions: [{ type: 3, data: "0200010000" }], signer: 1 } },
  { confirm: true, rehash: true, tree: [{ at: 10, remove: 1, insert: "00" }] },
  { rehash: true, tree: [{ at: 0, remove: 2, insert: "4100" }], info: { treeHash: "00" } },
  {
    secrets: {
      pathSecret: "00",
      psks: [
        { id: "00", nonce: "00" },
        { usage: 1, id: "01", epoch: 1, nonce: "00" },
      ],
    },
  },
  { secrets: { pathSecret: null }, info: { others: [{ type: 4, data: "00" }] } },
  { wire: [{ at: 3, remove: 1, insert: "ff" }] },
];

/** Bytes with parts replaced. */
function edited(bytes: Uint8Array, edits: unknown): Uint8Array {
  let result = Buffer.from(bytes);
  for (const edit of listOf(edits).map(objectOf)) {
    const at = numberOf(edit["at"], 0, 1_000_000) % (result.length + 1);
    const insert = bytesOf(edit["insert"], new Uint8Array());
    result = Buffer.concat([result.subarray(0, at), insert, result.subarray(at + numberOf(edit["remove"], 0, 64))]);
  }
  return new Uint8Array(result);
}

function pskOf(draft: Json): PskId {
  const [id, nonce] = [bytesOf(draft["id"], new Uint8Array()), bytesOf(draft["nonce"], new Uint8Array(32))];
  if (!("usage" in draft)) return { kind: "external", id, nonce };
  return { kind: "resumption", usage: numberOf(draft["usage"], 1, 255), groupId: id, epoch: bigintOf(draft["epoch"], 1n), nonce };
}

/** Welcomes of a member with ill intent: tree, group information and secrets as the input has them, hashed, signed and encrypted correctly. */
export const open: OpenTarget = async () => {
  const group = await groupOfClients(4);
  const [alice] = group;
  for (const client of group.slice(0, 3))
    await commitTo(
      client,
      group.filter((other) => other !== client),
    );
  const newcomer = await newClient("newcomer");
  const { suite } = alice.env;
  const created = await propose(alice, [{ kind: "add", keyPackage: newcomer.own.keyPackage }], true);
  const welcome = decodeWhole(created.welcome ?? new Uint8Array(), readWelcome);
  const [entry] = welcome.secrets;
  if (entry === undefined) throw new TypeError("The Welcome is for the newcomer");
  const { initKey } = newcomer.own.secrets;
  const opened = decryptWithLabel(suite, initKey, "Welcome", welcome.encryptedGroupInfo, entry.encrypted);
  const secrets = decodeWhole(opened ?? new Uint8Array(), readGroupSecrets);
  const noPsk = new Uint8Array(suite.hashLength);
  const { key, nonce } = welcomeKeys(suite, welcomeSecret(suite, secrets.joiner, noPsk));
  const info = decodeWhole(suite.open(key, nonce, new Uint8Array(), welcome.encryptedGroupInfo) ?? new Uint8Array(), readGroupInfo);
  const tree = info.extensions.find(({ type }) => type === ExtensionType.ratchetTree)?.data ?? new Uint8Array();

  /** The context, with the hash of the edited tree where that can be read. */
  async function contextOf(draft: Json, treeBytes: Uint8Array, rehash: boolean): Promise<typeof info.context> {
    const context = {
      version: numberOf(draft["version"], info.context.version, 0xffff),
      suite: numberOf(draft["suite"], info.context.suite, 0xffff),
      groupId: bytesOf(draft["groupId"], info.context.groupId),
      epoch: bigintOf(draft["epoch"], info.context.epoch),
      treeHash: bytesOf(draft["treeHash"], info.context.treeHash),
      confirmedTranscriptHash: bytesOf(draft["confirmedTranscriptHash"], info.context.confirmedTranscriptHash),
      extensions: extensionsOf(draft["extensions"], info.context.extensions),
    };
    if (!rehash) return context;
    const hash = await tolerate([MlsEngineError], () =>
      treeHash(
        suite,
        decodeWhole(treeBytes, (r) => readTree(r, 1024)),
        alice.env.pause,
      ),
    );
    return hash === undefined ? context : { ...context, treeHash: hash };
  }

  async function forge(program: Json): Promise<Uint8Array> {
    const [draft, secretsDraft] = [objectOf(program["info"]), objectOf(program["secrets"])];
    const treeBytes = edited(tree, program["tree"]);
    const context = await contextOf(draft, treeBytes, program["rehash"] === true);
    let tag = bytesOf(draft["confirmationTag"], info.confirmationTag);
    if (program["confirm"] === true) {
      const epoch = epochOf(suite, secrets.joiner.slice(), noPsk, encodeGroupContext(context));
      tag = suite.mac(epoch.secrets.confirmationKey, context.confirmedTranscriptHash);
    }
    const extensions = [{ type: ExtensionType.ratchetTree, data: treeBytes }, ...extensionsOf(draft["others"])];
    const signed = encodeGroupInfo(alice.env, {
      signer: numberOf(draft["signer"], info.signer, 0xffff_ffff),
      context,
      extensions,
      confirmationTag: tag,
    });
    const encryptedGroupInfo = suite.seal(key, nonce, new Uint8Array(), edited(signed, program["signed"]));
    const pathSecret = secretsDraft["pathSecret"] === null ? undefined : bytesOf(secretsDraft["pathSecret"], secrets.pathSecret ?? noPsk);
    const groupSecrets = { joiner: secrets.joiner, pathSecret, psks: listOf(secretsDraft["psks"]).map((psk) => pskOf(objectOf(psk))) };
    const encrypted = encryptGroupSecrets(suite, newcomer.own.keyPackage, encryptedGroupInfo, groupSecrets);
    const forged = { suite: numberOf(program["suite"], welcome.suite, 0xffff), secrets: [encrypted], encryptedGroupInfo };
    return edited(
      encode((w) => writeWelcome(w, forged)),
      program["wire"],
    );
  }

  return {
    format: "json",
    seeds: SEEDS.map((seed) => new TextEncoder().encode(JSON.stringify(seed))),
    work: { base: 200_000, perByte: 1000 },
    async run(input) {
      const program = readDraft(input);
      if (program === undefined) return;
      const bytes = await forge(program);
      const joined = await tolerate([MlsEngineError], () => join(newcomer.env, decodeWhole(bytes, readWelcome), newcomer.own));
      if (joined === undefined) return;
      // A group that it could join can be changed, or the change fails with a typed error.
      await tolerate([MlsEngineError], () => propose({ ...newcomer, state: joined.state }, [], true));
    },
  };
};
