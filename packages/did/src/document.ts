import type { JsonObject } from "@parley/core";

/** What a verification method may be used for. */
export type VerificationRelationship =
  | "authentication"
  | "assertionMethod"
  | "keyAgreement"
  | "capabilityInvocation"
  | "capabilityDelegation";

/** A public key of a DID document, as it stands there; {@link publicKeyJwk} reads it. */
export interface VerificationMethod {
  /** Absolute DID URL below the document's DID. */
  readonly id: string;
  readonly type: string;
  /** The DID that may act with this key. */
  readonly controller: string;
  readonly publicKeyJwk?: JsonObject;
  readonly publicKeyMultibase?: string;
  readonly publicKeyBase58?: string;
}

/** A way to reach the subject of a DID document. */
export interface Service {
  /** Absolute: a DID URL or another URI. */
  readonly id: string;
  readonly type: string | readonly string[];
  readonly serviceEndpoint: string | JsonObject | readonly (string | JsonObject)[];
}

/**
 * A DID document whose every member has been checked. Ids are absolute, a method that was written inside a relationship stands in
 * `verificationMethod` and is referred to, and members that this library does not know are gone. It can be written as JSON as it is.
 *
 * @see {@link https://www.w3.org/TR/did-core/#core-properties | DID Core, Core Properties}
 */
export interface DidDocument {
  readonly id: string;
  readonly alsoKnownAs?: readonly string[];
  readonly controller?: readonly string[];
  readonly verificationMethod: readonly VerificationMethod[];
  /** Ids of verification methods. They may name methods of other DIDs, whose documents hold the key. */
  readonly authentication: readonly string[];
  readonly assertionMethod: readonly string[];
  readonly keyAgreement: readonly string[];
  readonly capabilityInvocation: readonly string[];
  readonly capabilityDelegation: readonly string[];
  readonly service: readonly Service[];
}
