import { createCipheriv, createDecipheriv, randomFillSync, type KeyObject } from "node:crypto";
import * as zlib from "node:zlib";

/** Protects a frame: `header, head, body, tail`. The cipher fills head and tail, and may encrypt the body in place. */
export interface FrameCipher {
  readonly headBytes: number;
  readonly tailBytes: number;
  /** Protects a frame in place, after its header and body were written. */
  seal(frame: Buffer, headerBytes: number, position: number): void;
  /** The body, or `undefined` if the frame was not written at this position of this file. */
  open(frame: Buffer, headerBytes: number, position: number): Buffer | undefined;
}

/** Detects accidental damage: a CRC-32 over header and body. The header depends on the file and the position. */
export const checksum: FrameCipher = {
  headBytes: 0,
  tailBytes: 4,
  seal(frame) {
    const end = frame.length - 4;
    frame.writeUInt32LE(zlib.crc32(frame.subarray(0, end)), end);
  },
  open(frame, headerBytes) {
    const end = frame.length - 4;
    return frame.readUInt32LE(end) === zlib.crc32(frame.subarray(0, end)) ? frame.subarray(headerBytes, end) : undefined;
  },
};

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Encrypts with AES-256-GCM under the key of one file, and binds each frame to its position.
 *
 * Nonces are random. A counter would repeat: a torn frame is cut off, and another one is written in its place under the same key, while an
 * attacker may have a copy of the torn one. NIST SP 800-38D, section 8.3, allows 2^32 random nonces per key, and a file never has that many
 * frames.
 */
export function aesGcm(key: KeyObject): FrameCipher {
  return {
    headBytes: NONCE_BYTES,
    tailBytes: TAG_BYTES,
    seal(frame, headerBytes, position) {
      const nonce = frame.subarray(headerBytes, headerBytes + NONCE_BYTES);
      randomFillSync(nonce);
      const body = frame.subarray(headerBytes + NONCE_BYTES, frame.length - TAG_BYTES);
      const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(placeOf(frame, position));
      cipher.update(body).copy(body);
      cipher.final();
      cipher.getAuthTag().copy(frame, frame.length - TAG_BYTES);
    },
    open(frame, headerBytes, position) {
      if (frame.length < headerBytes + NONCE_BYTES + TAG_BYTES) return undefined;
      const nonce = frame.subarray(headerBytes, headerBytes + NONCE_BYTES);
      const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES })
        .setAAD(placeOf(frame, position))
        .setAuthTag(frame.subarray(frame.length - TAG_BYTES));
      const body = decipher.update(frame.subarray(headerBytes + NONCE_BYTES, frame.length - TAG_BYTES));
      try {
        decipher.final();
        return body;
      } catch {
        return undefined;
      }
    },
  };
}

function placeOf(frame: Buffer, position: number): Buffer {
  const place = Buffer.alloc(16);
  place.writeBigUInt64LE(BigInt(position), 0);
  place.writeBigUInt64LE(BigInt(frame.length), 8);
  return place;
}
