import { decodeBase64url } from "@parley/core/internal";
import { decodeBase58, encodeBase58 } from "./base58.ts";
import { DidError } from "./did-error.ts";
import { ecJwk, okpJwk, type PublicJwk } from "./jwk.ts";
import { decompressPoint } from "./ec-point.ts";

/** Most characters of the multibase text; a key of P-521 has 95. */
const MAX_MULTIBASE_LENGTH = 128;
/** Most characters of a key in hexadecimal notation; an uncompressed point of secp256k1 has 130. */
const MAX_HEX_LENGTH = 130;

/** Curves by multicodec prefix, a varint of two bytes. */
const CURVES: ReadonlyMap<number, PublicJwk["crv"]> = new Map<number, PublicJwk["crv"]>([
  [0xed01, "Ed25519"],
  [0xec01, "X25519"],
  [0x8024, "P-256"],
  [0x8124, "P-384"],
  [0x8224, "P-521"],
  [0xe701, "secp256k1"],
]);

/**
 * Decodes a Multikey: multibase (base58btc or base64url) of the multicodec and the bytes of the key, compressed if it is a point.
 *
 * @throws DidError `key_unsupported`
 * @see {@link https://www.w3.org/TR/cid-1.0/#Multikey | Controlled Identifiers, Multikey}
 */
export function decodeMultikey(text: string): PublicJwk {
  const bytes = decodeMultibase(text);
  const crv = CURVES.get(((bytes?.[0] ?? 0) << 8) | (bytes?.[1] ?? 0));
  if (bytes === undefined || crv === undefined) {
    throw new DidError("key_unsupported", "The public key is not multibase, or its type is not supported");
  }
  const key = bytes.subarray(2);
  return crv === "Ed25519" || crv === "X25519" ? okpJwk(crv, key) : ecJwk(crv, decompressPoint(crv, key));
}

/** Encodes an Ed25519 key as a Multikey. */
export function encodeEd25519Multikey(key: Uint8Array): string {
  return `z${encodeBase58(Uint8Array.from([0xed, 0x01, ...key]))}`;
}

/** Encodes an X25519 key as a Multikey. */
export function encodeX25519Multikey(key: Uint8Array): string {
  return `z${encodeBase58(Uint8Array.from([0xec, 0x01, ...key]))}`;
}

/**
 * Decodes a key in base58btc without a multicodec, as used by the verification methods of 2018 and 2019.
 *
 * @throws DidError `key_unsupported`
 */
export function decodeBase58Key(text: string): Uint8Array {
  const bytes = text.length <= MAX_MULTIBASE_LENGTH ? decodeBase58(text) : undefined;
  if (bytes === undefined) throw new DidError("key_unsupported", "The public key is not base58btc, or too long");
  return bytes;
}

/**
 * Decodes a key in hexadecimal notation.
 *
 * @throws DidError `key_unsupported`
 */
export function decodeHexKey(text: string): Uint8Array {
  if (text.length > MAX_HEX_LENGTH || !/^(?:[0-9a-f]{2})+$/i.test(text)) {
    throw new DidError("key_unsupported", "The public key is not hexadecimal, or too long");
  }
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function decodeMultibase(text: string): Uint8Array | undefined {
  if (text.length > MAX_MULTIBASE_LENGTH) return undefined;
  if (text.startsWith("z")) return decodeBase58(text.slice(1));
  return text.startsWith("u") ? decodeBase64url(text.slice(1)) : undefined;
}
