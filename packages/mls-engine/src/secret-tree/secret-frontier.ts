import type { CipherSuite } from "../crypto/cipher-suite.ts";
import { erase } from "../crypto/labels.ts";
import { MlsEngineError } from "../errors.ts";
import { fullLeafCount, leafNode, leftOf, rightOf, rootOf } from "../tree/tree-math.ts";
import type { LeafRatchets } from "./ratchet.ts";
import { childSecret, firstRatchetSecret } from "./tree-kdf.ts";

/**
 * The node secrets of a secret tree that are still needed: the topmost ones above the leaves whose ratchets have not been derived yet.
 *
 * At first that is the root alone. Taking a leaf replaces the secret above it with the secrets of the siblings on the path to the leaf
 * (RFC 9420 §9.2), so no stored secret leads to a leaf that was taken, and each of the other leaves stays derivable.
 */
export class SecretFrontier {
  readonly leafCount: number;
  readonly #suite: CipherSuite;
  readonly #nodes: Map<number, Uint8Array>;

  private constructor(suite: CipherSuite, leafCount: number, nodes: Map<number, Uint8Array>) {
    this.leafCount = leafCount;
    this.#suite = suite;
    this.#nodes = nodes;
  }

  /** @param secret the encryption secret of the epoch. The frontier owns it. */
  static fromRoot(suite: CipherSuite, secret: Uint8Array, leafCount: number): SecretFrontier {
    return new SecretFrontier(suite, leafCount, new Map([[rootOf(fullLeafCount(leafCount)), secret]]));
  }

  /** @param nodes by index; none is above another one. */
  static fromNodes(suite: CipherSuite, nodes: Map<number, Uint8Array>, leafCount: number): SecretFrontier {
    return new SecretFrontier(suite, leafCount, nodes);
  }

  get nodes(): ReadonlyMap<number, Uint8Array> {
    return this.#nodes;
  }

  /** The ratchets of a leaf, without a change of the frontier. The caller erases them. */
  derive(leaf: number): { readonly ratchets: LeafRatchets; readonly erase: () => void } {
    const { siblings, secret } = this.#walk(leaf);
    erase(...siblings.values());
    const ratchets = this.#ratchets(secret);
    return { ratchets, erase: () => erase(ratchets.handshake.secret, ratchets.application.secret) };
  }

  /**
   * The ratchets of a leaf, which can't be derived again.
   *
   * @returns the ratchets, and the node secret that led to them (`replaced`). The caller erases the latter when the change is stored.
   */
  take(leaf: number): { readonly ratchets: LeafRatchets; readonly replaced: Uint8Array } {
    const { start, known, siblings, secret } = this.#walk(leaf);
    this.#nodes.delete(start);
    for (const [node, sibling] of siblings) this.#nodes.set(node, sibling);
    return { ratchets: this.#ratchets(secret), replaced: known };
  }

  erase(): void {
    erase(...this.#nodes.values());
    this.#nodes.clear();
  }

  /** Derives from the node of the frontier above a leaf down to the leaf. The caller owns the leaf's secret and those of the siblings. */
  #walk(leaf: number): { start: number; known: Uint8Array; siblings: Map<number, Uint8Array>; secret: Uint8Array } {
    const target = leafNode(leaf);
    let node = rootOf(fullLeafCount(this.leafCount));
    while (!this.#nodes.has(node) && node !== target) node = target < node ? leftOf(node) : rightOf(node);
    const known = this.#nodes.get(node);
    if (known === undefined) throw new MlsEngineError("closed", "The keys of this epoch have been erased");
    const start = node;
    const siblings = new Map<number, Uint8Array>();
    let secret: Uint8Array = known.slice();
    while (node !== target) {
      const onLeft = target < node;
      // Both children are derived before the parent's secret is erased: from a parent, keys that were consumed could be derived again (§9.2).
      siblings.set(onLeft ? rightOf(node) : leftOf(node), childSecret(this.#suite, secret, onLeft ? "right" : "left"));
      const next = childSecret(this.#suite, secret, onLeft ? "left" : "right");
      erase(secret);
      secret = next;
      node = onLeft ? leftOf(node) : rightOf(node);
    }
    return { start, known, siblings, secret };
  }

  /** Erases the leaf's secret. */
  #ratchets(leaf: Uint8Array): LeafRatchets {
    const ratchets: LeafRatchets = {
      handshake: { next: 0, secret: firstRatchetSecret(this.#suite, leaf, "handshake"), skipped: new Map() },
      application: { next: 0, secret: firstRatchetSecret(this.#suite, leaf, "application"), skipped: new Map() },
    };
    erase(leaf);
    return ratchets;
  }
}
