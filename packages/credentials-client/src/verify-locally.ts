import { rejectUnknownOptions } from "@parley/core/internal";
import type { DidResolver } from "@parley/did";
import {
  verifyCredential,
  verifyPresentation,
  type StatusListFetch,
  type VerifiedCredential,
  type VerifiedPresentation,
  type VerifyPresentationOptions,
} from "@parley/vc";
import { createResolver, createStatusFetch, type ResolutionOptions } from "./resolution.ts";
import { signedKind } from "./signed-text.ts";

/** Options of {@link verifyLocally}. */
export interface VerifyLocallyOptions extends Omit<VerifyPresentationOptions, "resolver" | "status"> {
  /** Finds DID documents. Default: did:key and did:web, from public addresses only, with a cache that all calls share. */
  readonly resolver?: DidResolver;
  /** Gets status lists. Default: over https, from public addresses only. `"ignore"` skips the check for revocation. */
  readonly status?: StatusListFetch | "ignore";
  /** For the defaults of `resolver` and `status`, mostly in development. With it, no document is kept from one call to the next. */
  readonly resolution?: ResolutionOptions;
}

/** What {@link verifyLocally} found to hold. */
export type LocalVerification =
  | ({ readonly kind: "credential" } & VerifiedCredential)
  | ({ readonly kind: "presentation" } & VerifiedPresentation);

/**
 * Verifies a signed credential or presentation on this machine, of any format: signatures against the keys in the DID documents of those who
 * signed, dates, status, and for a presentation its nonce, its audience and each credential in it. No node is asked or trusted.
 *
 * `kind` says what it was. With a `nonce`, only a presentation will do.
 *
 * @throws VcError with a code for whatever does not hold; the signal's own reason on abort.
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
  const { resolution, nonce, ...others } = options;
  const text = signed.trim(); // white space around what was pasted
  const common = {
    ...others,
    resolver: options.resolver ?? resolverFor(resolution),
    status: options.status ?? createStatusFetch(resolution),
  };
  if (nonce === undefined && signedKind(text) === "credential") return { kind: "credential", ...(await verifyCredential(text, common)) };
  const presentation = nonce === undefined ? common : { ...common, nonce };
  return { kind: "presentation", ...(await verifyPresentation(text, presentation)) };
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

let shared: DidResolver | undefined;

function resolverFor(resolution: ResolutionOptions | undefined): DidResolver {
  if (resolution !== undefined) return createResolver(resolution);
  shared ??= createResolver({});
  return shared;
}
