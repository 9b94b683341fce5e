import { isJsonObject } from "@parley/core";
import type { GrantScope } from "@parley/vc/grants";
import type { StoredCredential } from "../stored-credential.ts";
import { readClaims } from "./credential-claims.ts";

/** A grant in an agent's store. It isn't verified: the recipient's node does that, and knows more. */
export interface HeldGrant {
  readonly id: string;
  readonly signed: string;
  readonly scope: readonly GrantScope[];
  /** Tools that it names; empty for any. */
  readonly tools: readonly string[];
  /** Milliseconds since 1970. */
  readonly expires: number | undefined;
}

/** Reads a stored credential; `undefined` if it isn't a grant. Entries of its scope that can't be read cover nothing. */
export function readHeldGrant({ credentialJwt: signed, validUntil }: StoredCredential): HeldGrant | undefined {
  const claims = readClaims(signed);
  if (claims === undefined || claims.scope.length === 0) return undefined;
  const { grant } = claims.subject;
  const expires = Date.parse(validUntil ?? claims.validUntil ?? "");
  return {
    id: claims.id,
    signed,
    scope: claims.scope.map(readScope).filter((scope) => scope !== undefined),
    tools: isJsonObject(grant) ? textsOf(grant["tools"]) : [],
    expires: Number.isNaN(expires) ? undefined : expires,
  };
}

function readScope(value: unknown): GrantScope | undefined {
  if (!isJsonObject(value)) return undefined;
  const { protocol, messageTypes, resource } = value;
  if (typeof protocol !== "string") return undefined;
  return { protocol, messageTypes: textsOf(messageTypes), ...(typeof resource === "string" && resource !== "" && { resource }) };
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === "string") : [];
}
