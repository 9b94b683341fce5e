import type { Handler } from "./handlers.ts";

/** Most messages remembered, as many as a node has in flight to one connection. It delivers the others again. */
const MAX_MESSAGES = 1024;

/** Messages that their handlers have not acknowledged yet, by id. */
export class Unacknowledged {
  readonly #acks = new Map<string, () => void>();

  /** A handler whose messages can be acknowledged by id as well as by `message.ack()`. */
  remember(handler: Handler): Handler {
    return (message) => {
      const { id } = message;
      const ack = (): void => {
        if (this.#acks.get(id) === ack) this.#acks.delete(id);
        message.ack();
      };
      this.#acks.delete(id);
      this.#acks.set(id, ack);
      const [oldest] = this.#acks.keys();
      if (this.#acks.size > MAX_MESSAGES && oldest !== undefined) this.#acks.delete(oldest);
      return handler({ ...message, ack });
    };
  }

  acknowledge(id: string): void {
    this.#acks.get(id)?.();
  }
}
