import type { JsonObject } from "@parley/core";
import { encodeBase64url } from "@parley/core/internal";
import { VcError } from "../vc-error.ts";
import { truncate } from "../json.ts";

/** Names of hash functions, and those of WebCrypto. */
const ALGORITHMS = { "sha-256": "SHA-256", "sha-384": "SHA-384", "sha-512": "SHA-512" } as const;

/** A hash function of the IANA registry of named information. */
export type HashAlgorithm = keyof typeof ALGORITHMS;

/**
 * The hash function of an SD-JWT, `sha-256` if the payload names none.
 *
 * @throws VcError `alg_not_allowed`
 * @see {@link https://www.rfc-editor.org/rfc/rfc9901#section-4.1.1 | RFC 9901, section 4.1.1}
 */
export function hashAlgorithmOf({ _sd_alg: name = "sha-256" }: JsonObject): HashAlgorithm {
  if (typeof name !== "string" || !Object.hasOwn(ALGORITHMS, name)) {
    throw new VcError("alg_not_allowed", `The hash function ${truncate(JSON.stringify(name) ?? "none")} is not supported`);
  }
  return name as HashAlgorithm;
}

/** Base64url of the hash of an ASCII text. */
export async function digestOf(text: string, algorithm: HashAlgorithm): Promise<string> {
  const hash = await crypto.subtle.digest(ALGORITHMS[algorithm], new TextEncoder().encode(text));
  return encodeBase64url(new Uint8Array(hash));
}
