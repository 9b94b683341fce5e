import { nodeSuite } from "../cipher-suites.ts";
import type { CipherSuite } from "../../src/crypto/cipher-suite.ts";
import { beforeAll, describe, expect, it } from "vitest";
import type { RatchetType } from "../../src/secret-tree/ratchet.ts";
import type { RatchetLimits } from "../../src/secret-tree/ratchet-limits.ts";
import { SecretFrontier } from "../../src/secret-tree/secret-frontier.ts";
import { SecretTree } from "../../src/secret-tree/secret-tree.ts";
import { nextRatchetSecret } from "../../src/secret-tree/tree-kdf.ts";
import { expectMlsError } from "../expect-error.ts";
import { toHex } from "../vectors.ts";

let crypto: CipherSuite;
beforeAll(async () => {
  crypto = nodeSuite();
});

const SECRET = Uint8Array.from({ length: 32 }, (_, at) => at * 7 + 1);

function newTree(leafCount = 8, ownLeaf = 0, limits?: Partial<RatchetLimits>, using = crypto): SecretTree {
  return SecretTree.create(using, SECRET.slice(), leafCount, ownLeaf, limits);
}

function keyHex(tree: SecretTree, leaf: number, type: RatchetType, generation: number): string {
  const { key, nonce } = tree.key(leaf, type, generation);
  return `${toHex(key)}|${toHex(nonce)}`;
}

describe("keys", () => {
  it("are equal for all members, also in trees whose leaf count is not a power of two", () => {
    for (const count of [3, 5, 7, 8]) {
      const [first, last] = [newTree(count, 0), newTree(count, count - 1)];
      expect(keyHex(first, 1, "application", 3)).toBe(keyHex(last, 1, "application", 3));
    }
  });

  it("differ between leaves, ratchets and generations", () => {
    const tree = newTree();
    const keys = new Set<string>();
    for (let leaf = 1; leaf < 8; leaf++) {
      for (const type of ["application", "handshake"] as const) for (let at = 0; at < 5; at++) keys.add(keyHex(tree, leaf, type, at));
    }
    expect(keys.size).toBe(7 * 2 * 5);
  });

  it("can be derived without changing the tree", () => {
    const tree = newTree();
    tree.consume(3, "application", 4);
    const before = tree.snapshot();
    keyHex(tree, 3, "application", 2);
    keyHex(tree, 3, "application", 100);
    keyHex(tree, 5, "handshake", 0);
    expect(tree.snapshot()).toEqual(before);
  });

  it("can be erased by the caller and derived again", () => {
    const tree = newTree();
    tree.consume(3, "application", 4);
    for (const generation of [2, 5, 9]) {
      const expected = keyHex(tree, 3, "application", generation);
      const key = tree.key(3, "application", generation);
      key.key.fill(0);
      key.nonce.fill(0);
      expect(keyHex(tree, 3, "application", generation)).toBe(expected);
    }
  });
});

describe("consumption", () => {
  it("happens once per generation, in any order", () => {
    const tree = newTree();
    for (const generation of [0, 3, 1, 2, 4, 9, 7]) {
      tree.consume(2, "application", generation);
      expectMlsError(() => tree.key(2, "application", generation), "generation_consumed");
      expectMlsError(() => tree.consume(2, "application", generation), "generation_consumed");
    }
    expect(keyHex(tree, 2, "application", 8)).toBe(keyHex(newTree(), 2, "application", 8));
  });

  it("of one ratchet does not change the other", () => {
    const tree = newTree();
    tree.consume(2, "application", 0);
    expect(tree.key(2, "handshake", 0).generation).toBe(0);
  });

  it("erases consumed secrets when erase is called, and not before", () => {
    const seen: Uint8Array[] = [];
    const spying: CipherSuite = {
      ...crypto,
      expand: (secret, info, length) => {
        seen.push(secret);
        return crypto.expand(secret, info, length);
      },
    };
    const tree = newTree(2, 0, {}, spying);
    tree.consume(1, "application", 0).erase();
    seen.length = 0;
    const use = tree.consume(1, "application", 1);
    const fresh = newTree(2, 0);
    fresh.consume(1, "application", 0);
    use.erase();
    expect(seen.length).toBeGreaterThan(0);
    expect(seen.every((secret) => secret.every((byte) => byte === 0))).toBe(true);
    expect(keyHex(tree, 1, "application", 2)).toBe(keyHex(fresh, 1, "application", 2));
  });

  it("stores 49 bytes for a message in order and 9 for a late one, at any group size", () => {
    for (const leafCount of [2, 1000]) {
      const tree = newTree(leafCount);
      expect(tree.consume(1, "application", 0).change.length).toBe(49);
      tree.consume(1, "application", 2);
      expect(tree.consume(1, "application", 1).change.length).toBe(9);
    }
  });
});

describe("limits", () => {
  it("on forward steps accept the last allowed generation and reject the next", () => {
    const tree = newTree(8, 0, { maxForwardSteps: 10 });
    tree.consume(1, "application", 4);
    expect(tree.key(1, "application", 15).generation).toBe(15);
    expectMlsError(() => tree.key(1, "application", 16), "generation_too_far");
    expectMlsError(() => tree.consume(1, "application", 16), "generation_too_far");
  });

  it("on skipped keys per ratchet drop the oldest keys first", () => {
    const tree = newTree(8, 0, { maxSkippedKeys: 3 });
    tree.consume(1, "application", 5);
    expectMlsError(() => tree.key(1, "application", 1), "generation_consumed");
    expect([2, 3, 4].map((at) => tree.key(1, "application", at).generation)).toEqual([2, 3, 4]);
    tree.consume(1, "application", 7);
    expectMlsError(() => tree.key(1, "application", 2), "generation_consumed");
    expect([3, 4, 6].map((at) => tree.key(1, "application", at).generation)).toEqual([3, 4, 6]);
  });

  it("on skipped keys in the tree drop keys of the same ratchet only", () => {
    const tree = newTree(8, 0, { maxSkippedKeys: 5, maxSkippedKeysTotal: 7 });
    tree.consume(1, "application", 5);
    tree.consume(2, "application", 5);
    expect([0, 1, 2, 3, 4].map((at) => tree.key(1, "application", at).generation)).toEqual([0, 1, 2, 3, 4]);
    expectMlsError(() => tree.key(2, "application", 2), "generation_consumed");
    expect([3, 4].map((at) => tree.key(2, "application", at).generation)).toEqual([3, 4]);
    tree.consume(3, "application", 5);
    expectMlsError(() => tree.key(3, "application", 4), "generation_consumed");
    tree.consume(1, "application", 0);
    tree.consume(3, "application", 7);
    expect(tree.key(3, "application", 6).generation).toBe(6);
  });

  it("bound the hashes that a message can cause", () => {
    let hashes = 0;
    const counting: CipherSuite = {
      ...crypto,
      expand: (secret, info, length) => {
        hashes++;
        return crypto.expand(secret, info, length);
      },
    };
    const tree = newTree(1000, 0, { maxForwardSteps: 50 }, counting);
    tree.consume(999, "application", 0);
    hashes = 0;
    for (const generation of [2 ** 32 - 1, 2 ** 32 - 2, 2 ** 31, 52]) {
      expectMlsError(() => tree.key(999, "application", generation), "generation_too_far");
      expectMlsError(() => tree.consume(5, "handshake", generation), "generation_too_far");
    }
    expect(hashes).toBe(0);
    tree.key(999, "application", 51);
    expect(hashes).toBe(50 + 2);
  });

  it("must be whole numbers", () => {
    for (const maxSkippedKeys of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => newTree(8, 0, { maxSkippedKeys })).toThrow(TypeError);
    }
  });
});

describe("the first message of a sender", () => {
  it("costs O(log n) hashes, and later ones a constant number", () => {
    const costs = [8, 1024].map((leafCount) => {
      let hashes = 0;
      const counting: CipherSuite = {
        ...crypto,
        expand: (secret, info, length) => {
          hashes++;
          return crypto.expand(secret, info, length);
        },
      };
      const tree = newTree(leafCount, 0, {}, counting);
      hashes = 0;
      tree.consume(leafCount - 1, "application", 0);
      const first = hashes;
      hashes = 0;
      tree.consume(leafCount - 1, "application", 1);
      return { first, second: hashes };
    });
    expect(costs).toEqual([
      { first: 2 * 2 + 2 + 1, second: 1 },
      { first: 2 * 9 + 2 + 1, second: 1 },
    ]);
  });
});

describe("the own leaf", () => {
  it("has no keys to decrypt with", () => {
    const tree = newTree(8, 3);
    expectMlsError(() => tree.key(3, "application", 0), "own_message");
    expectMlsError(() => tree.consume(3, "handshake", 0), "own_message");
  });

  it("leases the keys that receivers derive, each once", () => {
    const [sender, receiver] = [newTree(8, 3), newTree(8, 0)];
    const { lease } = sender.leaseSend("application", 5);
    for (let generation = 0; generation < 5; generation++) {
      expect(lease.remaining).toBe(5 - generation);
      const key = lease.take();
      expect(key).toEqual(receiver.key(3, "application", generation));
    }
    expect(lease.take()).toBeUndefined();
    expect(sender.leaseSend("application", 1).lease.take()).toEqual(receiver.key(3, "application", 5));
    expect(sender.leaseSend("handshake", 1).lease.take()).toEqual(receiver.key(3, "handshake", 0));
  });

  it("has no secret in a snapshot from which a leased key can be derived", () => {
    const tree = newTree(8, 3);
    const first = SecretFrontier.fromRoot(crypto, SECRET.slice(), 8).derive(3).ratchets.application.secret;
    const secrets = [first];
    for (let generation = 0; generation < 5; generation++) secrets.push(nextRatchetSecret(crypto, secrets.at(-1) ?? first, generation));
    tree.leaseSend("application", 5);
    const held = secrets.map((secret) => toHex(tree.snapshot()).includes(toHex(secret)));
    expect(held).toEqual([false, false, false, false, false, true]);
  });

  it("returns no keys from an erased lease", () => {
    const { lease } = newTree().leaseSend("application", 5);
    lease.erase();
    expect(lease.remaining).toBe(0);
    expect(lease.take()).toBeUndefined();
  });

  it("rejects a lease size out of range", () => {
    for (const count of [0, -1, 1.5, 1025]) expect(() => newTree().leaseSend("application", count)).toThrow(TypeError);
  });

  it("throws instead of repeating a generation when none is left", () => {
    const tree = newTree(2, 0);
    const change = tree.leaseSend("application", 1).change.slice();
    new DataView(change.buffer).setUint32(5, 2 ** 32 - 3);
    tree.apply(change);
    const { lease } = tree.leaseSend("application", 2);
    expect([lease.take()?.generation, lease.take()?.generation]).toEqual([2 ** 32 - 3, 2 ** 32 - 2]);
    expectMlsError(() => tree.leaseSend("application", 1), "generation_too_far");
  });
});

describe("creation", () => {
  it("erases the encryption secret and keeps it out of snapshots", () => {
    for (const leafCount of [1, 2, 8]) {
      const secret = SECRET.slice();
      const tree = SecretTree.create(crypto, secret, leafCount, 0);
      expect(secret).toEqual(new Uint8Array(32));
      expect(toHex(tree.snapshot())).not.toContain(toHex(SECRET));
    }
  });

  it("rejects invalid parameters", () => {
    expect(() => newTree(0)).toThrow(TypeError);
    expect(() => newTree(2 ** 20 + 1)).toThrow(TypeError);
    expect(() => newTree(8, 8)).toThrow(TypeError);
    expect(() => SecretTree.create(crypto, new Uint8Array(31), 8, 0)).toThrow(TypeError);
    expect(() => newTree().key(8, "application", 0)).toThrow(TypeError);
    expect(() => newTree().key(1, "application", 2 ** 32)).toThrow(TypeError);
  });
});
