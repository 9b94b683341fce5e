import type { JsonObject } from "@parley/core";
import { DEFAULT_LIMITS } from "../vc-limits.ts";
import type { ClaimPath } from "./claim-path.ts";
import { reveal } from "./reveal.ts";
import { checkCredentialType, readSdJwt } from "./sd-jwt.ts";

/** An SD-JWT VC that was decoded and **not** verified. */
export interface DecodedSdJwt {
  /** The visible and the disclosed claims, without digests. */
  readonly claims: JsonObject;
  readonly headers: JsonObject;
  /** The claims that the holder can withhold. */
  readonly disclosable: readonly ClaimPath[];
}

/**
 * Decodes an SD-JWT VC **without verifying it**: anyone can have written it. For wallets, to show what can be disclosed.
 *
 * @throws VcError `malformed`, `too_large`, `typ_invalid`, `alg_not_allowed`, `disclosure_invalid`, or another code that describes why it cannot
 * be decoded.
 */
export async function decodeSdJwt(text: string): Promise<DecodedSdJwt> {
  const sdJwt = await readSdJwt(text, DEFAULT_LIMITS.maxCredentialLength);
  checkCredentialType(sdJwt);
  const { claims, placed } = reveal(sdJwt.jws.payload, sdJwt.disclosures);
  return { claims, headers: sdJwt.jws.header, disclosable: placed.map(({ path }) => path) };
}
