import { StorageError } from "@parley/storage";
import type { IncomingMessage } from "./inbox.ts";

type Header = [
  id: string,
  from: string | null,
  type: string,
  thread: string | null,
  parentThread: string | null,
  authorized: 0 | 1,
  expiresAt: number,
];

const LENGTH_BYTES = 4;

/** A message as bytes: a length, the small members as JSON, and the plaintext as it is, so that it's neither parsed nor escaped. */
export function encodeMessage(message: IncomingMessage): Buffer {
  const { id, from = null, type, thread = null, parentThread = null, authorized, expiresAt, plaintext } = message;
  const header = JSON.stringify([id, from, type, thread, parentThread, authorized ? 1 : 0, expiresAt] satisfies Header);
  const headerLength = Buffer.byteLength(header);
  const record = Buffer.allocUnsafe(LENGTH_BYTES + headerLength + Buffer.byteLength(plaintext));
  record.writeUInt32LE(headerLength, 0);
  record.write(header, LENGTH_BYTES);
  record.write(plaintext, LENGTH_BYTES + headerLength);
  return record;
}

/**
 * Reads what {@link encodeMessage} wrote.
 *
 * @throws StorageError `storage_failed` when it is damaged.
 */
export function decodeMessage(recipient: string, value: Uint8Array): IncomingMessage {
  try {
    const record = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    const bodyAt = LENGTH_BYTES + record.readUInt32LE(0);
    const [id, from, type, thread, parentThread, authorized, expiresAt] = JSON.parse(
      record.toString("utf8", LENGTH_BYTES, bodyAt),
    ) as Header;
    return {
      recipient,
      id,
      from: from ?? undefined,
      type,
      thread: thread ?? undefined,
      parentThread: parentThread ?? undefined,
      plaintext: record.toString("utf8", bodyAt),
      authorized: authorized === 1,
      expiresAt,
    };
  } catch (error) {
    throw new StorageError("storage_failed", "A stored message is damaged", { cause: error });
  }
}
