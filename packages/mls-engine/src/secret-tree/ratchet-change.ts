import { Reader } from "../codec/reader.ts";
import { Writer } from "../codec/writer.ts";
import type { CipherSuite } from "../crypto/cipher-suite.ts";
import { MlsEngineError } from "../errors.ts";
import { LAST_GENERATION, MAX_LEAVES, type RatchetType } from "./ratchet.ts";

/** A change of a secret tree by the consumption of a key, as it is stored. The encoding is private to this package. */
export type RatchetChange = Advance | TakeSkipped;

/** A ratchet advanced to a later generation. */
export interface Advance {
  readonly kind: "advance";
  readonly leaf: number;
  readonly type: RatchetType;
  /** The new generation of the ratchet, and its secret. */
  readonly next: number;
  readonly secret: Uint8Array;
  /** How many of the oldest skipped keys are dropped to make room. */
  readonly dropped: number;
  /** Keys and nonces of the generations before the consumed one, which is `next - 1`, in ascending order. */
  readonly skipped: readonly Uint8Array[];
}

/** The key of a skipped generation was consumed. */
export interface TakeSkipped {
  readonly kind: "take";
  readonly leaf: number;
  readonly type: RatchetType;
  readonly generation: number;
}

const TAKE = 2;
const APPLICATION = 1;
const HEADER = 1 + 4 + 4;

/** Takes 49 bytes (with a hash of 32) for a message in order, and 9 for a late one. */
export function encodeRatchetChange(suite: CipherSuite, change: RatchetChange): Uint8Array {
  const type = change.type === "application" ? APPLICATION : 0;
  if (change.kind === "take") {
    return new Writer(HEADER)
      .u8(TAKE | type)
      .u32(change.leaf)
      .u32(change.generation)
      .finish();
  }
  const entry = suite.keyLength + suite.nonceLength;
  const writer = new Writer(HEADER + suite.hashLength + 8 + change.skipped.length * entry)
    .u8(type)
    .u32(change.leaf)
    .u32(change.next)
    .raw(change.secret)
    .u32(change.dropped)
    .u32(change.skipped.length);
  for (const key of change.skipped) writer.raw(key);
  return writer.finish();
}

/** @throws MlsEngineError `state_damaged` */
export function decodeRatchetChange(suite: CipherSuite, bytes: Uint8Array): RatchetChange {
  try {
    return read(suite, new Reader(bytes));
  } catch (cause) {
    throw new MlsEngineError("state_damaged", "A stored change of a secret tree is damaged", { cause });
  }
}

function read(suite: CipherSuite, reader: Reader): RatchetChange {
  const flags = reader.u8();
  if (flags > (TAKE | APPLICATION)) throw new MlsEngineError("state_damaged", "A stored change of a secret tree has an unknown kind");
  const type = (flags & APPLICATION) === 0 ? "handshake" : "application";
  const leaf = reader.u32();
  if (leaf >= MAX_LEAVES) throw new MlsEngineError("state_damaged", "A stored change names a leaf outside the tree");
  const generation = reader.u32();
  if ((flags & TAKE) !== 0) {
    reader.end();
    return { kind: "take", leaf, type, generation };
  }
  if (generation > LAST_GENERATION + 1) throw new MlsEngineError("state_damaged", "A stored change has a generation out of range");
  const secret = reader.bytes(suite.hashLength).slice();
  const dropped = reader.u32();
  const count = reader.u32();
  const skipped: Uint8Array[] = [];
  for (let at = 0; at < count; at++) skipped.push(reader.bytes(suite.keyLength + suite.nonceLength).slice());
  reader.end();
  return { kind: "advance", leaf, type, next: generation, secret, dropped, skipped };
}
