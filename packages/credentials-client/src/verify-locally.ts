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
  /** Resolves DIDs. Default: did:key and did:web, from public addresses only, with a cache that all calls share. */
  readonly resolver?: DidResolver;
  /** Fetches status lists. Default: over https, from public addresses only. `"ignore"` skips the check for revocation. */
  readonly status?: StatusListFetch | "ignore";
  /** Options of the default `resolver` and `status`, mainly for development. If set, DID documents are not cached between calls. */
  readonly resolution?: ResolutionOptions;
}

/** Result of {@link verifyLocally}. */
export type LocalVerification =
  | ({ readonly kind: "credential" } & VerifiedCredential)
  | ({ readonly kind: "presentation" } & VerifiedPresentation);

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
  const { resolution, nonce, ...others } = options;
  const text = signed.trim(); // white space is often pasted with it
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
