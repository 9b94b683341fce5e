import { createMessage, type Message, type ReceiptState } from "@parley/core";
import { asksForReceipts, deferred, KeyedMutex, RECEIPT } from "@parley/core/internal";
import { attachSignature, createReceipt, receiptDigest, type ReceiptFacts } from "@parley/didcomm-crypto";

/** Signs a receipt with the key of the DID in its `from`. Resolves to a JWS, or to `undefined` if the node does not hold the key. */
export type SignReceipt = (receipt: Message) => Promise<string | undefined>;

/** A message that asks for receipts. */
interface ConfirmedMessage {
  readonly id: string;
  readonly from?: string | undefined;
  readonly recipient: string;
  /** The text that was received. Absent if the node does not have it any more. */
  readonly plaintext?: string | undefined;
}

/** What a receipt says of a message. */
interface ReceiptContent extends Pick<ReceiptFacts, "messageId" | "sender" | "recipient" | "state" | "code" | "digest"> {
  /** Whether the message was not stored before. Default `true`. */
  readonly isNew?: boolean;
}

/** A message, and its text as it was received; absent if the node does not have it any more. */
export interface ReceivedText {
  readonly message: Message;
  readonly plaintext: string | undefined;
}

/** Options of {@link Receipts}. */
export interface ReceiptsOptions {
  readonly sign: SignReceipt;
  /** Sends a receipt to the sender of the message. Resolves once it is durable. */
  readonly send: (receipt: Message) => Promise<void>;
  /** Called with each receipt that was sent. */
  readonly onSent: ((state: ReceiptState) => void) | undefined;
  readonly onFailure: (error: unknown) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Whether a message is a receipt. Nothing is reported about these. */
export function isReceipt({ type }: Pick<Message, "type">): boolean {
  return type === RECEIPT;
}

/**
 * Sends receipts to the senders of messages that ask for them, signed in the recipient's name. The receipts of one message are sent one after the other,
 * in the order of the calls. A failure to send one is reported to `onFailure`, and does not affect the message.
 */
export class Receipts {
  readonly #options: ReceiptsOptions;
  readonly #order = new KeyedMutex();

  constructor(options: ReceiptsOptions) {
    this.#options = options;
  }

  /**
   * Stores a message and confirms that. The message may be delivered before it is durable; later receipts wait.
   *
   * @param store called at once, so that messages keep their order. Resolves once the message is durable. `isNew` is false if it was stored before: then what
   *   was stored may be another text than this one, and the receipt has no digest.
   */
  queued<T extends { readonly ok: boolean; readonly isNew: boolean }>(message: ConfirmedMessage, store: () => Promise<T>): Promise<T> {
    const storing = deferred<T>();
    const content = contentOf(message, "queued");
    const confirmed = this.#inOrder(content, async () => {
      const stored = await storing.promise;
      const { isNew } = stored;
      if (stored.ok) await this.#confirm(isNew ? content : { ...content, isNew, digest: undefined });
      return stored;
    });
    store().then(storing.resolve, storing.reject);
    return confirmed;
  }

  delivered(message: ConfirmedMessage): void {
    const content = contentOf(message, "delivered");
    void this.#inOrder(content, () => this.#confirm(content));
  }

  /** Resolves once the receipt is durable. Never rejects. */
  handled(message: ConfirmedMessage): Promise<void> {
    const content = contentOf(message, "handled");
    return this.#inOrder(content, () => this.#confirm(content));
  }

  /** Confirms that a message will not be handled, if it asks for receipts. Resolves once the receipt is durable. Never rejects. */
  async failed({ message, plaintext }: ReceivedText, recipient: string, code: string): Promise<void> {
    if (!asksForReceipts(message)) return;
    const { id, from } = message;
    const content = { ...contentOf({ id, from, recipient, plaintext }, "failed"), code };
    await this.#inOrder(content, () => this.#confirm(content));
  }

  /** Resolves once all receipts are durable. Called when the node closes. */
  idle(): Promise<void> {
    return this.#order.idle();
  }

  #inOrder<T>({ recipient, sender, messageId }: ReceiptContent, task: () => Promise<T>): Promise<T> {
    return this.#order.run(`${recipient} ${sender} ${messageId}`, task);
  }

  async #confirm({ isNew = true, ...content }: ReceiptContent): Promise<void> {
    const { sign, send, onSent, onFailure, now } = this.#options;
    try {
      const { id: derivedId, ...said } = createReceipt({ ...content, now: now() });
      // A sender that sends its message again may have lost the first receipt: another id, so that this one is not taken for a duplicate.
      const receipt = createMessage(isNew ? { ...said, id: derivedId } : said);
      const signed = await sign(receipt);
      if (signed === undefined) return;
      await send(attachSignature(receipt, signed));
      onSent?.(content.state);
    } catch (error) {
      onFailure(error);
    }
  }
}

/** The digest is computed at once, so that the text is not kept while receipts wait. */
function contentOf({ id: messageId, from: sender = "", recipient, plaintext }: ConfirmedMessage, state: ReceiptState): ReceiptContent {
  return { messageId, sender, recipient, state, ...(plaintext !== undefined && { digest: receiptDigest(plaintext) }) };
}
