import { MlsError } from "./errors.ts";

/** A Welcome with the position in the log from which the new member reads. */
export interface WelcomeBundle {
  /** Name of the channel. Not authenticated here: the group id is checked after joining. */
  readonly channel: string | undefined;
  /** Sequence number of the first log entry that the new member can decrypt. */
  readonly from: number;
  /** The Welcome itself (RFC 9420 §12.4.3.1), as an MLSMessage. */
  readonly welcome: Uint8Array;
}

/** "SKW" and a version. An MLSMessage begins with 0x0001. */
const MAGIC = Buffer.from([0x53, 0x4b, 0x57, 0x01]);
const HEADER_BYTES = MAGIC.length + 8 + 2;
const MAX_NAME_BYTES = 512;

/** `"SKW" 0x01 | from: u64 | name length: u16 | name | Welcome`, big-endian. */
export function encodeWelcome({ channel = "", from, welcome }: WelcomeBundle): Uint8Array {
  const name = Buffer.from(channel);
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  header.writeBigUInt64BE(BigInt(from), MAGIC.length);
  header.writeUInt16BE(name.length, MAGIC.length + 8);
  return Uint8Array.from(Buffer.concat([header, name, welcome]));
}

/**
 * Decodes a welcome. Also accepts a bare MLS Welcome, whose new member reads the log from its start.
 *
 * @throws MlsError `invalid_welcome`
 */
export function decodeWelcome(bytes: Uint8Array): WelcomeBundle {
  if (!(bytes instanceof Uint8Array)) throw new MlsError("invalid_welcome", "a welcome must be a Uint8Array: the result of addMember()");
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (!view.subarray(0, MAGIC.length).equals(MAGIC)) return { channel: undefined, from: 1, welcome: bytes };
  if (view.length < HEADER_BYTES) throw damaged();
  const from = Number(view.readBigUInt64BE(MAGIC.length));
  const nameLength = view.readUInt16BE(MAGIC.length + 8);
  const start = HEADER_BYTES + nameLength;
  if (!Number.isSafeInteger(from) || from < 1 || nameLength > MAX_NAME_BYTES || view.length <= start) throw damaged();
  const channel = view.subarray(HEADER_BYTES, start).toString();
  return { channel, from, welcome: Uint8Array.from(view.subarray(start)) };
}

function damaged(): MlsError {
  return new MlsError("invalid_welcome", "the welcome is damaged: check that all of it was transferred, as bytes");
}
