import { isJsonObject, type JsonObject } from "@parley/core";
import type { CredentialFormat } from "./credential-format.ts";
import { truncate, parseJsonObject } from "./json.ts";
import { readClaims, splitClaims, type Claims } from "./jwt/claims.ts";
import { isEnvelope, openEnvelope } from "./jwt/envelope.ts";
import { isMediaType, looksLikeJws, readJws, type Jws } from "./jwt/jws.ts";
import { credentialOfClaims, presentationOfClaims } from "./jwt/vcdm11.ts";
import type { Kind } from "./kind.ts";
import { readProof, type Proof } from "./proof/proof.ts";
import { VcError } from "./vc-error.ts";

/** A signed credential or presentation after parsing. Nothing in it is verified yet. */
export interface Secured {
  readonly format: CredentialFormat;
  /** Without the proof, and without the claims that JWT adds. */
  readonly document: JsonObject;
  readonly headers: JsonObject;
  readonly signature: JwsSignature | ProofSignature;
}

/** The signature of a JWS. */
export interface JwsSignature {
  readonly type: "compact_jwt" | "jwt";
  readonly jws: Jws;
  readonly claims: Claims;
}

/** The signature in a Data Integrity proof. */
export interface ProofSignature {
  readonly type: "json";
  readonly proof: Proof;
}

/**
 * Detects the format of a signed document, or of a credential within a presentation, and parses it.
 *
 * @throws VcError
 */
export function readSecured(input: string | JsonObject, kind: Kind, maxLength: number): Secured {
  if (typeof input !== "string") return readObject(input, kind);
  if (input.length > maxLength) throw new VcError("too_large", `The signed ${kind.name} has more than ${maxLength} characters`);
  // Pasted text often has surrounding white space.
  const text = input.trim();
  if (looksLikeJws(text)) return readToken(text, kind);
  if (text.startsWith("{")) return readObject(parseJsonObject(text, `The ${kind.name}`), kind);
  if (/^[\w-]+\.[\w-]*\.[\w-]*[.~]/.test(text)) {
    throw new VcError("format_unsupported", "Encrypted tokens are not supported, and SD-JWTs only by verifySdJwt of @parley/vc/sd-jwt");
  }
  throw new VcError("malformed", `The text is not a signed ${kind.name}`);
}

function readObject(object: JsonObject, kind: Kind): Secured {
  if (isEnvelope(object, kind)) {
    const { mediaType, token } = openEnvelope(object, kind);
    const secured = readToken(token, kind);
    if (mediaType !== "application/jwt" && secured.format !== "compact_jwt") {
      throw new VcError("typ_invalid", `The envelope contains a token that is not ${kind.typ}`);
    }
    return { ...secured, format: "enveloped" };
  }
  const { proof, document } = readProof(object, kind);
  return { format: "json", document, headers: proof.options, signature: { type: "json", proof } };
}

function readToken(token: string, kind: Kind): Secured {
  const jws = readJws(token);
  const { typ } = jws.header;
  const hasVcdm11Claim = Object.hasOwn(jws.payload, kind.short);
  const isDraft = isMediaType(typ, kind.draftTyp);
  if (isMediaType(typ, kind.typ) || (isDraft && !hasVcdm11Claim)) return readCompact(jws, kind);
  const untyped = typ === undefined || isMediaType(typ, "jwt");
  if ((untyped || isDraft) && hasVcdm11Claim) return readVcdm11(jws, kind);
  throw new VcError("typ_invalid", `The typ of a ${kind.name} must be ${kind.typ}, not ${truncate(JSON.stringify(typ) ?? "none")}`);
}

/** @see {@link https://www.w3.org/TR/vc-jose-cose/#with-jose | VC-JOSE-COSE, section 3.1} */
function readCompact(jws: Jws, kind: Kind): Secured {
  const { cty } = jws.header;
  if (cty !== undefined && !isMediaType(cty, kind.short))
    throw new VcError("cty_invalid", `The cty of a ${kind.name} must be ${kind.short}`);
  for (const claim of ["vc", "vp"]) {
    if (Object.hasOwn(jws.payload, claim))
      throw new VcError("claims_invalid", `The claim ${claim} of VCDM 1.1 is not allowed in a ${kind.typ}`);
  }
  const { document } = splitClaims(jws.payload, kind.short);
  return { format: "compact_jwt", document, headers: jws.header, signature: { type: "compact_jwt", jws, claims: readClaims(jws.payload) } };
}

/** @see {@link https://www.w3.org/TR/vc-data-model-1.1/#jwt-decoding | VCDM 1.1, section 6.3.1, JWT Decoding} */
function readVcdm11(jws: Jws, kind: Kind): Secured {
  const inner = jws.payload[kind.short];
  if (!isJsonObject(inner)) throw new VcError("claims_invalid", `The claim ${kind.short} must be an object`);
  const claims = readClaims(jws.payload);
  const document = kind.short === "vc" ? credentialOfClaims(inner, claims) : presentationOfClaims(inner, claims);
  return { format: "jwt", document, headers: jws.header, signature: { type: "jwt", jws, claims } };
}
