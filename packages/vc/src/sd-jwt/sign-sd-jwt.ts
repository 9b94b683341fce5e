import { isJsonObject, type JsonObject } from "@parley/core";
import { didOf } from "@parley/did";
import { checkTime } from "../check-numbers.ts";
import { toJsonObject } from "../json.ts";
import { signJws } from "../jwt/jws.ts";
import { importSigner, type SigningKey } from "../keys/signing-key.ts";
import { VcError } from "../vc-error.ts";
import { DEFAULT_LIMITS } from "../vc-limits.ts";
import { claimTreeOf, type ClaimPath } from "./claim-path.ts";
import { conceal } from "./conceal.ts";
import { ALWAYS_VISIBLE, readCredentialClaims } from "./credential-claims.ts";
import { readConfirmationKey } from "./key-binding.ts";

/** Options of {@link signSdJwt}. */
export interface SignSdJwtOptions {
  /** The issuer's key. */
  readonly key: SigningKey;
  /** The claims that the holder can disclose one by one. All others are visible to every verifier. Default: none. */
  readonly disclosable?: readonly ClaimPath[];
  /**
   * The holder's key, which presentations must be signed with: a public JWK, or the DID URL of a key that the document lists for
   * `authentication`. Without it, anyone who has the credential can present it.
   */
  readonly holder?: { readonly jwk: JsonObject } | { readonly kid: string };
  /** Returns the current time in milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
}

/**
 * Signs a credential whose claims the holder can disclose selectively (SD-JWT VC).
 *
 * `vct`, the type of the credential, is required. `iss` becomes the DID of the key, `iat` the current time. `nbf` and `exp` are seconds
 * since 1970.
 *
 * @returns the SD-JWT with all its disclosures, for the holder.
 * @throws VcError `claims_invalid`, `issuer_mismatch`, `key_unsupported` for the holder's key, `too_large`.
 * @throws TypeError if an option is invalid, a path selects nothing, or a claim has a reserved name.
 * @see {@link https://datatracker.ietf.org/doc/draft-ietf-oauth-sd-jwt-vc/ | SD-JWT VC}
 *
 * @example
 * ```ts
 * import type { SigningKey } from "@parley/vc";
 * import { signSdJwt } from "@parley/vc/sd-jwt";
 *
 * function issue(key: SigningKey, holderKeyId: string): Promise<string> {
 *   const claims = { vct: "https://issuer.example/person", given_name: "Erika", address: { locality: "Köln", country: "DE" } };
 *   return signSdJwt(claims, {
 *     key,
 *     disclosable: [["given_name"], ["address", "locality"], ["address", "country"]],
 *     holder: { kid: holderKeyId },
 *   });
 * }
 * ```
 */
export async function signSdJwt(claims: JsonObject, { key, disclosable = [], holder, now = Date.now }: SignSdJwtOptions): Promise<string> {
  const signer = await importSigner(key);
  const given = toJsonObject(claims, "The claims");
  const iat = Math.floor(checkTime(now(), "The time returned by now") / 1000);
  const complete: JsonObject = {
    iss: signer.did,
    iat,
    ...given,
    ...(holder !== undefined && { cnf: await confirmationOf(holder, given) }),
  };
  if (complete["iss"] !== signer.did) throw new VcError("issuer_mismatch", "The claim iss is not the DID of the key");
  readCredentialClaims(complete);
  for (const [name] of disclosable) {
    if (typeof name === "string" && ALWAYS_VISIBLE.has(name)) throw new TypeError(`disclosable: the claim ${name} must be visible`);
  }
  const { payload, disclosures } = await conceal(complete, claimTreeOf(disclosable, "disclosable"));
  const header = { typ: "dc+sd-jwt", kid: signer.kid };
  const signed = await signJws(disclosures.length === 0 ? payload : { ...payload, _sd_alg: "sha-256" }, header, signer);
  const text = `${[signed, ...disclosures.map((disclosure) => disclosure.text)].join("~")}~`;
  if (text.length > DEFAULT_LIMITS.maxCredentialLength) {
    throw new VcError("too_large", `The SD-JWT has more than ${DEFAULT_LIMITS.maxCredentialLength} characters`);
  }
  return text;
}

async function confirmationOf(holder: NonNullable<SignSdJwtOptions["holder"]>, given: JsonObject): Promise<JsonObject> {
  if (given["cnf"] !== undefined) throw new TypeError('The claim cnf and the option "holder" must not both be set');
  if ("kid" in holder) {
    if (didOf(holder.kid) === undefined || !holder.kid.includes("#"))
      throw new TypeError("holder.kid must be an absolute DID URL with a fragment");
    return { kid: holder.kid };
  }
  if (!isJsonObject(holder.jwk)) throw new TypeError("holder must have the member jwk or the member kid");
  return { jwk: { ...(await readConfirmationKey(holder.jwk)).jwk } };
}
