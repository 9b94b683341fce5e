import type { Message } from "@parley/core";
import type { Mailboxes } from "../deliver/mailboxes.ts";
import { builtinResponse } from "./builtin-protocols.ts";
import type { SystemMessages } from "./system-messages.ts";

/** Responds to messages of built-in protocols in the name of recipients whose agents don't handle them. */
export class BuiltinResponder {
  readonly #mailboxes: Mailboxes;
  readonly #systemMessages: SystemMessages;

  constructor(mailboxes: Mailboxes, systemMessages: SystemMessages) {
    this.#mailboxes = mailboxes;
    this.#systemMessages = systemMessages;
  }

  /** Responds to a message, if a response is due. Resolves once it is durable. */
  async respond(message: Message, recipient: string): Promise<void> {
    const response = await builtinResponse(message, recipient, this.#mailboxes.protocolsOf(recipient));
    if (response !== undefined) await this.#systemMessages.send(response, message);
  }
}
