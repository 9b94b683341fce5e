import { Writer } from "../codec/writer.ts";
import type { CipherSuite } from "../crypto/cipher-suite.ts";
import { erase, expandWithLabel } from "../crypto/labels.ts";
import type { RatchetType } from "./ratchet.ts";

const EMPTY = new Uint8Array(0);
const SIDES = { left: new TextEncoder().encode("left"), right: new TextEncoder().encode("right") };

/** The secret of a child node, from that of its parent ([RFC 9420 §9](https://www.rfc-editor.org/rfc/rfc9420.html#section-9)). */
export function childSecret(suite: CipherSuite, parent: Uint8Array, side: "left" | "right"): Uint8Array {
  return expandWithLabel(suite, parent, "tree", SIDES[side]);
}

/** The first secret of a ratchet, from that of its leaf (RFC 9420 §9). */
export function firstRatchetSecret(suite: CipherSuite, leaf: Uint8Array, type: RatchetType): Uint8Array {
  return expandWithLabel(suite, leaf, type, EMPTY);
}

/** The ratchet secret of the next generation ([RFC 9420 §9.1](https://www.rfc-editor.org/rfc/rfc9420.html#section-9.1)). */
export function nextRatchetSecret(suite: CipherSuite, secret: Uint8Array, generation: number): Uint8Array {
  return deriveTreeSecret(suite, secret, "secret", generation, suite.hashLength);
}

/** The key and nonce of a generation, in one array: the key first (RFC 9420 §9.1). */
export function keyAndNonce(suite: CipherSuite, secret: Uint8Array, generation: number): Uint8Array {
  const both = new Uint8Array(suite.keyLength + suite.nonceLength);
  const key = deriveTreeSecret(suite, secret, "key", generation, suite.keyLength);
  both.set(key);
  both.set(deriveTreeSecret(suite, secret, "nonce", generation, suite.nonceLength), suite.keyLength);
  erase(key);
  return both;
}

/** DeriveTreeSecret (RFC 9420 §9). */
function deriveTreeSecret(suite: CipherSuite, secret: Uint8Array, label: string, generation: number, length: number): Uint8Array {
  return expandWithLabel(suite, secret, label, new Writer(4).u32(generation).finish(), length);
}
