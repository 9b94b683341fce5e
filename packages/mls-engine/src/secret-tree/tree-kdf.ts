import type { MessageCrypto } from "../crypto/mls-crypto.ts";
import { expandWithLabel, mlsLabel } from "../crypto/message-labels.ts";

const EMPTY = new Uint8Array(0);
const LABELS = { tree: mlsLabel("tree"), handshake: mlsLabel("handshake"), application: mlsLabel("application") };
const SIDES = { left: new TextEncoder().encode("left"), right: new TextEncoder().encode("right") };

/** All derivations of a secret tree ([RFC 9420 §9](https://www.rfc-editor.org/rfc/rfc9420.html#section-9)). */
export interface TreeKdf {
  child(parent: Uint8Array, side: "left" | "right"): Uint8Array;
  /** The first secret of a leaf's ratchet. */
  ratchet(leaf: Uint8Array, type: "handshake" | "application"): Uint8Array;
  /** The secret of the generation after this one. */
  next(secret: Uint8Array, generation: number): Uint8Array;
  /** Key and nonce of a generation, one behind the other. */
  keyAndNonce(secret: Uint8Array, generation: number): Uint8Array;
}

export function createTreeKdf(crypto: MessageCrypto): TreeKdf {
  const size = crypto.hashLength;
  const next = deriveTreeSecret(crypto, "secret", size);
  const key = deriveTreeSecret(crypto, "key", crypto.keyLength);
  const nonce = deriveTreeSecret(crypto, "nonce", crypto.nonceLength);
  return {
    child: (parent, side) => expandWithLabel(crypto, parent, LABELS.tree, SIDES[side], size),
    ratchet: (leaf, type) => expandWithLabel(crypto, leaf, LABELS[type], EMPTY, size),
    next,
    keyAndNonce: (secret, generation) => {
      const both = new Uint8Array(crypto.keyLength + crypto.nonceLength);
      const first = key(secret, generation);
      both.set(first);
      both.set(nonce(secret, generation), crypto.keyLength);
      first.fill(0);
      return both;
    },
  };
}

/** DeriveTreeSecret for one label: what it expands is built once, and only the generation in its last four bytes changes. */
function deriveTreeSecret(crypto: MessageCrypto, name: string, length: number): TreeKdf["next"] {
  const label = mlsLabel(name);
  const info = new Uint8Array(2 + 1 + label.length + 1 + 4);
  const view = new DataView(info.buffer);
  view.setUint16(0, length);
  info[2] = label.length;
  info.set(label, 3);
  info[info.length - 5] = 4;
  return (secret, generation) => {
    view.setUint32(info.length - 4, generation);
    return crypto.expand(secret, info, length);
  };
}
