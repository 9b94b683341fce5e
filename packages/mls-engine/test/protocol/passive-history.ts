import { equalBytes } from "../../src/codec/bytes.ts";
import { decodeWhole } from "../../src/codec/reader.ts";
import { encode } from "../../src/codec/writer.ts";
import type { CipherSuite } from "../../src/crypto/cipher-suite.ts";
import { decryptWithLabel, signWithLabel } from "../../src/crypto/labels.ts";
import { randomFrom } from "@parley/test-assertions";
import { createCommit, signHandshake } from "../../src/commit/create-commit.ts";
import { createGroup } from "../../src/join/create-group.ts";
import type { Environment } from "../../src/epoch/environment.ts";
import { WireFormat, type Handshake } from "../../src/framing/framed-content.ts";
import type { EpochStart, GroupState } from "../../src/epoch/group-state.ts";
import { join } from "../../src/join/join.ts";
import type { OwnKeyPackage } from "../../src/join/key-package.ts";
import { createKeyPackage } from "../../src/join/key-package.ts";
import { combinePsks, welcomeSecret } from "../../src/key-schedule/key-schedule.ts";
import { encodeUnsignedLeaf, leafNodeTbs, signedLeaf, type LeafNode } from "../../src/tree/leaf-node.ts";
import { processCommit } from "../../src/commit/process-commit.ts";
import { processProposal } from "../../src/proposals/process-proposal.ts";
import { writeProposal, type Proposal } from "../../src/proposals/proposal.ts";
import { encodeTree } from "../../src/tree/ratchet-tree.ts";
import { ExtensionType, writeCredential, type Extension } from "../../src/codec/structures.ts";
import {
  encodeGroupInfo,
  encryptGroupSecrets,
  readGroupInfo,
  readGroupSecrets,
  readWelcome,
  welcomeKeys,
  writeWelcome,
} from "../../src/join/welcome.ts";
import { encodeMlsMessage } from "../../src/framing/mls-message.ts";
import { toHex } from "../vectors.ts";
import { nameOf, nodeSuite } from "../cipher-suites.ts";
import { environment, newSigner } from "./environment.ts";
import { messagesOf, receiveHandshake, sendHandshake, type EpochMember } from "./handshake-messages.ts";
import type { PassiveClient, PassiveEpoch } from "./passive-client.ts";

const GROUP_ID = new Uint8Array([1, 2, 3]);
const MAX_MEMBERS = 12;
const MIN_ACTIVE = 3;
const EXTERNAL_PSKS = 4;

/** Parameters of a generated history. */
export interface HistoryOptions {
  readonly suite: number;
  readonly seed: number;
  readonly epochs: number;
  /** Whether the Welcome holds the tree; it comes apart otherwise. */
  readonly treeInWelcome: boolean;
  /** Whether the commit that adds the client mixes in pre-shared keys. */
  readonly psksInWelcome: boolean;
}

/** A history, and the kinds of proposals that its commits hold. */
export interface PassiveHistory {
  readonly client: PassiveClient;
  readonly committed: ReadonlySet<string>;
}

/** A commit in the making. */
interface Draft {
  readonly committer: EpochMember;
  /** Leaves that it changes, and that of the committer. */
  readonly changed: Set<number>;
  readonly newcomers: Newcomer[];
  hasExtensions: boolean;
}

interface Newcomer {
  readonly env: Environment;
  readonly own: OwnKeyPackage;
}

/** A random history of a group as its passive client sees it, in the form of the MLS working group's `passive-client-random`. */
export async function passiveHistory(options: HistoryOptions): Promise<PassiveHistory> {
  const history = await History.create(options);
  for (let commits = 0; commits < 8; commits++) await history.commit();
  return { client: await history.record(options), committed: history.committed };
}

class History {
  readonly #suite: number;
  readonly #crypto: CipherSuite;
  readonly #random: (below: number) => number;
  /** Those that follow the group and commit. A member whose own Update was committed is one no longer: only its leaf stays. */
  #active: EpochMember[] = [];
  #passiveLeaf: number | undefined;
  readonly #external = new Map<string, Uint8Array>();
  readonly #resumption = new Map<bigint, Uint8Array>();
  readonly #committed = new Set<string>();
  #made = 0;

  private constructor(suite: number, crypto: CipherSuite, random: (below: number) => number) {
    this.#suite = suite;
    this.#crypto = crypto;
    this.#random = random;
    for (let id = 0; id < EXTERNAL_PSKS; id++) this.#external.set(toHex(new Uint8Array([id])), crypto.random(32));
  }

  static async create({ suite, seed }: HistoryOptions): Promise<History> {
    const history = new History(suite, nodeSuite(nameOf(suite)), randomFrom(seed));
    const creator = await history.#newcomer();
    const others = await Promise.all(Array.from({ length: 5 }, () => history.#newcomer()));
    history.#active = [history.#member(creator.env, await createGroup(creator.env, GROUP_ID, creator.own))];
    await history.#end(history.#committer(), [], { proposals: others.map(addOf), newcomers: others, forcePath: false });
    return history;
  }

  /** The kinds of proposals in the commits that the client follows. */
  get committed(): ReadonlySet<string> {
    return this.#committed;
  }

  /** Adds the client, goes on for some epochs, and gives what it needs to follow. */
  async record({ epochs, treeInWelcome, psksInWelcome }: HistoryOptions): Promise<PassiveClient> {
    const client = await this.#newcomer();
    const { initKey, encryptionKey } = client.own.secrets;
    const keys = { init_priv: toHex(initKey), encryption_priv: toHex(encryptionKey) };
    const psks = psksInWelcome ? [this.#externalPsk(), this.#externalPsk()] : [];
    const committer = this.#committer();
    const { welcome } = await this.#end(committer, [], {
      proposals: [addOf(client), ...psks],
      newcomers: [],
      forcePath: this.#random(2) === 0,
    });
    const { state } = committer;
    this.#passiveLeaf = leafOf(state, client);
    this.#resumption.clear();
    this.#committed.clear();
    const authenticator = toHex(state.secrets.epochAuthenticator);
    const sent = treeInWelcome ? welcome : await withoutTree(client, committer, welcome);
    const tree = treeInWelcome ? null : toHex(encodeTree(state.tree));
    const followed: PassiveEpoch[] = [];
    while (followed.length < epochs) followed.push(await this.commit());
    return {
      cipher_suite: this.#suite,
      external_psks: Array.from(this.#external, ([psk_id, psk]) => ({ psk_id, psk: toHex(psk) })),
      key_package: toHex(encodeMlsMessage(WireFormat.keyPackage, client.own.keyPackage.bytes)),
      signature_priv: toHex(client.env.signer.signatureKey.privateKey),
      ...keys,
      welcome: toHex(encodeMlsMessage(WireFormat.welcome, sent)),
      ratchet_tree: tree,
      initial_epoch_authenticator: authenticator,
      epochs: followed,
    };
  }

  /** Some proposals by reference, and a commit of most of them and of some by value; messages are public or private at random. */
  async commit(): Promise<PassiveEpoch> {
    const random = this.#random;
    const committer = this.#committer();
    const { context, secrets, ownLeaf } = committer.state;
    this.#resumption.set(context.epoch, secrets.resumptionPsk);
    const draft: Draft = { committer, changed: new Set([ownLeaf]), newcomers: [], hasExtensions: false };
    const sent: string[] = [];
    for (let left = random(4); left > 0; left--) {
      const sender = this.#active[random(this.#active.length)] ?? committer;
      const proposal = await this.#proposal(draft, sender, true);
      if (proposal) sent.push(toHex(await this.#propose(sender, proposal)));
    }
    const references = [...committer.state.proposals.keys()].filter(() => random(6) > 0);
    for (const name of references) this.#count(committer.state.proposals.get(name)?.proposal, "by reference");
    const proposals: Proposal[] = [];
    for (let left = random(3); left > 0; left--) {
      const proposal = await this.#proposal(draft, committer, false);
      if (proposal) proposals.push(proposal);
      this.#count(proposal, "by value");
    }
    const { bytes } = await this.#end(committer, references, { proposals, newcomers: draft.newcomers, forcePath: random(2) === 0 });
    return { proposals: sent, commit: toHex(bytes), epoch_authenticator: toHex(committer.state.secrets.epochAuthenticator) };
  }

  /** A proposal that is valid together with those before; `undefined` where the one that was drawn isn't. */
  async #proposal(draft: Draft, sender: EpochMember, isByReference: boolean): Promise<Proposal | undefined> {
    const random = this.#random;
    const { committer, changed, newcomers } = draft;
    const leaves = [...committer.state.tree.leaves()].map(([leaf]) => leaf);
    switch (random(6)) {
      case 0: {
        if (leaves.length + newcomers.length >= MAX_MEMBERS) return undefined;
        const newcomer = await this.#newcomer();
        newcomers.push(newcomer);
        return addOf(newcomer);
      }
      case 1: {
        const removed = leaves[random(leaves.length)] ?? 0;
        if (removed === this.#passiveLeaf || changed.has(removed) || !this.#canLose(changed)) return undefined;
        changed.add(removed);
        return { kind: "remove", removed };
      }
      case 2: {
        if (!isByReference || changed.has(sender.state.ownLeaf) || !this.#canLose(changed)) return undefined;
        changed.add(sender.state.ownLeaf);
        return { kind: "update", leaf: await updatedLeaf(sender) };
      }
      case 3:
        return this.#externalPsk();
      case 4: {
        const epochs = [...this.#resumption.keys()];
        const epoch = epochs[random(epochs.length)] ?? committer.state.context.epoch;
        return { kind: "psk", psk: { kind: "resumption", usage: 1, groupId: GROUP_ID, epoch, nonce: this.#nonce() } };
      }
      default:
        if (draft.hasExtensions) return undefined;
        draft.hasExtensions = true;
        return { kind: "group_context_extensions", extensions: this.#extensions(committer) };
    }
  }

  #count(proposal: Proposal | undefined, how: string): void {
    if (proposal) this.#committed.add(`${proposal.kind === "psk" ? `${proposal.psk.kind} psk` : proposal.kind} ${how}`);
  }

  /** Sends a proposal, which all that are active take up. */
  async #propose(sender: EpochMember, proposal: Proposal): Promise<Uint8Array> {
    const content = encode((w) => writeProposal(w, proposal));
    const signed = signHandshake(sender.env, sender.state, "proposal", content, this.#framing());
    const handshake: Handshake = { ...signed, confirmationTag: undefined };
    const bytes = sendHandshake(sender, handshake);
    for (const member of this.#active) {
      const received = member === sender ? handshake : receiveHandshake(member, bytes);
      ({ state: member.state } = await processProposal(member.env, member.state, received));
    }
    return bytes;
  }

  /** Commits and lets all that are active follow, without those that are removed or have updated themselves. */
  async #end(
    committer: EpochMember,
    references: readonly string[],
    { proposals, newcomers, forcePath }: { proposals: readonly Proposal[]; newcomers: readonly Newcomer[]; forcePath: boolean },
  ): Promise<{ bytes: Uint8Array; welcome: Uint8Array }> {
    const { env, state } = committer;
    const waiting = references.map((name) => Uint8Array.from(name, (character) => character.charCodeAt(0)));
    const created = await createCommit(env, state, { proposals, references: waiting, forcePath, ...this.#framing() });
    const bytes = sendHandshake(committer, created.handshake);
    const gone = new Set(created.effects.removed);
    for (const leaf of created.effects.updated) if (leaf !== state.ownLeaf) gone.add(leaf);
    const next: EpochMember[] = [];
    for (const member of this.#active) {
      if (member === committer || gone.has(member.state.ownLeaf)) continue;
      const processed = await processCommit(member.env, member.state, receiveHandshake(member, bytes));
      if (processed.next === undefined) throw new TypeError("A member was removed");
      next.push(this.#member(member.env, processed.next));
    }
    committer.messages = messagesOf(this.#crypto, created);
    committer.state = created.state;
    const welcome = created.welcome ?? new Uint8Array();
    for (const newcomer of newcomers) {
      if (leafOf(created.state, newcomer) === undefined) continue;
      next.push(this.#member(newcomer.env, await join(newcomer.env, decodeWhole(welcome, readWelcome), newcomer.own)));
    }
    this.#active = [committer, ...next];
    return { bytes, welcome };
  }

  #member(env: Environment, start: EpochStart): EpochMember {
    return { env, state: start.state, messages: messagesOf(this.#crypto, start) };
  }

  async #newcomer(): Promise<Newcomer> {
    const signer = newSigner(this.#suite, `member ${this.#made++}`);
    const env = environment(this.#suite, signer, (id) =>
      id.kind === "external" ? this.#external.get(toHex(id.id)) : this.#resumption.get(id.epoch),
    );
    const now = BigInt(Math.floor(Date.now() / 1000));
    return { env, own: createKeyPackage(env.suite, signer, { notBefore: now - 60n, notAfter: now + 86_400n }, false) };
  }

  #committer(): EpochMember {
    const committer = this.#active[this.#random(this.#active.length)];
    if (committer === undefined) throw new TypeError("The group has no active member");
    return committer;
  }

  #canLose(changed: ReadonlySet<number>): boolean {
    return this.#active.filter(({ state }) => !changed.has(state.ownLeaf)).length >= MIN_ACTIVE;
  }

  #externalPsk(): Proposal {
    const id = new Uint8Array([this.#random(EXTERNAL_PSKS)]);
    return { kind: "psk", psk: { kind: "external", id, nonce: this.#nonce() } };
  }

  #nonce(): Uint8Array {
    return this.#crypto.random(this.#crypto.hashLength);
  }

  #framing(): { wireFormat: 1 | 2; authenticatedData: Uint8Array } {
    const wireFormat = this.#random(2) === 0 ? WireFormat.publicMessage : WireFormat.privateMessage;
    return { wireFormat, authenticatedData: new Uint8Array(this.#random(3)) };
  }

  /** Extensions that every member supports (RFC 9420 §7.2). */
  #extensions({ env }: EpochMember): Extension[] {
    const { credential, signatureKey } = env.signer;
    const required = encode((w) =>
      w
        .vector(new Uint8Array())
        .vector(new Uint8Array())
        .list([credential.type], (inner, type) => inner.u16(type)),
    );
    const senders = encode((w) => w.list([signatureKey.publicKey], (inner, key) => writeCredential(inner.vector(key), credential)));
    const all: Extension[] = [
      { type: ExtensionType.requiredCapabilities, data: required },
      { type: ExtensionType.externalSenders, data: senders },
    ];
    return all.filter(() => this.#random(2) === 0);
  }
}

function addOf({ own }: Newcomer): Proposal {
  return { kind: "add", keyPackage: own.keyPackage };
}

function leafOf({ tree }: GroupState, { own }: Newcomer): number | undefined {
  return [...tree.leaves()].find(([, leaf]) => equalBytes(leaf.bytes, own.keyPackage.leaf.bytes))?.[0];
}

/** A leaf with a fresh key for an Update (RFC 9420 §12.1.2). */
async function updatedLeaf({ env, state }: EpochMember): Promise<LeafNode> {
  const leaf = state.tree.leaf(state.ownLeaf);
  if (leaf === undefined) throw new TypeError("The member has no leaf");
  const { publicKey: encryptionKey } = env.suite.generateKeyPair();
  const content = { ...leaf, encryptionKey, source: { kind: "update" as const } };
  const unsigned = encodeUnsignedLeaf(content);
  const toBeSigned = leafNodeTbs(unsigned, content.source, { groupId: state.context.groupId, leafIndex: state.ownLeaf });
  return signedLeaf(content, unsigned, signWithLabel(env.suite, env.signer.signatureKey.privateKey, "LeafNodeTBS", toBeSigned));
}

/** A Welcome made again without the `ratchet_tree` extension, by the keys of its signer and of its only receiver. */
async function withoutTree({ env, own }: Newcomer, signer: EpochMember, bytes: Uint8Array): Promise<Uint8Array> {
  const { suite } = env;
  const welcome = decodeWhole(bytes, readWelcome);
  const [entry] = welcome.secrets;
  const opened = entry && decryptWithLabel(suite, own.secrets.initKey, "Welcome", welcome.encryptedGroupInfo, entry.encrypted);
  if (opened === undefined) throw new TypeError("The Welcome is for another key package");
  const secrets = decodeWhole(opened, readGroupSecrets);
  const { key, nonce } = welcomeKeys(suite, welcomeSecret(suite, secrets.joiner, combinePsks(suite, secrets.psks, env.findPsk)));
  const info = decodeWhole(suite.open(key, nonce, new Uint8Array(), welcome.encryptedGroupInfo) ?? new Uint8Array(), readGroupInfo);
  const extensions = info.extensions.filter(({ type }) => type !== ExtensionType.ratchetTree);
  const changed = encodeGroupInfo(signer.env, {
    signer: info.signer,
    context: info.context,
    extensions,
    confirmationTag: info.confirmationTag,
  });
  const encryptedGroupInfo = suite.seal(key, nonce, new Uint8Array(), changed);
  const again = encryptGroupSecrets(suite, own.keyPackage, encryptedGroupInfo, secrets);
  return encode((w) => writeWelcome(w, { suite: welcome.suite, secrets: [again], encryptedGroupInfo }));
}
