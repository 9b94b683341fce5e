import type { MessageCrypto } from "../crypto/mls-crypto.ts";
import { MlsError } from "../errors.ts";
import { Reader } from "../codec/reader.ts";
import { LAST_GENERATION, type RatchetType } from "./ratchet.ts";
import { MAX_LEAVES } from "../tree/tree-index.ts";
import { Writer } from "../codec/sized-writer.ts";

/** What the consumption of a key changes, as it is kept in a store. */
export type RatchetChange = Advance | TakeSkipped;

/** A ratchet has moved on. */
export interface Advance {
  readonly kind: "advance";
  readonly leaf: number;
  readonly type: RatchetType;
  /** The generation that the ratchet is at from now on, and its secret. */
  readonly next: number;
  readonly secret: Uint8Array;
  /** How many of the oldest skipped keys are given up. */
  readonly dropped: number;
  /** Keys and nonces of the generations up to the one before the consumed one, which is `next - 1`; the oldest first. */
  readonly skipped: readonly Uint8Array[];
}

/** The key of a skipped generation has been used. */
export interface TakeSkipped {
  readonly kind: "take";
  readonly leaf: number;
  readonly type: RatchetType;
  readonly generation: number;
}

const TAKE = 2;
const APPLICATION = 1;
const HEADER = 1 + 4 + 4;

/** 49 bytes with a hash of 32 for a message that comes in order; 9 for a late one. */
export function encodeRatchetChange(crypto: MessageCrypto, change: RatchetChange): Uint8Array {
  const type = change.type === "application" ? APPLICATION : 0;
  if (change.kind === "take") {
    return new Writer(HEADER)
      .u8(TAKE | type)
      .u32(change.leaf)
      .u32(change.generation)
      .finish();
  }
  const entry = crypto.keyLength + crypto.nonceLength;
  const writer = new Writer(HEADER + crypto.hashLength + 8 + change.skipped.length * entry)
    .u8(type)
    .u32(change.leaf)
    .u32(change.next)
    .bytes(change.secret)
    .u32(change.dropped)
    .u32(change.skipped.length);
  for (const key of change.skipped) writer.bytes(key);
  return writer.finish();
}

/** Throws MlsError `state_damaged`. */
export function decodeRatchetChange(crypto: MessageCrypto, bytes: Uint8Array): RatchetChange {
  try {
    return read(crypto, new Reader(bytes));
  } catch (cause) {
    throw new MlsError("state_damaged", "A stored change of a ratchet can't be read", { cause });
  }
}

function read(crypto: MessageCrypto, reader: Reader): RatchetChange {
  const flags = reader.u8();
  if (flags > (TAKE | APPLICATION)) throw new MlsError("state_damaged", "Unknown kind of change");
  const type = (flags & APPLICATION) === 0 ? "handshake" : "application";
  const leaf = reader.u32();
  if (leaf >= MAX_LEAVES) throw new MlsError("state_damaged", "No such leaf");
  const generation = reader.u32();
  if ((flags & TAKE) !== 0) {
    reader.end();
    return { kind: "take", leaf, type, generation };
  }
  if (generation > LAST_GENERATION + 1) throw new MlsError("state_damaged", "No such generation");
  const secret = reader.bytes(crypto.hashLength).slice();
  const dropped = reader.u32();
  const count = reader.u32();
  const skipped: Uint8Array[] = [];
  for (let at = 0; at < count; at++) skipped.push(reader.bytes(crypto.keyLength + crypto.nonceLength).slice());
  reader.end();
  return { kind: "advance", leaf, type, next: generation, secret, dropped, skipped };
}
