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
  type ClientState,
  type KeyPackage,
  type MLSMessage,
  type PrivateKeyPackage,
} from "ts-mls";
import { decodeRatchetTree, encodeRatchetTree } from "ts-mls/ratchetTree.js";
import { createCipherSuite } from "../src/crypto/create-cipher-suite.ts";
import type { CipherSuiteName, MlsGroup } from "../src/index.ts";
import { fromUtf8, utf8 } from "./world.ts";

/** A member that runs on ts-mls alone, with its own cryptography and state. */
export class TsMlsMember {
  readonly #suite: CiphersuiteImpl;
  readonly #keyPackage: { readonly publicPackage: KeyPackage; readonly privatePackage: PrivateKeyPackage };
  #state: ClientState | undefined;

  private constructor(suite: CiphersuiteImpl, keyPackage: { publicPackage: KeyPackage; privatePackage: PrivateKeyPackage }) {
    this.#suite = suite;
    this.#keyPackage = keyPackage;
  }

  static async create(name: string, suiteName: CipherSuiteName): Promise<TsMlsMember> {
    const suite = await getCiphersuiteImpl(getCiphersuiteFromName(suiteName));
    const now = BigInt(Math.floor(Date.now() / 1000));
    const lifetime = { notBefore: now - 60n, notAfter: now + 86_400n };
    const credential = { credentialType: "basic" as const, identity: utf8(name) };
    // Its own keygen makes compressed points of the NIST curves, which RFC 9420 §5.1.1 doesn't have.
    const keys = suiteName.includes("_P") ? signatureKeys(suiteName) : await suite.signature.keygen();
    return new TsMlsMember(suite, await generateKeyPackageWithKey(credential, defaultCapabilities(), lifetime, [], keys, suite));
  }

  get state(): ClientState {
    if (!this.#state) throw new TypeError("It is in no group yet");
    return this.#state;
  }

  get keyPackage(): Uint8Array {
    return encodeMlsMessage({ version: "mls10", wireformat: "mls_key_package", keyPackage: this.#keyPackage.publicPackage });
  }

  get leaf(): number {
    return this.state.privatePath.leafIndex;
  }

  /** The group's tree, for a Welcome that doesn't hold it. */
  get ratchetTree(): Uint8Array {
    return encodeRatchetTree(this.state.ratchetTree);
  }

  async create(id: Uint8Array): Promise<void> {
    const { publicPackage, privatePackage } = this.#keyPackage;
    this.#state = await createGroup(id, publicPackage, privatePackage, [], this.#suite);
  }

  async join(welcome: Uint8Array, ratchetTree?: Uint8Array): Promise<void> {
    const message = decode(welcome);
    if (message.wireformat !== "mls_welcome") throw new TypeError("No Welcome");
    const { publicPackage, privatePackage } = this.#keyPackage;
    this.#state = await joinGroup(
      message.welcome,
      publicPackage,
      privatePackage,
      emptyPskIndex,
      this.#suite,
      ratchetTree && decodeRatchetTree(ratchetTree, 0)?.[0],
    );
  }

  async commit(
    add: readonly Uint8Array[],
    remove: readonly number[],
    asPublic: boolean,
    treeInWelcome = true,
  ): Promise<{ commit: Uint8Array; welcome: Uint8Array | undefined }> {
    const adds = add.map((bytes) => {
      const message = decode(bytes);
      if (message.wireformat !== "mls_key_package") throw new TypeError("No key package");
      return { proposalType: "add" as const, add: { keyPackage: message.keyPackage } };
    });
    const removes = remove.map((removed) => ({ proposalType: "remove" as const, remove: { removed } }));
    const result = await createCommit(
      { state: this.state, cipherSuite: this.#suite },
      { extraProposals: [...adds, ...removes], ratchetTreeExtension: treeInWelcome, wireAsPublicMessage: asPublic },
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

/** The epoch and its secrets, in the form of {@link TsMlsMember.agreement}, of a member of the engine. */
export async function tsMlsAgreement(group: MlsGroup): Promise<string> {
  const secret = await group.exportSecret("test", utf8("x"), 32);
  return [group.epoch, bytesToBase64(secret), bytesToBase64(group.epochAuthenticator)].join();
}

function signatureKeys(suiteName: CipherSuiteName): { publicKey: Uint8Array; signKey: Uint8Array } {
  const { publicKey, privateKey } = createCipherSuite(suiteName).generateSignatureKeyPair();
  return { publicKey, signKey: privateKey };
}
