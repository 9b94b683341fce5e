import { isRecordDamaged, numbersKey, type Table, type WriteQueue } from "@parley/storage";
import type { StoredBox, Boxes } from "./boxes.ts";
import type { DamagedMessage, InboxMessage, MessageToStore, ReadOptions } from "./inbox.ts";
import { readRecordKey } from "./inbox-keys.ts";
import { inboxMessage } from "./inbox-message.ts";
import { decodeMessage, readIntactHeader } from "./message-record.ts";
import { intactRecordAt, recordAt } from "./message-segment.ts";
import type { Segments } from "./segments.ts";

/** The parts of an inbox that a {@link BoxReader} uses. */
export interface BoxReaderParts {
  readonly messages: Table;
  readonly writes: WriteQueue;
  readonly boxes: Boxes;
  readonly segments: Segments;
  /** A damaged message has left the inbox. */
  onDamaged(message: DamagedMessage): void;
}

/** Reads the messages of boxes from disk. Sets damaged records aside. */
export class BoxReader {
  readonly #parts: BoxReaderParts;

  constructor(parts: BoxReaderParts) {
    this.#parts = parts;
  }

  /** Reads messages, oldest first. */
  read(box: StoredBox, { after, limit, maxLength }: ReadOptions): readonly InboxMessage[] {
    const { boxes, messages: table } = this.#parts;
    const { messages, attempts } = boxes.contentsOf(box);
    const found: InboxMessage[] = [];
    let length = 0;
    const take = (message: MessageToStore, seq: number): void => {
      found.push(inboxMessage(message, seq, attempts.get(seq) ?? 0, messages.get(seq)?.receivedAt));
      length += message.plaintext.length;
    };
    const onDamaged = (key: Uint8Array): void => this.#setAside(box, key, Math.max(after, found.at(-1)?.seq ?? 0), take);
    const range = { start: numbersKey(box.id, after + 1), end: numbersKey(box.id + 1), onDamaged };
    if (messages.size === 0) return found;
    for (const { key, value } of table.getRange(range)) {
      const places = readRecordKey(key);
      for (const [index, { seq }] of places.entries()) {
        const place = seq > after ? messages.get(seq) : undefined;
        if (place === undefined) continue;
        const message = decodeIntact(box.recipient, place.length, recordAt(value, index, places.length));
        if (message === undefined) {
          onDamaged(key);
          break;
        }
        take(message, seq);
        if (found.length >= limit || length > maxLength) return found;
      }
    }
    return found;
  }

  /** Removes the unreadable messages of a record from the inbox, keeps the record aside, and passes on the messages that are intact. */
  #setAside(box: StoredBox, damagedKey: Uint8Array, after: number, onIntact: (message: MessageToStore, seq: number) => void): void {
    const { boxes, messages, segments, writes } = this.#parts;
    const contents = boxes.contentsOf(box);
    const places = readRecordKey(damagedKey);
    if (!places.some(({ seq }) => contents.messages.has(seq))) return;
    const record = messages.setAside(writes, Uint8Array.from(damagedKey));
    for (const [index, { seq }] of places.entries()) {
      const stored = contents.messages.get(seq);
      if (stored === undefined) continue;
      const intact = record && intactRecordAt(record, index, places.length);
      const message = decodeIntact(box.recipient, stored.length, intact);
      if (message !== undefined && intact !== undefined) {
        segments.separate(stored, intact);
        if (seq > after) onIntact(message, seq);
        continue;
      }
      boxes.remove(contents, seq);
      const part = record && recordAt(record, index, places.length);
      this.#parts.onDamaged({ recipient: box.recipient, seq, header: part && readIntactHeader(part) });
    }
    // After a failed write it stays in place, and the next start finds it.
    writes.flush().catch(() => undefined);
  }
}

/** Decodes a record; `undefined` if it is missing or damaged. */
function decodeIntact(recipient: string, length: number, record: Uint8Array | undefined): MessageToStore | undefined {
  if (record === undefined) return undefined;
  try {
    const message = decodeMessage(recipient, record);
    return message.plaintext.length === length ? message : undefined;
  } catch (error) {
    if (isRecordDamaged(error)) return undefined;
    throw error;
  }
}
