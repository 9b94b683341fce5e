import type { JsonObject } from "@parley/core";
import type { CredentialFormat } from "./format.ts";
import { CREDENTIAL, PRESENTATION, type Kind } from "./kind.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { checkPresentation } from "./model/presentation.ts";
import { readSecured } from "./secured.ts";
import { VcError } from "./vc-error.ts";

/** A credential as it claims to be: nothing of it has been verified. */
export interface DecodedCredential {
  readonly credential: JsonObject;
  /** Protected header of the JWS; for `json`, the proof without its value. */
  readonly headers: JsonObject;
  readonly format: CredentialFormat;
}

/** A presentation as it claims to be: nothing of it has been verified. */
export interface DecodedPresentation {
  readonly presentation: JsonObject;
  /** Protected header of the JWS; for `json`, the proof without its value. */
  readonly headers: JsonObject;
  readonly format: CredentialFormat;
  readonly credentials: readonly DecodedCredential[];
}

/**
 * Reads a signed credential **without verifying anything**: anybody may have written it, it may have expired or been revoked. For showing
 * and sorting what is kept; {@link verifyCredential} is for believing it.
 *
 * @throws VcError `malformed`, `too_large`, `format_unsupported`, or the code of whatever else keeps it from being read.
 */
export function decodeCredential(signed: string): DecodedCredential {
  return decode(signed);
}

/**
 * Reads a signed presentation and its credentials **without verifying anything**. See {@link decodeCredential}.
 *
 * @throws VcError as decodeCredential does, and `presentation_invalid`.
 */
export function decodePresentation(signed: string): DecodedPresentation {
  const { document: presentation, headers, format } = read(signed, PRESENTATION, DEFAULT_LIMITS.maxPresentationLength);
  const { credentials } = checkPresentation(presentation);
  if (credentials.length > DEFAULT_LIMITS.maxCredentials) {
    throw new VcError("too_large", `A presentation has at most ${DEFAULT_LIMITS.maxCredentials} credentials`);
  }
  return { presentation, headers, format, credentials: credentials.map(decode) };
}

function decode(signed: string | JsonObject): DecodedCredential {
  const { document: credential, headers, format } = read(signed, CREDENTIAL, DEFAULT_LIMITS.maxCredentialLength);
  return { credential, headers, format };
}

function read(signed: string | JsonObject, kind: Kind, maxLength: number): ReturnType<typeof readSecured> {
  if (signed === undefined || signed === null) throw new TypeError(`A signed ${kind.name} is a text`);
  return readSecured(signed, kind, maxLength);
}
