import { FrameError } from "./frame-error.ts";
import { checkCount } from "./limits.ts";
import { Reader } from "./reader.ts";
import { bytesFieldLength, numberFieldLength, Writer } from "./writer.ts";

/** The range of sequences in a channel's log: from `first` up to, not including, `next`. */
export interface WireHead {
  readonly first: number;
  readonly next: number;
}

/** `skytale.relay.v1.FetchRangeResponse`. */
export interface WireRange {
  readonly first: number;
  /** Encoded separately. */
  readonly messages: readonly Uint8Array[];
  readonly head: WireHead;
}

const MESSAGES = 2;
const HEAD = 3;

export function encodeRange({ first, messages, head }: WireRange): Uint8Array {
  const headLength = numberFieldLength(head.first) + numberFieldLength(head.next);
  let length = numberFieldLength(first) + bytesFieldLength(headLength);
  for (const message of messages) length += bytesFieldLength(message.length);
  const writer = new Writer(length);
  writer.number(1, first);
  for (const message of messages) writer.field(MESSAGES, message);
  writer.header(HEAD, headLength);
  writer.number(1, head.first);
  writer.number(2, head.next);
  return writer.bytes;
}

/** @throws FrameError */
export function decodeRange(bytes: Uint8Array): WireRange {
  const reader = new Reader(bytes);
  let first = 0;
  let head: WireHead | undefined;
  const messages: Uint8Array[] = [];
  while (reader.next()) {
    if (reader.field === 1) first = reader.number();
    else if (reader.field === MESSAGES) checkCount(messages.push(reader.bytes()));
    else if (reader.field === HEAD) head = decodeHead(reader.message());
    else reader.skip();
  }
  if (head === undefined) throw new FrameError("a range has no head");
  return { first, messages, head };
}

function decodeHead(reader: Reader): WireHead {
  let first = 0;
  let next = 0;
  while (reader.next()) {
    if (reader.field === 1) first = reader.number();
    else if (reader.field === 2) next = reader.number();
    else reader.skip();
  }
  return { first, next };
}
