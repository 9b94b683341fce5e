import type { KeyObject } from "node:crypto";
import { decodeBase64url } from "@parley/core/eager";
import { lazily } from "@parley/core/lazily";
import type { PublicJwk } from "@parley/did";
import type { PrivateKey, VerifyingKey } from "./curves.ts";

/** Loaded by the first key of secp256k1, which WebCrypto does not have. */
const loadCurve = lazily(async () => (await import("@noble/curves/secp256k1.js")).secp256k1);

/** Bytes of ECPrivateKey before the private key, which has 32 bytes: a sequence with the version 1 (RFC 5915, section 3). */
const SEC1_PREFIX_BYTES = 7;

/**
 * A public key for ES256K. Both values of S are accepted, as RFC 8812 does not require the lower one.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8812#section-3.2 | RFC 8812, section 3.2}
 */
export function secp256k1VerifyingKey({ x, y }: Extract<PublicJwk, { kty: "EC" }>): VerifyingKey {
  const point = Uint8Array.of(0x04, ...(decodeBase64url(x) ?? []), ...(decodeBase64url(y) ?? []));
  return {
    curve: "secp256k1",
    verify: async (signature, data) => {
      const curve = await loadCurve();
      return signature.length === curve.lengths.signature && curve.verify(signature, data, point, { lowS: false });
    },
  };
}

/** A private key for ES256K. Its signatures have the lower S, which some verifiers require. */
export function secp256k1PrivateKey(key: KeyObject): PrivateKey {
  const sec1 = key.export({ format: "der", type: "sec1" });
  const secret = Uint8Array.from(sec1.subarray(SEC1_PREFIX_BYTES, SEC1_PREFIX_BYTES + 32));
  sec1.fill(0);
  return { curve: "secp256k1", sign: async (data) => Uint8Array.from((await loadCurve()).sign(data, secret)) };
}
