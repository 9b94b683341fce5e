import { sign } from "node:crypto";
import type { SigningCurve } from "../keys/curve.ts";
import type { ImportedKey } from "../keys/key.ts";
import { encodeBase64url } from "../text/base64url.ts";
import { SCHEMES } from "./algorithms.ts";
import { SIGNED_TYPE } from "./parse-jws.ts";

/** A signing key and its id. */
export interface SigningParty extends ImportedKey<SigningCurve> {
  readonly kid: string;
}

/** Signs bytes to a JWS in the general JSON serialization (RFC 7515, section 7.2.1). Like in the specification, `kid` is unprotected. */
export function signJws(content: Uint8Array, { curve, key, kid }: SigningParty): string {
  const { alg, hash } = SCHEMES[curve];
  const payload = encodeBase64url(content);
  const protectedText = Buffer.from(JSON.stringify({ typ: `application/${SIGNED_TYPE}`, alg }), "ascii").toString("base64url");
  const signature = sign(hash, Buffer.from(`${protectedText}.${payload}`, "ascii"), { key, dsaEncoding: "ieee-p1363" });
  return JSON.stringify({
    payload,
    signatures: [{ protected: protectedText, signature: encodeBase64url(signature), header: { kid } }],
  });
}
