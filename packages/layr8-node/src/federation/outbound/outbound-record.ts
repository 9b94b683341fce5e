import { numberAt, numbersKey } from "@parley/storage";
import type { MessageToStore } from "../../inbox/inbox.ts";
import { decodeMessage, encodeMessage, readIntactHeader } from "../../inbox/message-record.ts";
import { type Fingerprint, FINGERPRINT_LENGTH, fingerprintOf } from "../../inbox/recent-messages.ts";
import type { OutboundMessage } from "./outbound-message.ts";

/** Content of a key: all that is known of a message without reading it. */
export interface OutboundKey {
  readonly seq: number;
  readonly pair: number;
  readonly length: number;
  readonly expiresAt: number;
  readonly fingerprint: Fingerprint;
}

/** Bytes of a key before the fingerprint. */
const NUMBERS_LENGTH = 24;

/** The fingerprint of a message to another node: (recipient, sender, id, own expiry), as in inboxes. */
export function outboundFingerprint(message: OutboundMessage): Fingerprint {
  const { recipient, sender, id, expires } = message;
  return fingerprintOf({ recipient, from: sender, id, expires });
}

export function outboundKey({ seq, pair, length, expiresAt, fingerprint }: OutboundKey): Buffer {
  return Buffer.concat([numbersKey(seq, pair, length, expiresAt), Buffer.from(fingerprint, "latin1")]);
}

export function readOutboundKey(key: Uint8Array): OutboundKey {
  return {
    seq: numberAt(key, 0),
    pair: numberAt(key, 1),
    length: numberAt(key, 2),
    expiresAt: numberAt(key, 3),
    fingerprint: Buffer.from(key.subarray(NUMBERS_LENGTH, NUMBERS_LENGTH + FINGERPRINT_LENGTH)).toString("latin1"),
  };
}

export function encodeOutbound(message: OutboundMessage): Buffer {
  return encodeMessage(asIncoming(message));
}

/** @throws StorageError `record_damaged` */
export function decodeOutbound(sender: string, recipient: string, value: Uint8Array): OutboundMessage {
  const { id, type, plaintext, expiresAt } = decodeMessage(recipient, value);
  return { sender, recipient, id, type, plaintext, expiresAt };
}

/** Recovers all but body and thread of a damaged record. */
export function salvageOutbound(sender: string, recipient: string, value: Uint8Array): OutboundMessage | undefined {
  const header = readIntactHeader(value);
  if (header === undefined) return undefined;
  const { id, type, expiresAt } = header;
  const plaintext = JSON.stringify({ id, type, from: sender, to: [recipient], body: {} });
  return { sender, recipient, id, type, plaintext, expiresAt };
}

function asIncoming({ sender, recipient, id, type, plaintext, expiresAt }: OutboundMessage): MessageToStore {
  return { recipient, id, from: sender, type, plaintext, authorized: true, expiresAt };
}
