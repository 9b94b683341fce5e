import type { OutboundMessage } from "../federation/outbound/outbound-message.ts";
import type { InboxMessage } from "../inbox/inbox.ts";
import type { Problem } from "../routing/respond/failure-reporter.ts";
import type { NewDeadLetter } from "./dead-letter.ts";
import type { DeadLetterStore } from "./dead-letter-store.ts";
import { inboundDeadLetter, outboundDeadLetter } from "./new-dead-letter.ts";

/** Keeps the messages of hosted DIDs that failed permanently. */
export class DeadLetterKeeper {
  readonly #store: DeadLetterStore;
  readonly #isHosted: (did: string) => boolean;
  readonly #onFailure: (error: unknown) => void;

  /** @param onFailure a dead letter could not be stored. */
  constructor(store: DeadLetterStore, isHosted: (did: string) => boolean, onFailure: (error: unknown) => void) {
    this.#store = store;
    this.#isHosted = isHosted;
    this.#onFailure = onFailure;
  }

  /** Keeps a message that an agent here did not handle. */
  inbound(message: InboxMessage, problem: Problem): void {
    if (this.#isHosted(message.recipient)) this.#add(inboundDeadLetter(message, problem));
  }

  /** Keeps a message that its recipient's node did not accept. */
  outbound(message: OutboundMessage, problem: Problem): void {
    if (this.#isHosted(message.sender)) this.#add(outboundDeadLetter(message, problem));
  }

  #add(letter: NewDeadLetter): void {
    this.#store.add(letter).catch(this.#onFailure);
  }
}
