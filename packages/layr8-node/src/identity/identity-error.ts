import { ParleyError } from "@parley/core";
import { canonicalDid } from "@parley/did";

/**
 * Why a node rejects a DID.
 *
 * | code | meaning |
 * | --- | --- |
 * | `did_invalid` | not a DID |
 * | `did_unknown` | the DID was required to exist, and does not |
 * | `did_not_allowed` | the API key may not bind the DID |
 * | `ephemeral_not_allowed` | the API key may not create ephemeral DIDs |
 * | `did_in_use` | the DID cannot become ephemeral: messages or credentials of it are waiting |
 * | `too_many_dids` | the API key has the maximum number of DIDs |
 */
export type IdentityErrorCode =
  | "did_invalid"
  | "did_unknown"
  | "did_not_allowed"
  | "ephemeral_not_allowed"
  | "did_in_use"
  | "too_many_dids";

/** A rejection by a node's registry of DIDs. Never retryable. */
export class IdentityError extends ParleyError<IdentityErrorCode> {
  override readonly name: string = "IdentityError";
}

/** Reasons on the wire. */
const REASONS: Readonly<Record<IdentityErrorCode, string>> = {
  did_invalid: "invalid DID",
  did_unknown: "unknown DID",
  did_not_allowed: "unauthorized",
  ephemeral_not_allowed: "unauthorized",
  did_in_use: "DID in use",
  too_many_dids: "too many DIDs",
};

/** The reason of a rejected join, as it is on the wire. */
export function reasonOf(code: IdentityErrorCode, did = ""): string {
  const reason = REASONS[code];
  if (code === "did_in_use") return `${reason}: ${did} stays persistent while messages or credentials of it are waiting`;
  if (code === "did_unknown") return `${reason}: ${did}`;
  if (code !== "did_invalid") return reason;
  const canonical = canonicalDid(did);
  const remedy = canonical === undefined ? "is not like did:web:localhost:agent" : `must be written ${canonical}`;
  return `${reason}: ${did.slice(0, 100)} ${remedy}`;
}

/** The API key may not bind the DID. */
export function notAllowed(): IdentityError {
  return new IdentityError("did_not_allowed", "This API key may not bind this DID");
}

/** The API key may not create ephemeral DIDs. */
export function ephemeralNotAllowed(): IdentityError {
  return new IdentityError("ephemeral_not_allowed", "This API key may not have ephemeral DIDs");
}
