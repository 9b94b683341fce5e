import type { JsonObject } from "@parley/core";

/** The purposes of a verification method. */
export type VerificationRelationship =
  | "authentication"
  | "assertionMethod"
  | "keyAgreement"
  | "capabilityInvocation"
  | "capabilityDelegation";

/** A public key in a DID document, in its original encoding. {@link publicKeyJwk} decodes it. */
export interface VerificationMethod {
  /** Absolute DID URL, starting with the DID of the document. */
  readonly id: string;
  readonly type: string;
  /** The DID that controls the key. */
  readonly controller: string;
  readonly publicKeyJwk?: JsonObject;
  readonly publicKeyMultibase?: string;
  readonly publicKeyBase58?: string;
  readonly publicKeyHex?: string;
}

/** A way to reach the subject of a DID document. */
export interface Service {
  /** Absolute: a DID URL or another URI. */
  readonly id: string;
  readonly type: string | readonly string[];
  readonly serviceEndpoint: string | JsonObject | readonly (string | JsonObject)[];
}

/**
 * A checked and normalized DID document. Ids are absolute, methods embedded in a relationship are moved to `verificationMethod`, and unknown
 * members are removed. It can be serialized as JSON.
 *
 * @see {@link https://www.w3.org/TR/did-core/#core-properties | DID Core, Core Properties}
 */
export interface DidDocument {
  readonly id: string;
  readonly alsoKnownAs?: readonly string[];
  readonly controller?: readonly string[];
  readonly verificationMethod: readonly VerificationMethod[];
  /** Ids of verification methods, which can belong to other DIDs. */
  readonly authentication: readonly string[];
  readonly assertionMethod: readonly string[];
  readonly keyAgreement: readonly string[];
  readonly capabilityInvocation: readonly string[];
  readonly capabilityDelegation: readonly string[];
  readonly service: readonly Service[];
  /** The latest rotations of the keys of an agent that holds them itself, oldest first, each signed with the former key. Not verified. */
  readonly keyRotations?: readonly string[];
}
