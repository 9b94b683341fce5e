import type { Delivery, JsonObject, Outcome } from "@parley/core";

/** Where settled deliveries go. */
export interface Settlement {
  /** `joinRef` identifies the join under which the message arrived: after another join the node delivers it again. */
  settle(messageId: string, outcome: Outcome, acknowledge: Delivery["acknowledge"], joinRef: string): void;
}

/** One message as the node delivered it. */
export class PhoenixDelivery implements Delivery {
  readonly plaintext: unknown;
  readonly context: unknown;
  readonly acknowledge: Delivery["acknowledge"];
  readonly #joinRef: string;
  #settlement: Settlement | undefined;

  constructor(payload: JsonObject, acknowledge: Delivery["acknowledge"], joinRef: string, settlement: Settlement) {
    this.plaintext = payload["plaintext"];
    this.context = payload["context"];
    this.acknowledge = acknowledge;
    this.#joinRef = joinRef;
    this.#settlement = settlement;
  }

  settle(outcome: Outcome): void {
    const settlement = this.#settlement;
    this.#settlement = undefined;
    const id = idOf(this.plaintext);
    // A message without an id cannot be acknowledged.
    if (id !== undefined) settlement?.settle(id, outcome, this.acknowledge, this.#joinRef);
  }
}

/** The payload of `dispatch_reply`, as JSON. */
export function dispatchReply(messageId: string, outcome: Outcome): string {
  const { status } = outcome;
  if (status !== "error") return JSON.stringify({ message_id: messageId, status });
  return JSON.stringify({ message_id: messageId, status, code: outcome.code, message: outcome.message });
}

function idOf(plaintext: unknown): string | undefined {
  if (typeof plaintext !== "object" || plaintext === null || !("id" in plaintext)) return undefined;
  return typeof plaintext.id === "string" ? plaintext.id : undefined;
}
