import { isJsonObject, type JsonObject } from "@parley/core";
import { rejectUnknownOptions } from "@parley/core/eager";
import type { CallOptions } from "../credentials.ts";
import type { Credential } from "../credential.ts";
import { readClaims } from "./credential-claims.ts";

/** Options of `delegateGrant`. */
export interface DelegateGrantOptions extends CallOptions {
  /** The DID that gets the derived grant: directly below the holder's, such as `<holder>:helper`. */
  readonly holderDid: string;
  /**
   * What the derived grant permits: entries of `{ protocol, messageTypes, resource? }`. It never permits more than the grant that it is derived from. Default:
   * the same.
   */
  readonly scope?: readonly JsonObject[];
  /** When it ends: RFC 3339 text or a Date. The grant that it is derived from can end it earlier. Default: with that one. */
  readonly validUntil?: string | Date;
}

/** A credential to sign, and its issuer: the holder of the grant that it is derived from. */
export interface DelegatedGrant {
  readonly issuerDid: string;
  readonly credential: Credential;
}

/** Derives a grant from another one. @throws TypeError if that isn't a grant with an id, or the new holder is not directly below its holder */
export function derivedGrant(signed: string, options: DelegateGrantOptions): DelegatedGrant {
  rejectUnknownOptions(options, ["holderDid", "scope", "validUntil", "signal"]);
  const { holderDid, scope, validUntil } = options;
  const claims = readClaims(signed);
  const holder = claims?.subject["id"];
  if (claims === undefined || claims.scope.length === 0 || typeof holder !== "string") {
    throw new TypeError("delegateGrant needs a grant as a compact JWS: a credential with a scope and a holder");
  }
  if (claims.id.startsWith("urn:jws:")) throw new TypeError("Only a grant with an id can be delegated");
  const prefix = `${holder}:`;
  if (typeof holderDid !== "string" || !holderDid.startsWith(prefix) || !/^[^:]+$/.test(holderDid.slice(prefix.length))) {
    throw new TypeError(`holderDid must be directly below the holder of the grant: ${prefix}<name>`);
  }
  const credentialSubject: JsonObject = {
    id: holderDid,
    scope: scope ?? claims.scope.filter(isJsonObject),
    ...(claims.subject["constraints"] !== undefined && { constraints: claims.subject["constraints"] }),
    delegation: { parentCapability: claims.id, parentCredential: signed },
  };
  const credential = {
    type: ["VerifiableCredential", "VerifiableGrant"],
    credentialSubject,
    ...(validUntil !== undefined && { validUntil }),
  };
  return { issuerDid: holder, credential };
}
