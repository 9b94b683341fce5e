import { encodeBase58, decodeBase58 } from "./base58.ts";
import { DidError } from "./did-error.ts";
import { readPublicJwk, type PublicJwk } from "./jwk.ts";

/** The multicodec jwk_jcs-pub, 0xeb51, as a varint. */
const PREFIX = Uint8Array.of(0xd1, 0xd6, 0x03);
/** Most characters of the multibase text; a key of P-521 has 304. */
const MAX_LENGTH = 512;

/**
 * Decodes a key with the multicodec jwk_jcs-pub: base58btc of a JWK that has only its required members, in canonical form (RFC 8785). Other
 * encodings of the same key are rejected, since each would be a different DID.
 *
 * @returns `undefined` if the text has another multicodec.
 * @throws DidError `key_unsupported`
 * @see {@link https://github.com/multiformats/multicodec/blob/master/table.csv | Multicodec table}
 * @see {@link https://www.rfc-editor.org/rfc/rfc8785 | RFC 8785}
 */
export function decodeJwkJcs(multibase: string): PublicJwk | undefined {
  const bytes = multibase.length <= MAX_LENGTH ? decodeBase58(multibase.slice(1)) : undefined;
  if (bytes === undefined || !PREFIX.every((byte, i) => bytes[i] === byte)) return undefined;
  const jwk = readPublicJwk(parse(bytes.subarray(PREFIX.length)));
  if (encodeJwkJcs(jwk) !== multibase) {
    throw new DidError("key_unsupported", "The public key must be a JWK with its required members only, in canonical form (RFC 8785)");
  }
  return jwk;
}

function encodeJwkJcs(jwk: PublicJwk): string {
  const { crv, kty, x } = jwk;
  // JCS sorts members by name, and these need no escapes.
  const canonical = JSON.stringify(jwk.kty === "EC" ? { crv, kty, x, y: jwk.y } : { crv, kty, x });
  return `z${encodeBase58(Uint8Array.of(...PREFIX, ...new TextEncoder().encode(canonical)))}`;
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new DidError("key_unsupported", "The public key is not JSON", { cause: error });
  }
}
