import { verify } from "node:crypto";
import { DidcommCryptoError } from "../didcomm-crypto-error.ts";
import type { VerifyingCurve } from "../keys/curve.ts";
import type { ImportedKey } from "../keys/key.ts";
import { SCHEMES } from "./algorithms.ts";
import type { Jws } from "./parse-jws.ts";

/**
 * Verifies the signature of a message.
 *
 * @throws DidcommCryptoError `alg_not_allowed` if the algorithm does not fit the key; `signature_invalid`
 */
export function verifyJws(jws: Jws, { curve, key }: ImportedKey<VerifyingCurve>): void {
  const { alg, hash, length } = SCHEMES[curve];
  if (jws.alg !== alg) throw new DidcommCryptoError("alg_not_allowed", `Keys of ${curve} can be used with ${alg} only`);
  const valid =
    jws.signature.length === length &&
    verify(hash, Buffer.from(jws.signedText, "ascii"), { key, dsaEncoding: "ieee-p1363" }, jws.signature);
  if (!valid) throw new DidcommCryptoError("signature_invalid", "The signature does not match the signer's key");
}
