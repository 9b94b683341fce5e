import { ed25519 } from "@noble/curves/ed25519.js";

/**
 * The X25519 public key that corresponds to an Ed25519 public key. `undefined` if the bytes are not a point of Ed25519, or if the X25519
 * key would be 0, which makes every shared secret 0.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7748#section-4.1 | RFC 7748, section 4.1}
 */
export function x25519OfEd25519(publicKey: Uint8Array): Uint8Array | undefined {
  try {
    const key = ed25519.utils.toMontgomery(publicKey);
    return key.every((byte) => byte === 0) ? undefined : key;
  } catch {
    return undefined;
  }
}
