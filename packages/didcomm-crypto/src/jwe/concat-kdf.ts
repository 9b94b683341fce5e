import * as crypto from "node:crypto";
import type { KeyAlgorithm } from "./algorithms.ts";

/** The context that a derived key is bound to. */
export interface KdfParties {
  readonly alg: KeyAlgorithm;
  readonly apu: Uint8Array;
  readonly apv: Uint8Array;
  /** Tag of the encrypted content, with ECDH-1PU. */
  readonly tag: Uint8Array | undefined;
}

const ROUND = uint32(1);
const KEY_BITS = uint32(256);

/**
 * Derives a 256-bit key from the shared secrets with one round of the Concat KDF with SHA-256.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7518#section-4.6.2 | RFC 7518, section 4.6.2}
 * @see {@link https://datatracker.ietf.org/doc/html/draft-madden-jose-ecdh-1pu-04#section-2.3 | ECDH-1PU, section 2.3}
 */
export function concatKdf(secret: readonly Uint8Array[], { alg, apu, apv, tag }: KdfParties): Buffer {
  const name = Buffer.from(alg, "ascii");
  const parts = [ROUND, ...secret, uint32(name.length), name, uint32(apu.length), apu, uint32(apv.length), apv, KEY_BITS];
  if (tag !== undefined) parts.push(uint32(tag.length), tag);
  return crypto.hash("sha256", Buffer.concat(parts), "buffer");
}

function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
