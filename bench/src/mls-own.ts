import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createMlsEngine,
  memoryStore,
  unsafeAcceptAnyCredential,
  type GroupStore,
  type MlsEngine,
  type MlsGroup,
} from "@parley/mls-engine";
import { openFileStore } from "@parley/mls-engine/node";

/** What channels use: a message of 1 KiB is padded to 2 KiB. */
const PADDING = [256, 512, 1024, 2048, 4096];
const ID = new TextEncoder().encode("bench");

/** A group of ours: two members that act, with their stores in memory or in files, and others that are only there. */
export class OwnGroup {
  readonly #folder: string;
  readonly #spare: Uint8Array;
  readonly #alice: MlsEngine;
  readonly #bob: MlsEngine;
  #ofAlice: MlsGroup;
  #ofBob: MlsGroup;

  private constructor(
    folder: string,
    spare: Uint8Array,
    alice: { engine: MlsEngine; group: MlsGroup },
    bob: { engine: MlsEngine; group: MlsGroup },
  ) {
    this.#folder = folder;
    this.#spare = spare;
    this.#alice = alice.engine;
    this.#bob = bob.engine;
    this.#ofAlice = alice.group;
    this.#ofBob = bob.group;
  }

  static async of(size: number, where: "memory" | "files"): Promise<OwnGroup> {
    const folder = await mkdtemp(join(tmpdir(), "parley-bench-"));
    const open = (name: string) => (where === "memory" ? Promise.resolve(memoryStore()) : openFileStore(join(folder, name)));
    const alice = await engine("alice", await open("alice"));
    const bob = await engine("bob", await open("bob"));
    const packages = [await bob.keyPackage({ lastResort: true })];
    for (let n = 2; n < size; n++) packages.push(await strangersKeyPackage(`member ${n}`));
    const group = await alice.createGroup(ID);
    const staged = await group.stageAdd(packages);
    await staged.confirm();
    const ofBob = await bob.joinGroup(staged.welcome ?? new Uint8Array());
    return new OwnGroup(folder, await strangersKeyPackage("spare"), { engine: alice, group }, { engine: bob, group: ofBob });
  }

  encrypt(data: Uint8Array): Promise<Uint8Array> {
    return this.#ofAlice.encrypt(data);
  }

  async decrypt(message: Uint8Array): Promise<void> {
    await this.#ofBob.process(message);
  }

  /** Made, and dropped: the group stays as it is. */
  add(): Promise<number> {
    return this.#staged(() => this.#ofAlice.stageAdd([this.#spare]));
  }

  update(): Promise<number> {
    return this.#staged(() => this.#ofAlice.stageUpdate());
  }

  /** Milliseconds for the other member to process a commit that replaces keys. */
  async processUpdate(): Promise<number> {
    const staged = await this.#ofAlice.stageUpdate();
    const started = performance.now();
    await this.#ofBob.process(staged.commit);
    const took = performance.now() - started;
    await staged.confirm();
    return took;
  }

  remove(leaf: number): Promise<number> {
    return this.#staged(() => this.#ofAlice.stageRemove([leaf]));
  }

  /** Milliseconds for a new engine to join by a Welcome, its store included. */
  async join(): Promise<number> {
    const newcomer = await engine("newcomer", memoryStore());
    const staged = await this.#ofAlice.stageAdd([await newcomer.keyPackage()]);
    const started = performance.now();
    await newcomer.joinGroup(staged.welcome ?? new Uint8Array());
    const took = performance.now() - started;
    await staged.discard();
    await newcomer.close();
    return took;
  }

  /** Milliseconds to load the group from its store. */
  async load(): Promise<number> {
    await this.#ofBob.close();
    const started = performance.now();
    this.#ofBob = await this.#bob.loadGroup(ID);
    return performance.now() - started;
  }

  /** Waits until everything that was received is on disk. */
  flush(): Promise<void> {
    return this.#ofBob.flush();
  }

  async close(): Promise<void> {
    await Promise.all([this.#alice.close(), this.#bob.close()]);
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #staged(stage: () => ReturnType<MlsGroup["stageUpdate"]>): Promise<number> {
    const started = performance.now();
    const staged = await stage();
    const took = performance.now() - started;
    await staged.discard();
    return took;
  }
}

function engine(identity: string, store: GroupStore): Promise<MlsEngine> {
  return createMlsEngine({ identity, store, authenticate: unsafeAcceptAnyCredential, padding: PADDING });
}

/** A key package whose owner never joins. */
async function strangersKeyPackage(identity: string): Promise<Uint8Array> {
  const stranger = await engine(identity, memoryStore());
  const bytes = await stranger.keyPackage();
  await stranger.close();
  return bytes;
}
