import type { KeyObject, webcrypto } from "node:crypto";
import type { JsonObject } from "@parley/core";
import type { CredentialFormat } from "./format.ts";

/** A private key and the verification method that it belongs to. */
export interface SigningKey {
  /** Absolute DID URL of the verification method: `did:web:issuer.example#signing`. */
  readonly kid: string;
  /** Ed25519, P-256 or P-384. */
  readonly privateKey: webcrypto.CryptoKey | KeyObject;
}

export interface SignCredentialOptions {
  readonly key: SigningKey;
  readonly format?: CredentialFormat;
  readonly now?: () => number;
}

export interface SignPresentationOptions {
  readonly holder: string;
  readonly key: SigningKey;
  readonly format?: CredentialFormat;
  readonly nonce?: string;
  readonly audience?: string | readonly string[];
  readonly now?: () => number;
}

export function signCredential(_credential: JsonObject, _options: SignCredentialOptions): Promise<string> {
  return Promise.reject(new Error("not written yet"));
}

export function signPresentation(_credentials: readonly string[], _options: SignPresentationOptions): Promise<string> {
  return Promise.reject(new Error("not written yet"));
}
