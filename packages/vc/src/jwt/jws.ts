import type { JsonObject } from "@parley/core";
import { decodeBase64url } from "@parley/core/eager";
import { lazily } from "@parley/core/lazily";
import { decodeBase64urlText } from "../decode-base64url-text.ts";
import { truncate, parseJsonObject } from "../json.ts";
import { ALGORITHMS, type ImportedKey } from "../keys/curves.ts";
import type { Signer } from "../keys/signing-key.ts";
import { VcError } from "../vc-error.ts";

/** Loaded by the first signature. */
const loadJose = lazily(() => import("jose"));

/** A parsed JWS whose signature is not verified yet. */
export interface Jws {
  /** Compact serialisation. */
  readonly text: string;
  readonly header: JsonObject;
  readonly alg: string;
  readonly kid: string | undefined;
  readonly payload: JsonObject;
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
  if (rest.length > 0 || decodeBase64url(signaturePart) === undefined) throw new VcError("malformed", "The text is not a compact JWS");
  const header = readPart(protectedPart, "The JWS header");
  // `b64` has no effect without `crit`, but some implementations apply it (RFC 7797, section 6).
  if (header["crit"] !== undefined || header["b64"] !== undefined) {
    throw new VcError("crit_unsupported", "The JWS requires an extension that is not supported");
  }
  const { alg, kid } = header;
  if (typeof alg !== "string") throw new VcError("malformed", "The JWS has no alg");
  if (!KNOWN_ALGORITHMS.has(alg)) throw new VcError("alg_not_allowed", `The algorithm ${truncate(alg)} is not supported`);
  if (kid !== undefined && typeof kid !== "string") throw new VcError("kid_invalid", "The kid of the JWS must be a string");
  return { text, header, alg, kid, payload: readPart(payloadPart, "The JWS payload") };
}

/**
 * Verifies the signature. Only the algorithms of the key are allowed, whatever the header names (RFC 8725, section 3.1).
 *
 * @throws VcError `alg_not_allowed`, `signature_invalid`, `malformed`
 */
export async function verifyJws(jws: Jws, { curve, cryptoKey }: ImportedKey): Promise<void> {
  const algorithms = ALGORITHMS[curve];
  if (!algorithms.includes(jws.alg)) throw new VcError("alg_not_allowed", `Keys of ${curve} cannot be used with ${jws.alg}`);
  const { compactVerify, errors } = await loadJose();
  try {
    await compactVerify(jws.text, cryptoKey, { algorithms: [...algorithms] });
  } catch (error) {
    if (error instanceof errors.JWSSignatureVerificationFailed) {
      throw new VcError("signature_invalid", "The JWS was not signed with this key", { cause: error });
    }
    throw new VcError("malformed", "The JWS cannot be parsed", { cause: error });
  }
}

/** Signs a payload with the preferred algorithm of the key. */
export async function signJws(payload: JsonObject, header: JsonObject, { curve, cryptoKey, kid }: Signer): Promise<string> {
  const [alg] = ALGORITHMS[curve];
  const bytes = new TextEncoder().encode(JSON.stringify(payload));
  const { CompactSign } = await loadJose();
  return new CompactSign(bytes).setProtectedHeader({ alg, ...header, kid }).sign(cryptoKey);
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
