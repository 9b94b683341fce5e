import type { JsonObject } from "@parley/core";
import { didOf } from "@parley/did";
import { authenticate } from "../authenticate.ts";
import { checkNotNegative } from "../check-numbers.ts";
import { CREDENTIAL } from "../kind.ts";
import { VcError } from "../vc-error.ts";
import { beginVerification, checkPeriod, type Verification } from "../verification.ts";
import type { VerifyOptions } from "../verify-options.ts";
import { ALWAYS_VISIBLE, issuerOfClaims, readCredentialClaims, type CredentialClaims } from "./credential-claims.ts";
import { verifyKeyBinding, type KeyBinding } from "./key-binding.ts";
import { reveal, type PlacedDisclosure } from "./reveal.ts";
import { checkCredentialType, readSdJwt, type SdJwt } from "./sd-jwt.ts";
import { checkTokenStatus } from "./token-status.ts";

/** Options of {@link verifySdJwt}. */
export interface VerifySdJwtOptions extends Omit<VerifyOptions, "audience"> {
  /**
   * What a presentation must be bound to. `"none"` verifies a credential as its issuer sent it, without a key binding: anyone who has it can
   * show it.
   */
  readonly keyBinding: KeyBinding | "none";
}

/** An SD-JWT VC that its issuer signed, that is valid now, and that is neither revoked nor suspended. */
export interface VerifiedSdJwt {
  /** The visible and the disclosed claims, without digests. */
  readonly claims: JsonObject;
  /** DID of the issuer, who signed the credential. */
  readonly issuer: string;
  /** Type of the credential. */
  readonly vct: string;
  /** Protected header of the issuer's signature. */
  readonly headers: JsonObject;
  /** The holder's key, a public JWK or the DID URL of a key; proved unless `keyBinding` is `"none"`. Absent if the credential names none. */
  readonly holder?: { readonly jwk: JsonObject } | { readonly kid: string };
  /** When the credential expires or its status list must be fetched again, in milliseconds since 1970. Absent if nothing ends it. */
  readonly holdsUntil?: number;
}

/**
 * Verifies an SD-JWT VC: the issuer's signature, with a key that the issuer's DID document lists for `assertionMethod`; its disclosures; the
 * holder's signature; validity; and status.
 *
 * The caller decides whether to trust this issuer, and must compare `vct` with the type it asked for. A claim that is absent may have been
 * withheld.
 *
 * @throws VcError with any code except those about embedded proofs and presentations.
 * @throws the reason of the signal after an abort.
 * @throws TypeError if an option is invalid.
 * @see {@link https://www.rfc-editor.org/rfc/rfc9901#section-7.3 | RFC 9901, section 7.3}
 *
 * @example
 * ```ts
 * import { createDidResolver, didKeyMethod } from "@parley/did";
 * import { verifySdJwt } from "@parley/vc/sd-jwt";
 *
 * const resolver = createDidResolver({ methods: didKeyMethod() });
 *
 * async function countryOf(presented: string, nonce: string): Promise<unknown> {
 *   const { claims } = await verifySdJwt(presented, { resolver, keyBinding: { nonce, audience: "https://shop.example" } });
 *   return claims["address"];
 * }
 * ```
 */
export async function verifySdJwt(presented: string, { keyBinding, ...options }: VerifySdJwtOptions): Promise<VerifiedSdJwt> {
  checkKeyBinding(keyBinding);
  const verification = beginVerification(options);
  const sdJwt = await readSdJwt(presented, verification.limits.maxCredentialLength);
  checkCredentialType(sdJwt);
  const issuer = await authenticateIssuer(sdJwt, verification);
  const { claims, placed } = reveal(sdJwt.jws.payload, sdJwt.disclosures);
  checkVisible(placed);
  const read = readCredentialClaims(claims);
  checkValidity(read, verification);
  if (keyBinding === "none") {
    if (sdJwt.keyBinding !== undefined)
      throw new VcError("key_binding_invalid", 'The SD-JWT is a presentation: set the option "keyBinding"');
  } else {
    await verifyKeyBinding(sdJwt, read.holder, keyBinding, verification);
  }
  const freshUntil = await checkTokenStatus(claims["status"], issuer, verification);
  const holdsUntil = Math.min(freshUntil, read.exp === undefined ? Infinity : read.exp * 1000);
  const { vct, holder } = read;
  return {
    claims,
    issuer,
    vct,
    headers: sdJwt.jws.header,
    ...(holder !== undefined && { holder }),
    ...(holdsUntil !== Infinity && { holdsUntil }),
  };
}

/** Only claims that the issuer signed openly are read before the signature is verified. */
async function authenticateIssuer({ jws }: SdJwt, verification: Verification): Promise<string> {
  const claims = readCredentialClaims(jws.payload);
  const issuer = issuerOfClaims(claims, jws.kid === undefined ? undefined : didOf(jws.kid));
  const signature = { type: "jwt", jws, claims } as const;
  await authenticate({ format: "jwt", document: jws.payload, headers: jws.header, signature }, issuer, CREDENTIAL, verification);
  return issuer;
}

function checkVisible(placed: readonly PlacedDisclosure[]): void {
  for (const { path } of placed) {
    const [name] = path;
    if (typeof name === "string" && ALWAYS_VISIBLE.has(name)) {
      throw new VcError("claims_invalid", `The claim ${name} must not be selectively disclosed`);
    }
  }
}

function checkValidity({ nbf, exp }: CredentialClaims, verification: Verification): void {
  const from = { member: "nbf", time: nbf === undefined ? undefined : nbf * 1000 };
  const until = { member: "exp", time: exp === undefined ? undefined : exp * 1000 };
  checkPeriod("The credential", { from, until }, verification, { early: "not_yet_valid", late: "expired" });
}

function checkKeyBinding(keyBinding: KeyBinding | "none"): void {
  if (keyBinding === "none") return;
  const { nonce, audience, maxAgeMs = 0 } = (keyBinding as KeyBinding | undefined) ?? {};
  if (typeof nonce !== "string" || nonce === "" || typeof audience !== "string" || audience === "") {
    throw new TypeError('keyBinding must be "none", or have a nonce and an audience');
  }
  checkNotNegative(maxAgeMs, "keyBinding.maxAgeMs");
}
