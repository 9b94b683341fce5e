import type { JsonObject } from "@parley/core";
import type { CredentialFormat } from "./credential-format.ts";
import { CREDENTIAL, PRESENTATION, type Kind } from "./kind.ts";
import { DEFAULT_LIMITS } from "./vc-limits.ts";
import { checkPresentation } from "./model/presentation.ts";
import { readSecured } from "./secured.ts";
import { VcError } from "./vc-error.ts";

/** A credential that was decoded and **not** verified. */
export interface DecodedCredential {
  readonly credential: JsonObject;
  /** Protected header of the JWS; for `json`, the proof without its value. */
  readonly headers: JsonObject;
  readonly format: CredentialFormat;
}

/** A presentation that was decoded and **not** verified. */
export interface DecodedPresentation {
  readonly presentation: JsonObject;
  /** Protected header of the JWS; for `json`, the proof without its value. */
  readonly headers: JsonObject;
  readonly format: CredentialFormat;
  readonly credentials: readonly DecodedCredential[];
}

/**
 * Decodes a signed credential **without verifying it**: anyone can have written it, and it can be expired or revoked. Use it to display
 * and sort stored credentials, and {@link verifyCredential} before relying on one.
 *
 * @throws VcError `malformed`, `too_large`, `format_unsupported`, or another code that describes why it cannot be decoded.
 * @throws TypeError if the argument is missing.
 */
export function decodeCredential(signed: string): DecodedCredential {
  return decode(signed);
}

/**
 * Decodes a signed presentation and its credentials **without verifying them**. See {@link decodeCredential}.
 *
 * @throws VcError with the codes of `decodeCredential`, or `presentation_invalid`.
 * @throws TypeError if the argument is missing.
 */
export function decodePresentation(signed: string): DecodedPresentation {
  const { document: presentation, headers, format } = read(signed, PRESENTATION, DEFAULT_LIMITS.maxPresentationLength);
  const { credentials } = checkPresentation(presentation);
  if (credentials.length > DEFAULT_LIMITS.maxCredentials) {
    throw new VcError("too_large", `The presentation has more than ${DEFAULT_LIMITS.maxCredentials} credentials`);
  }
  return { presentation, headers, format, credentials: credentials.map(decode) };
}

function decode(signed: string | JsonObject): DecodedCredential {
  const { document: credential, headers, format } = read(signed, CREDENTIAL, DEFAULT_LIMITS.maxCredentialLength);
  return { credential, headers, format };
}

function read(signed: string | JsonObject, kind: Kind, maxLength: number): ReturnType<typeof readSecured> {
  if (signed === undefined || signed === null) throw new TypeError(`A signed ${kind.name} must be a string`);
  return readSecured(signed, kind, maxLength);
}
