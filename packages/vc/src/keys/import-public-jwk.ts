import type { PublicJwk } from "@parley/did";
import { VcError } from "../vc-error.ts";
import { isCurve, type VerifyingKey } from "./curves.ts";
import { secp256k1VerifyingKey } from "./secp256k1.ts";
import { importParameters, webCryptoVerifyingKey } from "./web-crypto.ts";

/**
 * Imports a public key whose coordinates have been checked.
 *
 * @param name the key in error messages.
 * @throws VcError `key_unsupported`
 */
export async function importPublicJwk(jwk: PublicJwk, name: string): Promise<VerifyingKey> {
  if (!isCurve(jwk.crv)) throw new VcError("key_unsupported", `Keys of ${jwk.crv} are not supported for credentials`);
  if (jwk.crv === "secp256k1") return secp256k1VerifyingKey(jwk);
  try {
    const key = await crypto.subtle.importKey("jwk", { ...jwk }, importParameters(jwk.crv), false, ["verify"]);
    return webCryptoVerifyingKey(jwk.crv, key);
  } catch (error) {
    throw new VcError("key_unsupported", `${name} cannot be imported`, { cause: error });
  }
}
