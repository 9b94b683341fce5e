import type { JsonObject } from "@parley/core";
import { decodeBase64url } from "@parley/core/internal";
import { CompactSign, compactVerify, errors } from "jose";
import { decodeBase64urlText } from "../base64url.ts";
import { cut, parseJsonObject } from "../json.ts";
import { ALGORITHMS, type ImportedKey } from "../keys/curves.ts";
import type { Signer } from "../keys/signing-key.ts";
import { VcError } from "../vc-error.ts";

/** A JWS whose parts have been read and whose signature has not been checked. */
export interface Jws {
  /** Compact serialisation. */
  readonly text: string;
  readonly header: JsonObject;
  readonly alg: string;
  readonly kid: string | undefined;
  readonly payload: JsonObject;
}

const KNOWN_ALGORITHMS: ReadonlySet<string> = new Set(Object.values(ALGORITHMS).flat());

/** Whether a text has the three parts of a compact JWS. */
export function looksLikeJws(text: string): boolean {
  return /^[\w-]+\.[\w-]*\.[\w-]*$/.test(text);
}

/**
 * Reads a compact JWS (RFC 7515, section 5.2, steps 1 to 7).
 *
 * Members of the header that bring a key (`jwk`, `jku`, `x5c`, `x5u`) play no part: keys come from the DID's document.
 */
export function readJws(text: string): Jws {
  const [protectedPart = "", payloadPart = "", signaturePart = "", ...rest] = text.split(".");
  if (rest.length > 0 || decodeBase64url(signaturePart) === undefined) throw new VcError("malformed", "This is no compact JWS");
  const header = readPart(protectedPart, "The JWS header");
  // `b64` is meaningless without `crit`, but some would heed it (RFC 7797, section 6).
  if (header["crit"] !== undefined || header["b64"] !== undefined) {
    throw new VcError("crit_unsupported", "The JWS demands an extension that this library does not know");
  }
  const { alg, kid } = header;
  if (typeof alg !== "string") throw new VcError("malformed", "The JWS names no algorithm");
  if (!KNOWN_ALGORITHMS.has(alg)) throw new VcError("alg_not_allowed", `Credentials are not signed with ${cut(alg)}`);
  if (kid !== undefined && typeof kid !== "string") throw new VcError("kid_invalid", "The kid of the JWS must be a text");
  return { text, header, alg, kid, payload: readPart(payloadPart, "The JWS payload") };
}

/** Checks a signature with the algorithms of the key alone, whatever the header says. */
export async function verifyJws(jws: Jws, { curve, cryptoKey }: ImportedKey): Promise<void> {
  const algorithms = ALGORITHMS[curve];
  if (!algorithms.includes(jws.alg)) throw new VcError("alg_not_allowed", `A key of ${curve} does not sign with ${jws.alg}`);
  try {
    await compactVerify(jws.text, cryptoKey, { algorithms: [...algorithms] });
  } catch (error) {
    if (error instanceof errors.JWSSignatureVerificationFailed) {
      throw new VcError("signature_invalid", "The key did not sign this JWS", { cause: error });
    }
    throw new VcError("malformed", "The JWS can't be read", { cause: error });
  }
}

/** Signs a payload with the first algorithm of the key. */
export async function signJws(payload: JsonObject, header: JsonObject, { curve, cryptoKey, kid }: Signer): Promise<string> {
  const [alg] = ALGORITHMS[curve];
  const bytes = new TextEncoder().encode(JSON.stringify(payload));
  return new CompactSign(bytes).setProtectedHeader({ alg, ...header, kid }).sign(cryptoKey);
}

/** Compares a header's media type with one of the kind `application/…`, where the prefix may be left out (RFC 7515, section 4.1.9). */
export function isMediaType(value: unknown, subtype: string): boolean {
  return typeof value === "string" && value.toLowerCase().replace(/^application\//, "") === subtype;
}

function readPart(part: string, what: string): JsonObject {
  const text = decodeBase64urlText(part);
  if (text === undefined) throw new VcError("malformed", `${what} is no base64url of UTF-8`);
  return parseJsonObject(text, what);
}
