import { inverse, isSquare, mod, toBytes, toNumber } from "./field.ts";

const PRIME = 2n ** 255n - 19n;
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n;

/**
 * The X25519 public key of an Ed25519 public key; `undefined` if that is no point of its curve, or one that agrees on nothing.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7748#section-4.1 | RFC 7748, section 4.1}
 */
export function x25519OfEd25519(publicKey: Uint8Array): Uint8Array | undefined {
  if (publicKey.length !== 32) return undefined;
  const y = toNumber(publicKey.toReversed()) & (2n ** 255n - 1n);
  if (y >= PRIME) return undefined;
  const ySquared = mod(y * y, PRIME);
  const xSquared = mod((ySquared - 1n) * inverse(D * ySquared + 1n, PRIME), PRIME);
  if (!isSquare(xSquared, PRIME)) return undefined;
  const u = mod((1n + y) * inverse(1n - y, PRIME), PRIME);
  return u === 0n ? undefined : toBytes(u, 32).toReversed();
}
