import type { JsonObject } from "@parley/core";
import { decodeBase64url, encodeBase64url } from "@parley/core/eager";
import { decodeBase64urlText } from "../decode-base64url-text.ts";
import { truncate, parseJsonObject } from "../json.ts";
import { ALGORITHMS, type PrivateKey, type VerifyingKey } from "../keys/curves.ts";
import { VcError } from "../vc-error.ts";

/** A parsed JWS whose signature is not verified yet. */
export interface Jws {
  /** Compact serialisation. */
  readonly text: string;
  readonly header: JsonObject;
  readonly alg: string;
  readonly kid: string | undefined;
  readonly payload: JsonObject;
  /** The first two parts of the text, as bytes. */
  readonly signingInput: Uint8Array<ArrayBuffer>;
  readonly signature: Uint8Array<ArrayBuffer>;
}

const KNOWN_ALGORITHMS: ReadonlySet<string> = new Set(Object.values(ALGORITHMS).flat());

/** Whether a text has the three base64url parts of a compact JWS. */
export function looksLikeJws(text: string): boolean {
  return /^[\w-]+\.[\w-]*\.[\w-]*$/.test(text);
}

/**
 * Parses a compact JWS (RFC 7515, section 5.2, steps 1 to 7).
 *
 * Header members that carry a key (`jwk`, `jku`, `x5c`, `x5u`) are ignored: keys are taken from the DID document only.
 *
 * @throws VcError `malformed`, `too_large`, `crit_unsupported`, `alg_not_allowed`, `kid_invalid`
 */
export function readJws(text: string): Jws {
  const [protectedPart = "", payloadPart = "", signaturePart = "", ...rest] = text.split(".");
  const signature = decodeBase64url(signaturePart);
  if (rest.length > 0 || signature === undefined) throw new VcError("malformed", "The text is not a compact JWS");
  const header = readPart(protectedPart, "The JWS header");
  // `b64` has no effect without `crit`, but some implementations apply it (RFC 7797, section 6).
  if (header["crit"] !== undefined || header["b64"] !== undefined) {
    throw new VcError("crit_unsupported", "The JWS requires an extension that is not supported");
  }
  const { alg, kid } = header;
  if (typeof alg !== "string") throw new VcError("malformed", "The JWS has no alg");
  if (!KNOWN_ALGORITHMS.has(alg)) throw new VcError("alg_not_allowed", `The algorithm ${truncate(alg)} is not supported`);
  if (kid !== undefined && typeof kid !== "string") throw new VcError("kid_invalid", "The kid of the JWS must be a string");
  const payload = readPart(payloadPart, "The JWS payload");
  return { text, header, alg, kid, payload, signingInput: new TextEncoder().encode(`${protectedPart}.${payloadPart}`), signature };
}

/**
 * Verifies the signature. Only the algorithms of the key are allowed, whatever the header names (RFC 8725, section 3.1).
 *
 * @throws VcError `alg_not_allowed`, `signature_invalid`
 */
export async function verifyJws({ alg, signature, signingInput }: Jws, key: VerifyingKey): Promise<void> {
  if (!ALGORITHMS[key.curve].includes(alg)) throw new VcError("alg_not_allowed", `Keys of ${key.curve} cannot be used with ${alg}`);
  if (!(await key.verify(signature, signingInput))) throw new VcError("signature_invalid", "The JWS was not signed with this key");
}

/** Signs a payload with the preferred algorithm of the key. Returns the compact serialisation. */
export async function signJws(payload: JsonObject, header: JsonObject, { curve, sign }: PrivateKey): Promise<string> {
  const [alg] = ALGORITHMS[curve];
  const input = [{ alg, ...header }, payload].map(encodePart).join(".");
  return `${input}.${encodeBase64url(await sign(new TextEncoder().encode(input)))}`;
}

function encodePart(part: JsonObject): string {
  return encodeBase64url(new TextEncoder().encode(JSON.stringify(part)));
}

/** Whether a header value is the media type `application/<subtype>`, whose prefix is optional (RFC 7515, section 4.1.9). */
export function isMediaType(value: unknown, subtype: string): boolean {
  return typeof value === "string" && value.toLowerCase().replace(/^application\//, "") === subtype;
}

function readPart(part: string, name: string): JsonObject {
  const text = decodeBase64urlText(part);
  if (text === undefined) throw new VcError("malformed", `${name} is not base64url of UTF-8`);
  return parseJsonObject(text, name);
}
