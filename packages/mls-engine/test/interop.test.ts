import { describe, expect, test } from "vitest";
import {
  bytesToBase64,
  createApplicationMessage,
  createCommit,
  createGroup,
  createProposal,
  decodeMlsMessage,
  defaultCapabilities,
  emptyPskIndex,
  encodeMlsMessage,
  generateKeyPackageWithKey,
  getCiphersuiteFromName,
  getCiphersuiteImpl,
  joinGroup,
  makePskIndex,
  mlsExporter,
  processMessage,
  type CiphersuiteImpl,
  type CiphersuiteName,
  type ClientState,
  type KeyPackage,
  type MLSMessage,
  type PrivateKeyPackage,
} from "ts-mls";
import { createCrypto } from "../src/crypto/create-crypto.ts";
import type { MlsEngine, MlsGroup } from "../src/index.ts";
import { fromUtf8, newEngine, utf8 } from "./world.ts";

/** A member that runs on ts-mls alone, with its own cryptography and state. */
class Stranger {
  readonly #suite: CiphersuiteImpl;
  readonly #keyPackage: { readonly publicPackage: KeyPackage; readonly privatePackage: PrivateKeyPackage };
  #state: ClientState | undefined;

  private constructor(suite: CiphersuiteImpl, keyPackage: { publicPackage: KeyPackage; privatePackage: PrivateKeyPackage }) {
    this.#suite = suite;
    this.#keyPackage = keyPackage;
  }

  static async create(name: string, suiteName: CiphersuiteName): Promise<Stranger> {
    const suite = await getCiphersuiteImpl(getCiphersuiteFromName(suiteName));
    const now = BigInt(Math.floor(Date.now() / 1000));
    const lifetime = { notBefore: now - 60n, notAfter: now + 86_400n };
    const credential = { credentialType: "basic" as const, identity: utf8(name) };
    // Its own keygen makes compressed points of the NIST curves, which RFC 9420 §5.1.1 doesn't have.
    const keys = suiteName.includes("_P")
      ? await (await createCrypto(suiteName)).handshake.signature.keygen()
      : await suite.signature.keygen();
    return new Stranger(suite, await generateKeyPackageWithKey(credential, defaultCapabilities(), lifetime, [], keys, suite));
  }

  get state(): ClientState {
    if (!this.#state) throw new TypeError("It is in no group yet");
    return this.#state;
  }

  get keyPackage(): Uint8Array {
    return encodeMlsMessage({ version: "mls10", wireformat: "mls_key_package", keyPackage: this.#keyPackage.publicPackage });
  }

  async create(id: Uint8Array): Promise<void> {
    const { publicPackage, privatePackage } = this.#keyPackage;
    this.#state = await createGroup(id, publicPackage, privatePackage, [], this.#suite);
  }

  async join(welcome: Uint8Array): Promise<void> {
    const message = decode(welcome);
    if (message.wireformat !== "mls_welcome") throw new TypeError("No Welcome");
    const { publicPackage, privatePackage } = this.#keyPackage;
    this.#state = await joinGroup(message.welcome, publicPackage, privatePackage, emptyPskIndex, this.#suite);
  }

  async commit(
    add: readonly Uint8Array[],
    remove: readonly number[],
    asPublic: boolean,
  ): Promise<{ commit: Uint8Array; welcome: Uint8Array | undefined }> {
    const adds = add.map((bytes) => {
      const message = decode(bytes);
      if (message.wireformat !== "mls_key_package") throw new TypeError("No key package");
      return { proposalType: "add" as const, add: { keyPackage: message.keyPackage } };
    });
    const removes = remove.map((removed) => ({ proposalType: "remove" as const, remove: { removed } }));
    const result = await createCommit(
      { state: this.state, cipherSuite: this.#suite },
      { extraProposals: [...adds, ...removes], ratchetTreeExtension: true, wireAsPublicMessage: asPublic },
    );
    this.#state = result.newState;
    const welcome = result.welcome && encodeMlsMessage({ version: "mls10", wireformat: "mls_welcome", welcome: result.welcome });
    return { commit: encodeMlsMessage(result.commit), welcome };
  }

  async proposeRemoval(removed: number, asPublic: boolean): Promise<Uint8Array> {
    const proposal = { proposalType: "remove" as const, remove: { removed } };
    const { newState, message } = await createProposal(this.state, asPublic, proposal, this.#suite);
    this.#state = newState;
    return encodeMlsMessage(message);
  }

  async send(text: string): Promise<Uint8Array> {
    const { newState, privateMessage } = await createApplicationMessage(this.state, utf8(text), this.#suite);
    this.#state = newState;
    return encodeMlsMessage({ version: "mls10", wireformat: "mls_private_message", privateMessage });
  }

  async process(bytes: Uint8Array): Promise<string | undefined> {
    const message = decode(bytes);
    if (message.wireformat !== "mls_private_message" && message.wireformat !== "mls_public_message") throw new TypeError("Not for a group");
    const result = await processMessage(message, this.state, makePskIndex(this.state, {}), () => "accept", this.#suite);
    this.#state = result.newState;
    return result.kind === "applicationMessage" ? fromUtf8(result.message) : undefined;
  }

  async agreement(): Promise<string> {
    const { exporterSecret, epochAuthenticator } = this.state.keySchedule;
    const secret = await mlsExporter(exporterSecret, "test", utf8("x"), 32, this.#suite);
    return [this.state.groupContext.epoch, bytesToBase64(secret), bytesToBase64(epochAuthenticator)].join();
  }
}

function decode(bytes: Uint8Array): MLSMessage {
  const decoded = decodeMlsMessage(bytes, 0);
  if (!decoded) throw new TypeError("No message");
  return decoded[0];
}

async function agreement(group: MlsGroup): Promise<string> {
  const secret = await group.exportSecret("test", utf8("x"), 32);
  return [group.epoch, bytesToBase64(secret), bytesToBase64(group.epochAuthenticator)].join();
}

async function textOf(group: MlsGroup, message: Uint8Array): Promise<string | undefined> {
  const result = await group.process(message);
  return result.kind === "application" ? fromUtf8(result.data) : undefined;
}

const SUITES: readonly CiphersuiteName[] = [
  "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519",
  "MLS_128_DHKEMP256_AES128GCM_SHA256_P256",
  "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519",
  "MLS_256_DHKEMP384_AES256GCM_SHA384_P384",
];

describe.each(SUITES)("in one group with ts-mls, %s", (suite) => {
  const ours = async (name: string): Promise<MlsEngine> => newEngine(name, { crypto: await createCrypto(suite) });

  test("a group of theirs: they add us, we add theirs, both send, both update, both remove", async () => {
    const stranger = await Stranger.create("stranger", suite);
    await stranger.create(utf8("g"));
    const engine = await ours("ours");
    const added = await stranger.commit([await engine.keyPackage()], [], false);
    const group = await engine.joinGroup(added.welcome ?? new Uint8Array());
    expect(await agreement(group)).toBe(await stranger.agreement());

    expect(await textOf(group, await stranger.send("hello"))).toBe("hello");
    expect(await stranger.process(await group.encrypt(utf8("hello yourself")))).toBe("hello yourself");

    const second = await Stranger.create("second", suite);
    const staged = await group.stageAdd([second.keyPackage]);
    await staged.confirm();
    await stranger.process(staged.commit);
    await second.join(staged.welcome ?? new Uint8Array());
    expect(await second.agreement()).toBe(await agreement(group));
    expect(await stranger.agreement()).toBe(await agreement(group));

    for (const from of [stranger, second]) {
      const update = await from.commit([], [], from === second);
      await group.process(update.commit);
      if (from === stranger) await second.process(update.commit);
      if (from === second) break;
    }
    expect(await second.agreement()).toBe(await agreement(group));
  });

  test("a group of ours: they join, we update, they update, we remove one of them", async () => {
    const engine = await ours("ours");
    const group = await engine.createGroup(utf8("g"));
    const strangers = await Promise.all(["one", "two", "three"].map((name) => Stranger.create(name, suite)));
    const staged = await group.stageAdd(strangers.map(({ keyPackage }) => keyPackage));
    await staged.confirm();
    for (const stranger of strangers) await stranger.join(staged.welcome ?? new Uint8Array());
    const [one, two, three] = strangers;
    if (!one || !two || !three) throw new TypeError("There are three");

    const update = await group.stageUpdate();
    await update.confirm();
    for (const stranger of strangers) await stranger.process(update.commit);
    const theirs = await two.commit([], [], false);
    await group.process(theirs.commit);
    await one.process(theirs.commit);
    await three.process(theirs.commit);
    const views = new Set([await agreement(group), ...(await Promise.all(strangers.map((s) => s.agreement())))]);
    expect(views.size).toBe(1);

    const removal = await group.stageRemove([1]);
    await removal.confirm();
    await two.process(removal.commit);
    await three.process(removal.commit);
    expect(await two.agreement()).toBe(await agreement(group));
    expect(await three.process(await group.encrypt(utf8("among us")))).toBe("among us");
    expect(await textOf(group, await three.send("indeed"))).toBe("indeed");

    const last = await three.commit([], [2], true);
    await group.process(last.commit);
    expect(await three.agreement()).toBe(await agreement(group));
  });

  test.each([false, true])("a proposal of theirs (public: %s) is in our commit, and one of ours in theirs", async (asPublic) => {
    const engine = await ours("ours");
    const group = await engine.createGroup(utf8("g"));
    const strangers = await Promise.all(["one", "two", "three"].map((name) => Stranger.create(name, suite)));
    const [one, two, three] = strangers;
    if (!one || !two || !three) throw new TypeError("There are three");
    const staged = await group.stageAdd(strangers.map(({ keyPackage }) => keyPackage));
    await staged.confirm();
    for (const stranger of strangers) await stranger.join(staged.welcome ?? new Uint8Array());

    const proposal = await one.proposeRemoval(3, asPublic);
    await group.process(proposal);
    await two.process(proposal);
    const commit = await group.stage();
    await commit.confirm();
    await one.process(commit.commit);
    await two.process(commit.commit);
    expect(await one.agreement()).toBe(await agreement(group));
    expect(await two.agreement()).toBe(await agreement(group));

    const leaving = await group.leave();
    await one.process(leaving);
    await two.process(leaving);
    const theirs = await two.commit([], [], asPublic);
    await one.process(theirs.commit);
    expect(await group.process(theirs.commit)).toMatchObject({ kind: "commit", isRemoved: true });
    expect(await one.agreement()).toBe(await two.agreement());
  });
});
