import * as crypto from "node:crypto";
import { encodePlaintext, type Message } from "@parley/core";
import type { InboxMessage } from "../../inbox/inbox.ts";
import { NODE_OWNER, routedMessage } from "../routed-message.ts";
import type { Remote } from "../remote.ts";
import type { MessageStore } from "../store/message-store.ts";

/** The fields of a message for logs. */
export type MessageSummary = Pick<InboxMessage, "id" | "type" | "from" | "recipient">;

/** Options of {@link SystemMessages}. */
export interface SystemMessagesOptions {
  readonly store: MessageStore;
  readonly remote: Remote;
  readonly isHosted: (did: string) => boolean;
  /** A message could not be stored. Any agent can cause that, by sending requests and not reading the responses. */
  readonly onDropped: (message: MessageSummary, reason: string) => void;
}

/** Sends messages that the node itself creates in the name of a hosted DID: problem reports and responses of built-in protocols. */
export class SystemMessages {
  readonly #options: SystemMessagesOptions;

  constructor(options: SystemMessagesOptions) {
    this.#options = options;
  }

  /**
   * Sends a message to local or remote recipients. Resolves once it is durable.
   *
   * @param about the message that it responds to. If another node sends that again, the response has the same id and is recognized as a
   *   duplicate. Absent if the message has such an id itself.
   */
  async send(message: Message, about?: Message): Promise<void> {
    for (const recipient of message.to) {
      if (this.#options.isHosted(recipient)) await this.#store(message, recipient);
      else await this.#sendToRemote(about === undefined ? message : { ...message, id: responseId(message, about) }, recipient);
    }
  }

  async #store(message: Message, recipient: string): Promise<void> {
    const { id, type, from } = message;
    const origin = { sender: from ?? "", recipients: [recipient], owner: NODE_OWNER, remote: false };
    const result = await this.#options.store.store(routedMessage(message, textOf(message), origin), recipient);
    if (!result.ok) this.#options.onDropped({ id, type, from, recipient }, result.rejection.reason);
  }

  /** Messages that can't be sent are dropped, because other nodes must not be able to fill the node's log or the sender's outbox. */
  async #sendToRemote(message: Message, recipient: string): Promise<void> {
    const { remote, isHosted } = this.#options;
    const { from } = message;
    if (from === undefined || !isHosted(from) || !remote.check(from, recipient).ok) return;
    await remote.sendSystemMessage(message, textOf(message), recipient);
  }
}

function textOf(message: Message): string {
  return JSON.stringify(encodePlaintext(message));
}

/** A UUID (version 8) derived from the request and the response. */
function responseId({ from, type, body }: Message, about: Message): string {
  const digest = crypto.hash("sha256", JSON.stringify([about.from, about.id, from, type, body["code"] ?? null]), "hex");
  return `${digest.slice(0, 8)}-${digest.slice(8, 12)}-8${digest.slice(13, 16)}-a${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
}
