import { rejectUnknownOptions } from "@parley/core/eager";
import { lazily } from "@parley/core/lazily";
import type { LocalVerification, VerifyLocallyOptions } from "./verify-locally-options.ts";

/** Formats, signatures and the resolution of DIDs are loaded by the first verification. */
const load = lazily(() => import("./local-verification.ts"));

/**
 * Verifies a signed credential or presentation of any format without a node: signatures against the keys in the signers' DID documents,
 * dates, status, and for a presentation its nonce, its audience and each credential in it.
 *
 * `kind` of the result distinguishes the two. With a `nonce`, only a presentation is accepted.
 *
 * @throws VcError whose code names the failed check; the signal's own reason on abort.
 * @example
 * ```ts
 * import { verifyLocally } from "layr8";
 *
 * async function nameIn(signed: string, trustedIssuer: string) {
 *   const verified = await verifyLocally(signed);
 *   if (verified.kind !== "credential" || verified.issuer !== trustedIssuer) return undefined;
 *   return verified.credential["credentialSubject"];
 * }
 * ```
 */
export async function verifyLocally(signed: string, options: VerifyLocallyOptions = {}): Promise<LocalVerification> {
  if (typeof signed !== "string") throw new TypeError("signed must be a string");
  rejectUnknownOptions(options, OPTIONS);
  const { verifyWithoutNode } = await load();
  return verifyWithoutNode(signed, options);
}

const OPTIONS: readonly (keyof VerifyLocallyOptions)[] = [
  "resolver",
  "status",
  "resolution",
  "statusTimeoutMs",
  "statusListCache",
  "trustedStatusIssuers",
  "audience",
  "nonce",
  "now",
  "clockToleranceMs",
  "limits",
  "signal",
];
