import { protocolOf } from "@parley/core";
import { END_TO_END_PROTOCOL } from "@parley/didcomm-crypto";
import type { InboxMessage } from "../../inbox/inbox.ts";
import { isBuiltin } from "../respond/builtin-protocols.ts";
import { Bindings } from "./bindings.ts";
import type { Consumer } from "./consumer.ts";
import { ThreadRoutes } from "./thread-routes.ts";

/** The parts of a message that decide which connection receives it. */
export type Routable = Pick<InboxMessage, "id" | "type" | "thread" | "parentThread">;

const NONE: ReadonlySet<Consumer> = new Set();

/** Connections of one DID, and which of them receives a message: by its thread, by its protocol, or with the wildcard. */
export class ConsumerRoutes {
  readonly bindings: Bindings<Consumer> = new Bindings();
  readonly threads: ThreadRoutes<Consumer>;

  /** @param maxThreads number of threads remembered. */
  constructor(maxThreads: number) {
    this.threads = new ThreadRoutes(maxThreads);
  }

  /** The connection that receives a message, leaving out those in `except`; `undefined` without one. */
  find(message: Routable, except: ReadonlySet<Consumer> = NONE): Consumer | undefined {
    const requester = this.#requester(message);
    if (requester !== undefined && !except.has(requester)) return requester;
    const owner = this.bindings.find(protocolOf(message.type), except);
    if (owner !== undefined) return owner;
    // A response to a request from before a reconnection: the agent may still wait for it. Pings and queries are requests, which the node answers.
    if (continuesThread(message) && !isBuiltin(message)) return this.bindings.latest(except);
    // The agent has taken its keys from the node while the message waited in the clear: it refuses it, and the sender gets a report.
    return this.bindings.find(END_TO_END_PROTOCOL, except);
  }

  /** Whether a connection has sent the latest message on the thread of a message. */
  isOnOwnThread(message: Routable, consumer: Consumer): boolean {
    return this.#requester(message) === consumer;
  }

  /**
   * Whether a message counts as handled once received: a response to a connection that has no handler for it and whose agent doesn't
   * acknowledge responses. If it has a handler, that handler may process and acknowledge it.
   */
  isHandledOnReceipt(message: Routable, consumer: Consumer, onOwnThread: boolean): boolean {
    if (consumer.acknowledgesResponses) return false;
    if (!onOwnThread && (consumer.replies || !continuesThread(message))) return false;
    return !this.bindings.owns(consumer, protocolOf(message.type));
  }

  #requester({ thread, parentThread }: Routable): Consumer | undefined {
    return this.threads.find(thread) ?? this.threads.find(parentThread);
  }
}

/** Whether a message continues a thread, as responses do. */
export function continuesThread({ id, thread }: Routable): boolean {
  return thread !== undefined && thread !== id;
}
