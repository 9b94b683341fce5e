import { isJsonArray, type JsonObject } from "./json.ts";
import type { Message } from "./message.ts";

/**
 * The states of a message in receipts.
 *
 * - `queued`: the recipient's node has stored it durably.
 * - `delivered`: the recipient's node has passed it to a connection of an agent.
 * - `handled`: the agent has acknowledged it.
 * - `failed`: it will not be handled. A problem code has the reason.
 */
export type ReceiptState = "queued" | "delivered" | "handled" | "failed";

/** The protocol of receipts. */
export const RECEIPTS = "https://parley.dev/receipts/1.0";
/** The only message type of the protocol. */
export const RECEIPT: string = `${RECEIPTS}/receipt`;

/** The header with which a message asks for acknowledgements: ids of messages, or `""` for the message itself. */
export const PLEASE_ACK = "please_ack";

/** The header that lists the ids of acknowledged messages. */
export const ACK = "ack";

/**
 * Whether a message asks for receipts about itself. Ids of other messages are ignored: only the sender of a message gets its receipts. Receipts
 * ask for none, and an anonymous sender gets none.
 *
 * @see {@link https://identity.foundation/didcomm-messaging/spec/v2.1/#acks | DIDComm v2.1, ACKs}
 */
export function asksForReceipts({ id, type, from, headers }: Pick<Message, "id" | "type" | "from" | "headers">): boolean {
  const asked = headers?.[PLEASE_ACK];
  if (asked === undefined || from === undefined || type === RECEIPT) return false;
  return isJsonArray(asked) && (asked.includes("") || asked.includes(id));
}

/** What the body of a receipt says. */
export interface ReceiptBody {
  readonly messageId: string;
  readonly state: ReceiptState;
  /** Why the message failed. */
  readonly code?: string;
  /** SHA-256 of the message that was received: of its `receiptText`. Absent on receipts of earlier versions, and on those of a message that its node does not have any more. */
  readonly digest?: string;
}

const STATES: ReadonlySet<unknown> = new Set<ReceiptState>(["queued", "delivered", "handled", "failed"]);
/** Characters of a message's id, and of a problem code. */
const MAX_ID = 2048;
const MAX_CODE = 256;
/** 32 bytes in base64url. */
const DIGEST = /^[\w-]{43}$/;

/** Reads the body of a receipt; `undefined` if it is malformed. */
export function readReceiptBody({ message_id: messageId, state, code, digest }: JsonObject): ReceiptBody | undefined {
  if (typeof messageId !== "string" || messageId.length > MAX_ID || !isReceiptState(state)) return undefined;
  if (code !== undefined && (typeof code !== "string" || code.length > MAX_CODE)) return undefined;
  if (digest !== undefined && (typeof digest !== "string" || !DIGEST.test(digest))) return undefined;
  return { messageId, state, ...(code !== undefined && { code }), ...(digest !== undefined && { digest }) };
}

function isReceiptState(value: unknown): value is ReceiptState {
  return STATES.has(value);
}
