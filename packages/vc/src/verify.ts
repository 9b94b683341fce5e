import type { JsonObject } from "@parley/core";
import type { DidResolver } from "@parley/did";
import type { CredentialFormat } from "./format.ts";
import type { StatusListFetch } from "./status-list.ts";

export interface VerifyOptions {
  readonly resolver: DidResolver;
  /** Gets status list credentials. Without it, a credential that has a status is refused (`status_unavailable`); `"ignore"` skips the check. */
  readonly status?: StatusListFetch | "ignore";
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  readonly clockToleranceMs?: number;
  readonly signal?: AbortSignal;
}

export interface VerifyPresentationOptions extends VerifyOptions {
  readonly nonce?: string;
  readonly audience?: string;
}

export interface VerifiedCredential {
  /** The credential, as VCDM has it: what was signed. */
  readonly credential: JsonObject;
  /** Protected header of the JWS; for `json`, the proof without its value. */
  readonly headers: JsonObject;
  readonly format: CredentialFormat;
  readonly issuer: string;
}

export interface VerifiedPresentation {
  readonly presentation: JsonObject;
  readonly headers: JsonObject;
  readonly format: CredentialFormat;
  readonly holder: string;
  /** Its credentials, each verified. */
  readonly credentials: readonly VerifiedCredential[];
}

export function verifyCredential(_signed: string, _options: VerifyOptions): Promise<VerifiedCredential> {
  return Promise.reject(new Error("not written yet"));
}

export function verifyPresentation(_signed: string, _options: VerifyPresentationOptions): Promise<VerifiedPresentation> {
  return Promise.reject(new Error("not written yet"));
}
