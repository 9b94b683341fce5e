import * as zlib from "node:zlib";
import { StorageError } from "@parley/storage";
import type { MessageToStore, MessageHeader } from "./inbox.ts";

type Header = [
  id: string,
  from: string | null,
  type: string,
  thread: string | null,
  parentThread: string | null,
  authorized: 0 | 1,
  expiresAt: number,
  senderCredentials?: string,
  asksForReceipts?: 1,
];

/** Stands for missing credentials if another member follows. */
const NO_CREDENTIALS = "[]";

const LENGTH_BYTES = 4;
/** Offset of a header with a checksum. */
const HEADER_AT = LENGTH_BYTES + 4;
/** Set in the length of a header that is followed by its checksum. */
const HAS_CRC = 0x8000_0000;

/**
 * Encodes a message: a length, a CRC-32 of the header, the header (the small members as JSON), and the plaintext unchanged, so that it is
 * neither parsed nor escaped. The separate checksum makes it possible to report a message with a damaged plaintext to its sender.
 */
export function encodeMessage(message: MessageToStore): Buffer {
  const { id, from = null, type, thread = null, parentThread = null, authorized, expiresAt, plaintext } = message;
  const { senderCredentials, asksForReceipts } = message;
  const members: Header = [id, from, type, thread, parentThread, authorized ? 1 : 0, expiresAt];
  if (asksForReceipts === true) members.push(senderCredentials ?? NO_CREDENTIALS, 1);
  else if (senderCredentials !== undefined) members.push(senderCredentials);
  const header = JSON.stringify(members);
  const headerLength = Buffer.byteLength(header);
  const bodyAt = HEADER_AT + headerLength;
  const record = Buffer.allocUnsafe(bodyAt + Buffer.byteLength(plaintext));
  record.writeUInt32LE((headerLength | HAS_CRC) >>> 0, 0);
  record.write(header, HEADER_AT);
  record.writeUInt32LE(zlib.crc32(record.subarray(HEADER_AT, bodyAt)), LENGTH_BYTES);
  record.write(plaintext, bodyAt);
  return record;
}

/**
 * Decodes a message written by {@link encodeMessage}, or by an earlier version without the checksum of the header.
 *
 * @throws StorageError `record_damaged`
 */
export function decodeMessage(recipient: string, value: Uint8Array): MessageToStore {
  try {
    const record = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    const [headerAt, bodyAt] = partsOf(record);
    const header = headerOf(JSON.parse(record.toString("utf8", headerAt, bodyAt)) as Header);
    return { recipient, ...header, plaintext: record.toString("utf8", bodyAt) };
  } catch (error) {
    throw new StorageError("record_damaged", "A stored message is damaged", { cause: error });
  }
}

/** The header of a damaged record; `undefined` if the header may be damaged too. */
export function readIntactHeader(value: Uint8Array): MessageHeader | undefined {
  const record = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  try {
    const [headerAt, bodyAt] = partsOf(record);
    if (headerAt === LENGTH_BYTES) return undefined;
    const header = record.subarray(headerAt, bodyAt);
    return zlib.crc32(header) === record.readUInt32LE(LENGTH_BYTES) ? headerOf(JSON.parse(header.toString()) as Header) : undefined;
  } catch {
    return undefined;
  }
}

/** Offsets of a record's header and plaintext. */
function partsOf(record: Buffer): [headerAt: number, bodyAt: number] {
  const length = record.readUInt32LE(0);
  const headerAt = (length & HAS_CRC) === 0 ? LENGTH_BYTES : HEADER_AT;
  return [headerAt, headerAt + (length & ~HAS_CRC)];
}

function headerOf([id, from, type, thread, parentThread, authorized, expiresAt, senderCredentials, asks]: Header): MessageHeader {
  return {
    id,
    from: from ?? undefined,
    type,
    thread: thread ?? undefined,
    parentThread: parentThread ?? undefined,
    authorized: authorized === 1,
    senderCredentials: senderCredentials === NO_CREDENTIALS ? undefined : senderCredentials,
    expiresAt,
    asksForReceipts: asks === 1 || undefined,
  };
}
