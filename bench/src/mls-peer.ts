import {
  acceptAll,
  createApplicationMessage,
  createCommit,
  createGroup,
  defaultCapabilities,
  defaultLifetime,
  emptyPskIndex,
  generateKeyPackage,
  getCiphersuiteFromName,
  getCiphersuiteImpl,
  joinGroup,
  processPrivateMessage,
  type CiphersuiteImpl,
  type ClientState,
  type CreateCommitResult,
  type KeyPackage,
  type PrivateKeyPackage,
  type PrivateMessage,
  type Proposal,
  type Welcome,
} from "ts-mls";

type OwnKeyPackage = { readonly publicPackage: KeyPackage; readonly privatePackage: PrivateKeyPackage };

/** The group of ts-mls with its default provider that everything is compared with: two members that act, and others that are only there. */
export class PeerGroup {
  readonly #suite: CiphersuiteImpl;
  readonly #spare: OwnKeyPackage;
  readonly #joiner: OwnKeyPackage;
  readonly #welcome: Welcome;
  #alice: ClientState;
  #bob: ClientState;

  private constructor(
    suite: CiphersuiteImpl,
    states: { alice: ClientState; bob: ClientState },
    join: { spare: OwnKeyPackage; joiner: OwnKeyPackage; welcome: Welcome },
  ) {
    this.#suite = suite;
    this.#alice = states.alice;
    this.#bob = states.bob;
    this.#spare = join.spare;
    this.#joiner = join.joiner;
    this.#welcome = join.welcome;
  }

  static async of(size: number): Promise<PeerGroup> {
    const suite = await getCiphersuiteImpl(getCiphersuiteFromName("MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519"));
    const founder = await keyPackage("alice", suite);
    const joiner = await keyPackage("bob", suite);
    const others = await Promise.all(Array.from({ length: size - 2 }, (_, n) => keyPackage(`member ${n}`, suite)));
    const start = await createGroup(new TextEncoder().encode("bench"), founder.publicPackage, founder.privatePackage, [], suite);
    const { newState, welcome } = await createCommit(
      { state: start, cipherSuite: suite },
      { extraProposals: [joiner, ...others].map(add), ratchetTreeExtension: true },
    );
    if (welcome === undefined) throw new Error("ts-mls made no Welcome");
    const bob = await joinGroup(welcome, joiner.publicPackage, joiner.privatePackage, emptyPskIndex, suite);
    return new PeerGroup(suite, { alice: newState, bob }, { spare: await keyPackage("spare", suite), joiner, welcome });
  }

  async encrypt(data: Uint8Array): Promise<PrivateMessage> {
    const { newState, privateMessage } = await createApplicationMessage(this.#alice, data, this.#suite);
    this.#alice = newState;
    return privateMessage;
  }

  async decrypt(message: PrivateMessage): Promise<void> {
    const { newState } = await processPrivateMessage(this.#bob, message, emptyPskIndex, this.#suite, acceptAll);
    this.#bob = newState;
  }

  async join(): Promise<void> {
    const { publicPackage, privatePackage } = this.#joiner;
    await joinGroup(this.#welcome, publicPackage, privatePackage, emptyPskIndex, this.#suite);
  }

  add(): Promise<CreateCommitResult> {
    return this.#commit([add(this.#spare)]);
  }

  update(): Promise<CreateCommitResult> {
    return this.#commit([]);
  }

  remove(leaf: number): Promise<CreateCommitResult> {
    return this.#commit([{ proposalType: "remove", remove: { removed: leaf } }]);
  }

  /** Made, and not adopted: the group stays as it is. */
  #commit(extraProposals: Proposal[]): Promise<CreateCommitResult> {
    return createCommit({ state: this.#alice, cipherSuite: this.#suite }, { extraProposals, ratchetTreeExtension: true });
  }
}

function keyPackage(name: string, suite: CiphersuiteImpl): Promise<OwnKeyPackage> {
  const credential = { credentialType: "basic", identity: new TextEncoder().encode(name) } as const;
  return generateKeyPackage(credential, defaultCapabilities(), defaultLifetime, [], suite);
}

function add({ publicPackage: keyPackage }: OwnKeyPackage): Proposal {
  return { proposalType: "add", add: { keyPackage } };
}
