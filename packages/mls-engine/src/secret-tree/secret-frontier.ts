import type { MessageCrypto } from "../crypto/mls-crypto.ts";
import { MlsError } from "../errors.ts";
import type { LeafRatchets } from "./ratchet.ts";
import { childrenOf, rootIndex, treeWidth } from "../tree/tree-index.ts";
import { createTreeKdf, type TreeKdf } from "./tree-kdf.ts";

/** The node secrets of a tree from which no leaf has been derived yet: together they lead to all the leaves that are left. */
export class SecretFrontier {
  readonly leafCount: number;
  readonly #kdf: TreeKdf;
  readonly #nodes: Map<number, Uint8Array>;

  private constructor(crypto: MessageCrypto, leafCount: number, nodes: Map<number, Uint8Array>) {
    this.leafCount = leafCount;
    this.#kdf = createTreeKdf(crypto);
    this.#nodes = nodes;
  }

  /** @param secret belongs to the frontier from then on. */
  static fromRoot(crypto: MessageCrypto, secret: Uint8Array, leafCount: number): SecretFrontier {
    return new SecretFrontier(crypto, leafCount, new Map([[rootIndex(treeWidth(leafCount)), secret]]));
  }

  /** @param nodes must not hold a node and one above it. */
  static fromNodes(crypto: MessageCrypto, nodes: Map<number, Uint8Array>, leafCount: number): SecretFrontier {
    return new SecretFrontier(crypto, leafCount, nodes);
  }

  get nodes(): ReadonlyMap<number, Uint8Array> {
    return this.#nodes;
  }

  /** The ratchets of a leaf, without any change. */
  derive(leaf: number): { readonly ratchets: LeafRatchets; readonly erase: () => void } {
    const { siblings, secret } = this.#walk(leaf);
    for (const sibling of siblings.values()) sibling.fill(0);
    const ratchets = this.#ratchets(secret);
    return {
      ratchets,
      erase: () => {
        ratchets.handshake.secret.fill(0);
        ratchets.application.secret.fill(0);
      },
    };
  }

  /** The ratchets of a leaf, which the frontier then no longer leads to; and the node secret that led there, for the caller to erase. */
  take(leaf: number): { readonly ratchets: LeafRatchets; readonly replaced: Uint8Array } {
    const { start, known, siblings, secret } = this.#walk(leaf);
    this.#nodes.delete(start);
    for (const [node, sibling] of siblings) this.#nodes.set(node, sibling);
    return { ratchets: this.#ratchets(secret), replaced: known };
  }

  erase(): void {
    for (const secret of this.#nodes.values()) secret.fill(0);
    this.#nodes.clear();
  }

  /** Derives from the nearest known node down to a leaf. The secret of the leaf is the caller's. */
  #walk(leaf: number): { start: number; known: Uint8Array; siblings: Map<number, Uint8Array>; secret: Uint8Array } {
    const target = 2 * leaf;
    let node = rootIndex(treeWidth(this.leafCount));
    while (!this.#nodes.has(node) && node !== target) {
      const { left, right } = childrenOf(node);
      node = target < node ? left : right;
    }
    const known = this.#nodes.get(node);
    if (known === undefined) throw new MlsError("closed", "The keys of this epoch have been erased");
    const start = node;
    const siblings = new Map<number, Uint8Array>();
    let secret: Uint8Array = known.slice();
    while (node !== target) {
      const { left, right } = childrenOf(node);
      const onLeft = target < node;
      siblings.set(onLeft ? right : left, this.#kdf.child(secret, onLeft ? "right" : "left"));
      const next = this.#kdf.child(secret, onLeft ? "left" : "right");
      secret.fill(0);
      secret = next;
      node = onLeft ? left : right;
    }
    return { start, known, siblings, secret };
  }

  /** The leaf's secret is erased. */
  #ratchets(leaf: Uint8Array): LeafRatchets {
    const ratchets: LeafRatchets = {
      handshake: { next: 0, secret: this.#kdf.ratchet(leaf, "handshake"), skipped: new Map() },
      application: { next: 0, secret: this.#kdf.ratchet(leaf, "application"), skipped: new Map() },
    };
    leaf.fill(0);
    return ratchets;
  }
}
