import { encodePlaintext, ParleyError, parseMessageType, type JsonObject, type Message, type ReceiptState } from "@parley/core";
import { asksForReceipts, ChurnMap, KeyedMutex } from "@parley/core/internal";
import { attachSignature, createReceipt, packSigned } from "@parley/didcomm-crypto";
import type { Keyring } from "./keyring.ts";

/** Deliveries whose receipts are remembered. Those of a forgotten one may be made again, with the same ids. */
const MAX_REMEMBERED = 10_000;
/** `delivered` that the node has not accepted yet. Beyond them it is left out: the next receipt says more. */
const MAX_WAITING = 1000;
/** Characters of a problem code in a receipt. */
const MAX_CODE = 256;
/** Deliveries of a message whose last receipt is refused for the moment. Then it is settled without. */
const MAX_ATTEMPTS = 3;

/** The link ended before the node has accepted a receipt: it delivers the message again over the next one. */
const LINK_FAILURES: ReadonlySet<string> = new Set(["not_connected", "disconnected", "push_timeout", "closed", "taken_over"]);

/** A decrypted message, and what identifies its delivery. */
export interface ReceivedMessage {
  readonly message: Message;
  /** Its proven sender. */
  readonly sender: string;
  /**
   * Tag of its envelope. The node can't choose it, so that an envelope that is delivered twice gets its receipts once. A message that its sender has sent again,
   * because a receipt was lost, has another one.
   */
  readonly tag: string;
  /** Which delivery it is, from 1, as the node says. */
  readonly attempt: number;
  /** Of the text that was received; of a message that was handled before, of the text that was handled. See `receiptDigest`. */
  readonly digest: string | undefined;
}

/** What {@link AgentReceipts} needs. */
export interface AgentReceiptsParts {
  readonly keyring: Pick<Keyring, "did" | "signingKey">;
  /** Encrypts and sends a message. Resolves when the node has accepted it. */
  readonly send: (plaintext: JsonObject) => Promise<unknown>;
  readonly onFailure: (error: ParleyError) => void;
}

/** Answers messages that ask for receipts, for an agent that holds its keys itself. */
export class AgentReceipts {
  readonly #parts: AgentReceiptsParts;
  /** The latest state that the node has accepted, by delivery. */
  readonly #said = new ChurnMap<string, ReceiptState>();
  readonly #order = new KeyedMutex();
  #waiting = 0;

  constructor(parts: AgentReceiptsParts) {
    this.#parts = parts;
  }

  /** The agent takes a message. Failures are reported; the link's are not, since the next receipt says more. */
  async delivered(received: ReceivedMessage): Promise<void> {
    if (!isAnswered(received.message) || this.#waiting >= MAX_WAITING) return;
    this.#waiting += 1;
    try {
      await this.#say(received, "delivered");
    } catch (error) {
      const failure = ParleyError.from(error);
      if (!isLinkFailure(failure)) this.#parts.onFailure(failure);
    } finally {
      this.#waiting -= 1;
    }
  }

  /**
   * What became of a message, at last. Called before the message is settled.
   *
   * @param failure problem code of a message that is not handled.
   * @returns whether the message may be settled. If not, the node delivers it again, and this is called again.
   */
  async ended(received: ReceivedMessage, failure: string | undefined): Promise<boolean> {
    if (!isAnswered(received.message)) return true;
    try {
      await (failure === undefined ? this.#say(received, "handled") : this.#say(received, "failed", failure.slice(0, MAX_CODE)));
    } catch (error) {
      const cause = ParleyError.from(error);
      if (isLinkFailure(cause)) return false;
      this.#parts.onFailure(cause);
      return !cause.retryable || received.attempt >= MAX_ATTEMPTS;
    }
    return true;
  }

  /** Says each state of a delivery once, in the order of the calls, and nothing after a final one. */
  async #say({ message, sender, tag, digest }: ReceivedMessage, state: Exclude<ReceiptState, "queued">, code?: string): Promise<void> {
    const key = `${tag} ${sender} ${message.id}`;
    await this.#order.run(key, async () => {
      const said = this.#said.get(key);
      if (said !== undefined && (said !== "delivered" || state === "delivered")) return;
      const { keyring, send } = this.#parts;
      const receipt = createReceipt({ messageId: message.id, sender, recipient: keyring.did, state, code, digest, now: Date.now() });
      await send(encodePlaintext(attachSignature(receipt, packSigned(receipt, keyring.signingKey))));
      this.#remember(key, state);
    });
  }

  #remember(key: string, state: ReceiptState): void {
    this.#said.delete(key);
    this.#said.set(key, state);
    if (this.#said.size <= MAX_REMEMBERED) return;
    for (const [oldest] of this.#said) {
      this.#said.delete(oldest);
      return;
    }
  }
}

/** Whether a message gets receipts. Receipts and problem reports get none. */
function isAnswered(message: Message): boolean {
  return asksForReceipts(message) && parseMessageType(message.type)?.protocolName !== "report-problem";
}

function isLinkFailure({ code }: ParleyError): boolean {
  return LINK_FAILURES.has(code);
}
