import { threadOf, type Message, type ReceiptState } from "@parley/core";

import { didOf } from "../did-syntax.ts";
import { RANKS, type Receipt } from "./receipt.ts";
import { ReceiptRejectedError } from "./receipt-error.ts";

/** Different texts of a message that are remembered: each try may have another trace context, for instance. */
const MAX_TEXTS = 64;

/** A message that asks for receipts, and what its recipients have said. */
export class SentMessage {
  readonly id: string;
  readonly thread: string;
  readonly sender: string;
  readonly #recipients: ReadonlyMap<string, Receipt[]>;
  readonly #receipts: Receipt[] = [];
  /** Of the texts that were sent under this id, oldest first. */
  readonly #digests = new Set<string>();

  constructor(message: Message) {
    this.id = message.id;
    this.thread = threadOf(message);
    this.sender = message.from ?? "";
    this.#recipients = new Map(message.to.map((did) => [didOf(did), []]));
  }

  /** All receipts, in the order of their arrival. */
  get receipts(): readonly Receipt[] {
    return [...this.#receipts];
  }

  /** The receipt of a recipient that will not handle the message. */
  get failure(): Receipt | undefined {
    return this.#receipts.find(({ state }) => state === "failed");
  }

  isRecipient(did: string): boolean {
    return this.#recipients.has(did);
  }

  isFor({ to }: Message): boolean {
    const dids = new Set(to.map(didOf));
    return dids.size === this.#recipients.size && [...dids].every((did) => this.#recipients.has(did));
  }

  /** Recipients at which the message has not come as far. */
  pending(until: ReceiptState): readonly string[] {
    return [...this.#recipients.keys()].filter((did) => this.#rankOf(did) < RANKS[until]);
  }

  /** @throws ReceiptRejectedError `receipt_wrong_sender`, `receipt_replayed`, `receipt_out_of_order` */
  check(from: string, state: ReceiptState): void {
    const said = this.#recipients.get(from);
    if (said === undefined) {
      throw new ReceiptRejectedError("receipt_wrong_sender", `The receipt comes from ${from}, to which the message was not sent`);
    }
    if (said.some((receipt) => receipt.state === state && receipt.signed !== undefined)) {
      throw new ReceiptRejectedError("receipt_replayed", `${from} has said ${state} before`);
    }
    // Both `handled` and `failed` are final.
    const rank = this.#rankOf(from);
    if (rank > RANKS[state] || rank === RANKS.handled) {
      throw new ReceiptRejectedError("receipt_out_of_order", `${from} says ${state} of a message that had come further`);
    }
  }

  /** The message is sent as a text. */
  sentAs(digest: string): void {
    this.#digests.add(digest);
    const [oldest = ""] = this.#digests;
    if (this.#digests.size > MAX_TEXTS) this.#digests.delete(oldest);
  }

  /** Whether a receipt is about a text that was sent, as far as it says so. */
  hasText({ digest }: Receipt): boolean {
    return digest === undefined || this.#digests.has(digest);
  }

  add(receipt: Receipt): void {
    this.#recipients.get(receipt.from)?.push(receipt);
    this.#receipts.push(receipt);
  }

  #rankOf(did: string): number {
    return Math.max(0, ...(this.#recipients.get(did) ?? []).map(({ state }) => RANKS[state]));
  }
}
