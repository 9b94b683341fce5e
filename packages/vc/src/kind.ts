import type { VerificationRelationship } from "@parley/did";
import type { VcErrorCode } from "./vc-error.ts";

/** The differences between credentials and presentations in how they are secured. */
export interface Kind {
  readonly name: "credential" | "presentation";
  /** `typ` of a JWS of VC-JOSE-COSE, and the subtype of its media type. */
  readonly typ: "vc+jwt" | "vp+jwt";
  /** `typ` in drafts of VC-JOSE-COSE, which issuers still write. The payload is then either form. */
  readonly draftTyp: "vc+ld+jwt" | "vp+ld+jwt";
  /** `cty` of a JWS of VC-JOSE-COSE, and the JWT claim of VCDM 1.1. */
  readonly short: "vc" | "vp";
  readonly type: "VerifiableCredential" | "VerifiablePresentation";
  readonly envelopeType: "EnvelopedVerifiableCredential" | "EnvelopedVerifiablePresentation";
  /** Relationship for which the DID document must list the key; also the `proofPurpose`. */
  readonly relationship: VerificationRelationship;
  /** Code for a document that violates the data model. */
  readonly invalid: VcErrorCode;
  /** Code for a signer that is not the issuer or holder. */
  readonly mismatch: VcErrorCode;
}

export const CREDENTIAL: Kind = {
  name: "credential",
  typ: "vc+jwt",
  draftTyp: "vc+ld+jwt",
  short: "vc",
  type: "VerifiableCredential",
  envelopeType: "EnvelopedVerifiableCredential",
  relationship: "assertionMethod",
  invalid: "credential_invalid",
  mismatch: "issuer_mismatch",
};

export const PRESENTATION: Kind = {
  name: "presentation",
  typ: "vp+jwt",
  draftTyp: "vp+ld+jwt",
  short: "vp",
  type: "VerifiablePresentation",
  envelopeType: "EnvelopedVerifiablePresentation",
  relationship: "authentication",
  invalid: "presentation_invalid",
  mismatch: "holder_mismatch",
};
