import { nodeSuite } from "../cipher-suites.ts";
import type { CipherSuite } from "../../src/crypto/cipher-suite.ts";
import fc from "fast-check";
import { gateOrSoak } from "@parley/test-assertions";
import { beforeAll, describe, expect, it } from "vitest";
import type { RatchetType } from "../../src/secret-tree/ratchet.ts";
import type { SendLease } from "../../src/secret-tree/send-lease.ts";
import { SecretTree } from "../../src/secret-tree/secret-tree.ts";
import { codeThrownBy, expectMlsError } from "../expect-error.ts";
import { toHex } from "../vectors.ts";

let crypto: CipherSuite;
beforeAll(async () => {
  crypto = nodeSuite();
});

const LEAVES = 6;
const OWN = 2;
const LIMITS = { maxSkippedKeys: 6, maxSkippedKeysTotal: 12, maxForwardSteps: 9 };

function newTree(): SecretTree {
  return SecretTree.create(crypto, new Uint8Array(32).fill(9), LEAVES, OWN, LIMITS);
}

const type = fc.constantFrom<RatchetType>("application", "handshake");
/** A message of some member: in order, early or late, often one that was there before. */
const receive = fc.record({
  kind: fc.constant("receive" as const),
  leaf: fc.nat(LEAVES - 1).filter((leaf) => leaf !== OWN),
  type,
  generation: fc.nat(25),
});
const lease = fc.record({ kind: fc.constant("lease" as const), type, count: fc.integer({ min: 1, max: 5 }) });
const snapshot = fc.record({ kind: fc.constant("snapshot" as const) });
const steps = fc.array(fc.oneof({ weight: 10, arbitrary: receive }, { weight: 2, arbitrary: lease }, { weight: 1, arbitrary: snapshot }), {
  maxLength: 60,
});

/** What the limits mean, without any cryptography. */
class ModelTree {
  readonly #ratchets = new Map<string, { next: number; kept: readonly number[] }>();

  next(name: string): number {
    return this.#ratchets.get(name)?.next ?? 0;
  }

  kept(name: string): readonly number[] {
    return this.#ratchets.get(name)?.kept ?? [];
  }

  consume(name: string, generation: number): string | undefined {
    const [next, kept] = [this.next(name), this.kept(name)];
    if (generation < next) {
      if (!kept.includes(generation)) return "generation_consumed";
      this.#ratchets.set(name, { next, kept: kept.filter((at) => at !== generation) });
      return undefined;
    }
    if (generation - next > LIMITS.maxForwardSteps) return "generation_too_far";
    let others = -kept.length;
    for (const ratchet of this.#ratchets.values()) others += ratchet.kept.length;
    const all = [...kept, ...Array.from({ length: generation - next }, (_, at) => next + at)];
    const room = Math.min(LIMITS.maxSkippedKeys, LIMITS.maxSkippedKeysTotal - others);
    this.#ratchets.set(name, { next: generation + 1, kept: all.slice(Math.max(0, all.length - room)) });
    return undefined;
  }
}

describe("changes over a snapshot", () => {
  it("restore the tree in memory byte for byte", () => {
    fc.assert(
      fc.property(steps, (all) => {
        const live = newTree();
        let base = live.snapshot();
        let changes: Uint8Array[] = [];
        for (const step of all) {
          if (step.kind === "snapshot") {
            base = live.snapshot();
            changes = [];
          } else if (step.kind === "lease") {
            changes.push(live.leaseSend(step.type, step.count).change);
          } else if (codeThrownBy(() => live.key(step.leaf, step.type, step.generation)) === undefined) {
            const use = live.consume(step.leaf, step.type, step.generation);
            changes.push(use.change.slice());
            use.erase();
          }
        }
        const replayed = SecretTree.restore(crypto, base, LIMITS);
        for (const change of changes) replayed.apply(change);
        expect(toHex(replayed.snapshot())).toBe(toHex(live.snapshot()));
        expect(toHex(SecretTree.restore(crypto, live.snapshot()).snapshot())).toBe(toHex(live.snapshot()));
      }),
      { numRuns: gateOrSoak(100, 3000) },
    );
  });

  it("agree with a model: each generation once, and only within the limits", () => {
    fc.assert(
      fc.property(fc.array(receive, { maxLength: 80 }), (messages) => {
        const tree = newTree();
        const model = new ModelTree();
        for (const { leaf, type, generation } of messages) {
          const before = toHex(tree.snapshot());
          const expected = model.consume(`${leaf} ${type}`, generation);
          expect(codeThrownBy(() => tree.consume(leaf, type, generation))).toBe(expected);
          expect(toHex(tree.snapshot()) === before).toBe(expected !== undefined);
          const kept = model.kept(`${leaf} ${type}`);
          const seen = Array.from({ length: model.next(`${leaf} ${type}`) }, (_, at) => at);
          expect(seen.filter((at) => codeThrownBy(() => tree.key(leaf, type, at)) === undefined)).toEqual(kept);
        }
      }),
      { numRuns: gateOrSoak(100, 2000) },
    );
  });

  it("are rejected out of order", () => {
    const live = newTree();
    const base = live.snapshot();
    const first = live.consume(1, "application", 2).change;
    const second = live.consume(1, "application", 3).change;
    const late = live.consume(1, "application", 0).change;

    for (const wrong of [[late], [second, first], [first, first], [first, late, late]]) {
      const tree = SecretTree.restore(crypto, base);
      expectMlsError(() => {
        for (const change of wrong) tree.apply(change);
      }, "state_damaged");
    }
  });
});

describe("sending through crashes", () => {
  // What a store does: the change of a lease is durable before the lease is used; whatever is in memory is lost in a crash.
  const act = fc.oneof(
    { weight: 12, arbitrary: fc.constant("send" as const) },
    { weight: 2, arbitrary: fc.constant("crash" as const) },
    { weight: 1, arbitrary: fc.constant("compact" as const) },
  );

  it("never uses a key twice: a restart continues after all sent messages", () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 80 }), fc.integer({ min: 1, max: 8 }), (acts, leaseSize) => {
        const sender = new Sender(leaseSize);
        for (const action of acts) sender[action]();
        expect(new Set(sender.keys).size).toBe(acts.filter((action) => action === "send").length);
        expect(sender.generations).toEqual(sender.generations.toSorted((a, b) => a - b));
        expect(sender.onDisk.every((first, at) => first > (sender.generations[at] ?? 0))).toBe(true);
      }),
      { numRuns: gateOrSoak(100, 2000) },
    );
  });
});

/** A member who sends, with a store that survives what it does not. */
class Sender {
  readonly keys: string[] = [];
  readonly generations: number[] = [];
  /** After each message, the first generation whose key the disk gives. */
  readonly onDisk: number[] = [];
  readonly #leaseSize: number;
  #tree: SecretTree = newTree();
  #disk: { readonly base: Uint8Array; readonly changes: Uint8Array[] } = { base: this.#tree.snapshot(), changes: [] };
  #lease: SendLease | undefined;

  constructor(leaseSize: number) {
    this.#leaseSize = leaseSize;
  }

  send(): void {
    if (this.#lease === undefined || this.#lease.remaining === 0) {
      const { change, lease: granted } = this.#tree.leaseSend("application", this.#leaseSize);
      this.#disk.changes.push(change);
      this.#lease = granted;
    }
    const key = this.#lease.take();
    if (key === undefined) throw new Error("An empty lease");
    this.keys.push(`${toHex(key.key)}|${toHex(key.nonce)}`);
    this.generations.push(key.generation);
    this.onDisk.push(this.#restored().leaseSend("application", 1).lease.take()?.generation ?? 0);
  }

  crash(): void {
    this.#tree = this.#restored();
    this.#lease = undefined;
  }

  compact(): void {
    this.#disk = { base: this.#tree.snapshot(), changes: [] };
  }

  #restored(): SecretTree {
    const tree = SecretTree.restore(crypto, this.#disk.base);
    for (const change of this.#disk.changes) tree.apply(change);
    return tree;
  }
}

describe("damaged state", () => {
  function busyTree(): SecretTree {
    const tree = newTree();
    tree.consume(0, "application", 3);
    tree.consume(5, "handshake", 1);
    return tree;
  }

  it.each<readonly [string, (bytes: Uint8Array) => Uint8Array]>([
    ["empty", () => new Uint8Array(0)],
    ["of another version", (bytes) => set(bytes, 0, 2)],
    ["without leaves", (bytes) => bytes.fill(0, 1, 5)],
    ["with too many leaves", (bytes) => bytes.fill(0xff, 1, 5)],
    ["with an own leaf outside", (bytes) => set(bytes, 8, LEAVES)],
    ["that states more nodes than it has", (bytes) => bytes.fill(0xff, 9, 13)],
    ["with a node outside", (bytes) => set(bytes, 16, 200)],
    ["with bytes behind the end", (bytes) => Uint8Array.of(...bytes, 0)],
    ["that ends early", (bytes) => bytes.subarray(0, -1)],
  ])("a snapshot %s is rejected", (_, damage) => {
    const bytes = damage(busyTree().snapshot());
    expectMlsError(() => SecretTree.restore(crypto, bytes), "state_damaged");
  });

  it("a snapshot with a missing or duplicate source of a leaf is rejected", () => {
    const whole = newTree().snapshot();
    // Another own leaf than the one whose ratchets are there, and another node than those that are missing.
    expectMlsError(() => SecretTree.restore(crypto, set(whole, 8, OWN + 1)), "state_damaged");
    expectMlsError(() => SecretTree.restore(crypto, set(whole, 16, 2)), "state_damaged");
  });

  it.each<readonly [string, (bytes: Uint8Array) => Uint8Array]>([
    ["empty", () => new Uint8Array(0)],
    ["of an unknown kind", (bytes) => set(bytes, 0, 4)],
    ["of a leaf outside", (bytes) => set(bytes, 4, LEAVES)],
    ["of a leaf that no tree has", (bytes) => set(bytes, 1, 1)],
    ["that states more keys than it has", (bytes) => bytes.fill(0xff, 45, 49)],
    ["that gives up more keys than there are", (bytes) => set(bytes, 44, 7)],
    ["that goes back", (bytes) => set(bytes, 8, 0)],
    ["with bytes behind the end", (bytes) => Uint8Array.of(...bytes, 0)],
    ["that ends early", (bytes) => bytes.subarray(0, -1)],
  ])("a change %s is rejected", (_, damage) => {
    const bytes = damage(newTree().consume(0, "application", 3).change);
    expectMlsError(() => newTree().apply(bytes), "state_damaged");
  });

  it("is read or rejected with a typed error for any bytes", () => {
    const [snapshot, change] = [busyTree().snapshot(), newTree().consume(0, "application", 3).change];
    fc.assert(
      fc.property(fc.constantFrom("snapshot", "change"), mutation, (what, mutate) => {
        const bytes = mutate(what === "snapshot" ? snapshot : change);
        const code = codeThrownBy(() => (what === "snapshot" ? SecretTree.restore(crypto, bytes) : newTree().apply(bytes)));
        expect([undefined, "state_damaged"]).toContain(code);
      }),
      { numRuns: gateOrSoak(200, 10_000) },
    );
  });

  const mutation = fc.oneof(
    fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })).map(([at, bits]) => (bytes: Uint8Array) => {
      const index = at % bytes.length;
      return set(bytes, index, (bytes[index] ?? 0) ^ bits);
    }),
    fc.nat().map((length) => (bytes: Uint8Array) => bytes.slice(0, length % bytes.length)),
    fc.uint8Array({ minLength: 1, maxLength: 40 }).map((more) => (bytes: Uint8Array) => Uint8Array.of(...bytes, ...more)),
  );
});

describe("the end of an epoch", () => {
  it("erases all secrets of the tree", () => {
    const tree = newTree();
    tree.consume(0, "application", 3);
    tree.erase();
    expectMlsError(() => tree.key(1, "application", 0), "closed");
    expectMlsError(() => tree.leaseSend("application", 1), "closed");
  });
});

function set(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = value;
  return copy;
}
