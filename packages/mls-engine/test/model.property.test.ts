import { nodeSuite, portableSuite } from "./cipher-suites.ts";
import fc from "fast-check";
import { gateOrSoak } from "@parley/test-assertions";
import { expect, test } from "vitest";
import type { MlsGroup, StagedCommit, StageOptions } from "../src/index.ts";
import { CrashDisk } from "./crash-disk.ts";
import { agreement, codeOf, fromUtf8, GROUP_ID, newEngine, utf8 } from "./world.ts";

/** How often; more by request, to search longer. */
const ROUNDS = gateOrSoak(1, 30);
const RETAINED = 4n;
const MAX_MEMBERS = 6;

interface Sent {
  readonly bytes: Uint8Array;
  readonly text: string;
  readonly from: string;
  readonly epoch: bigint;
}

interface Peer {
  readonly name: string;
  readonly disk: CrashDisk;
  group: MlsGroup;
  /** Messages that are on their way. */
  readonly inbox: Sent[];
  readonly read: Sent[];
  /** The epoch that it came with. */
  readonly since: bigint;
  /** Commits of the log that it has seen. */
  seen: number;
}

type Choose = (below: number) => number;

const providers = [nodeSuite(), portableSuite()] as const;

/** A group, the order of its commits, and the view of each member. Messages may be late, repeated, reordered or lost. */
class Model {
  readonly peers: Peer[] = [];
  readonly #log: { readonly commit: Uint8Array; readonly from: string }[] = [];
  readonly #choose: Choose;
  #made = 0;

  private constructor(choose: Choose) {
    this.#choose = choose;
  }

  static async create(choose: Choose): Promise<Model> {
    const model = new Model(choose);
    const { name, disk } = model.#newName();
    const engine = await newEngine(name, { store: disk.open(), cipherSuite: providers[0] });
    model.peers.push({ name, disk, group: await engine.createGroup(GROUP_ID), inbox: [], read: [], since: 0n, seen: 0 });
    await model.change(model.#any(), { update: false }, 2);
    return model;
  }

  async step(): Promise<void> {
    const peer = this.#any();
    switch (this.#choose(10)) {
      case 0:
      case 1:
      case 2:
        return this.#send(peer);
      case 3:
      case 4:
      case 5:
        return this.#deliver(peer);
      case 6:
        return this.#repeat(peer);
      case 7:
        return this.#restart(peer);
      case 8:
        return this.#catchUp(peer);
      default:
        return this.#commit(peer);
    }
  }

  /** Delivers everything that can still be processed to each member. Then all members agree. */
  async end(): Promise<void> {
    for (const peer of this.peers) {
      await this.#catchUp(peer);
      while (peer.inbox.length > 0) await this.#deliver(peer);
    }
    expect(new Set(await Promise.all(this.peers.map(({ group }) => agreement(group)))).size).toBe(1);
  }

  async change(peer: Peer, options: StageOptions, adds: number): Promise<void> {
    const invited = Array.from({ length: adds }, () => this.#newName());
    const engines = await Promise.all(
      invited.map(({ name, disk }) => newEngine(name, { store: disk.open(), cipherSuite: providers[this.#choose(4) === 0 ? 1 : 0] })),
    );
    const staged = await peer.group.stage({ ...options, add: await Promise.all(engines.map((engine) => engine.keyPackage())) });
    this.#log.push({ commit: staged.commit, from: peer.name });
    await (this.#choose(2) === 0 ? staged.confirm() : peer.group.process(staged.commit));
    peer.seen++;
    for (const [i, engine] of engines.entries()) {
      const { name, disk } = invited[i] ?? this.#newName();
      const group = await engine.joinGroup(staged.welcome ?? new Uint8Array());
      this.peers.push({ name, disk, group, inbox: [], read: [], since: group.epoch, seen: this.#log.length });
    }
  }

  async #commit(peer: Peer): Promise<void> {
    await this.#catchUp(peer);
    const [rival] = this.peers.filter((other) => other !== peer && other.seen === peer.seen);
    const lost = rival && this.#choose(2) === 0 ? await rival.group.stageUpdate() : undefined;
    const others = this.peers.filter((other) => other !== peer && other !== rival);
    const gone = this.peers.length > 3 && this.#choose(3) === 0 ? others.slice(-1) : [];
    const adds = this.#choose(Math.max(1, MAX_MEMBERS - this.peers.length));
    await this.change(peer, { remove: gone.map(({ group }) => group.ownLeaf), update: this.#choose(2) === 0 }, adds);
    if (rival && lost) await this.#lose(rival, lost);
    for (const removed of gone) {
      await this.#catchUp(removed);
      expect(removed.group.isActive).toBe(false);
      this.peers.splice(this.peers.indexOf(removed), 1);
    }
  }

  /** A commit that came second is discarded, or forgotten when the first is processed. */
  async #lose(rival: Peer, lost: StagedCommit): Promise<void> {
    if (this.#choose(2) === 0) await lost.discard();
    await this.#catchUp(rival);
    expect(await codeOf(lost.confirm())).toBe("no_commit_pending");
  }

  async #send(peer: Peer): Promise<void> {
    const text = `${peer.name} says ${this.#made++}`;
    const sent = { bytes: await peer.group.encrypt(utf8(text)), text, from: peer.name, epoch: peer.group.epoch };
    for (const other of this.peers) {
      const isLost = this.#choose(8) === 0;
      if (other !== peer && !isLost && other.since <= sent.epoch) other.inbox.push(sent);
    }
  }

  async #deliver(peer: Peer): Promise<void> {
    const [sent] = peer.inbox.splice(this.#choose(peer.inbox.length), 1);
    if (!sent) return;
    const { epoch } = peer.group;
    if (sent.epoch > epoch || sent.epoch + RETAINED < epoch) {
      expect(await codeOf(peer.group.process(sent.bytes))).toBe("epoch_mismatch");
      return;
    }
    const result = await peer.group.process(sent.bytes);
    if (result.kind !== "application") throw new TypeError("A message of the application was expected");
    expect(fromUtf8(result.data)).toBe(sent.text);
    expect(fromUtf8(result.senderIdentity ?? new Uint8Array())).toBe(sent.from);
    peer.read.push(sent);
  }

  async #repeat(peer: Peer): Promise<void> {
    const sent = peer.read[this.#choose(peer.read.length)];
    if (!sent) return;
    expect(["generation_consumed", "epoch_mismatch"]).toContain(await codeOf(peer.group.process(sent.bytes)));
  }

  async #restart(peer: Peer): Promise<void> {
    await peer.group.flush();
    peer.disk.crash((below) => below - 1);
    const engine = await newEngine(peer.name, { store: peer.disk.open(), cipherSuite: providers[0] });
    peer.group = await engine.loadGroup(GROUP_ID);
  }

  async #catchUp(peer: Peer): Promise<void> {
    while (peer.seen < this.#log.length && peer.group.isActive) {
      const entry = this.#log[peer.seen++];
      if (entry) await peer.group.process(entry.commit);
    }
  }

  #any(): Peer {
    const peer = this.peers[this.#choose(this.peers.length)];
    if (!peer) throw new TypeError("The group has no members");
    return peer;
  }

  #newName(): { name: string; disk: CrashDisk } {
    return { name: `peer ${this.#made++}`, disk: new CrashDisk() };
  }
}

test("all members agree after any sequence of steps", { timeout: 300_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.infiniteStream(fc.nat()), fc.integer({ min: 20, max: 60 }), async (stream, steps) => {
      const choose: Choose = (below) => {
        const { value } = stream.next();
        return below === 0 ? 0 : Number(value) % below;
      };
      const model = await Model.create(choose);
      for (let i = 0; i < steps; i++) await model.step();
      await model.end();
    }),
    { numRuns: 12 * ROUNDS, endOnFailure: true },
  );
});
