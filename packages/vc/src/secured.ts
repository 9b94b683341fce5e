import { isJsonObject, type JsonObject } from "@parley/core";
import type { CredentialFormat } from "./format.ts";
import { cut, parseJsonObject } from "./json.ts";
import { readClaims, splitClaims, type Claims } from "./jwt/claims.ts";
import { isEnvelope, openEnvelope } from "./jwt/envelope.ts";
import { isMediaType, looksLikeJws, readJws, type Jws } from "./jwt/jws.ts";
import { credentialOfClaims, presentationOfClaims } from "./jwt/vcdm11.ts";
import type { Kind } from "./kind.ts";
import { readProof, type Proof } from "./proof/proof.ts";
import { VcError } from "./vc-error.ts";

/** A signed credential or presentation, taken apart; nothing of it has been verified. */
export interface Secured {
  readonly format: CredentialFormat;
  /** Without the proof, and without what a JWT adds. */
  readonly document: JsonObject;
  readonly headers: JsonObject;
  readonly signature: JwsSignature | ProofSignature;
}

/** How a JWS secures. */
export interface JwsSignature {
  readonly type: "compact_jwt" | "jwt";
  readonly jws: Jws;
  readonly claims: Claims;
}

/** How a proof secures. */
export interface ProofSignature {
  readonly type: "json";
  readonly proof: Proof;
}

/** Finds out which format a text, or a part of a presentation, has, and reads it. */
export function readSecured(input: string | JsonObject, kind: Kind, maxLength: number): Secured {
  if (typeof input !== "string") return readObject(input, kind);
  if (input.length > maxLength) throw new VcError("too_large", `A signed ${kind.name} has at most ${maxLength} characters`);
  // Text that was pasted often has white space around it.
  const text = input.trim();
  if (looksLikeJws(text)) return readToken(text, kind);
  if (text.startsWith("{")) return readObject(parseJsonObject(text, `The ${kind.name}`), kind);
  if (/^[\w-]+\.[\w-]*\.[\w-]*[.~]/.test(text)) {
    throw new VcError("format_unsupported", "Neither SD-JWT nor encrypted tokens are supported");
  }
  throw new VcError("malformed", `This is no signed ${kind.name}`);
}

function readObject(object: JsonObject, kind: Kind): Secured {
  if (isEnvelope(object, kind)) {
    const { mediaType, token } = openEnvelope(object, kind);
    const secured = readToken(token, kind);
    if (mediaType !== "application/jwt" && secured.format !== "compact_jwt") {
      throw new VcError("typ_invalid", `What is in the envelope is no ${kind.typ}`);
    }
    return { ...secured, format: "enveloped" };
  }
  const { proof, document } = readProof(object, kind);
  return { format: "json", document, headers: proof.options, signature: { type: "json", proof } };
}

function readToken(token: string, kind: Kind): Secured {
  const jws = readJws(token);
  const { typ } = jws.header;
  if (isMediaType(typ, kind.typ)) return readCompact(jws, kind);
  const untyped = typ === undefined || isMediaType(typ, "jwt");
  if (untyped && Object.hasOwn(jws.payload, kind.short)) return readVcdm11(jws, kind);
  throw new VcError("typ_invalid", `A ${kind.name} has the typ ${kind.typ}, not ${cut(JSON.stringify(typ) ?? "none")}`);
}

/** @see {@link https://www.w3.org/TR/vc-jose-cose/#with-jose | VC-JOSE-COSE, section 3.1} */
function readCompact(jws: Jws, kind: Kind): Secured {
  const { cty } = jws.header;
  if (cty !== undefined && !isMediaType(cty, kind.short)) throw new VcError("cty_invalid", `A ${kind.name} has the cty ${kind.short}`);
  for (const claim of ["vc", "vp"]) {
    if (Object.hasOwn(jws.payload, claim)) throw new VcError("claims_invalid", `The claim ${claim} is of VCDM 1.1`);
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
