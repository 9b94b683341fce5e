import type { Message } from "@parley/core";
import type { Rejection } from "./rejection.ts";

/** Sends messages to agents on other nodes. */
export interface Remote {
  /**
   * Checks without network access whether a message of a hosted DID can be sent to a DID that isn't hosted here. Returns the rejection, or
   * `undefined` if sending may be attempted.
   */
  refuse(sender: string, recipient: string): Rejection | undefined;
  /**
   * Enqueues a message for a recipient on another node. Resolves to `undefined` once it is durable here. Later failures are reported to the
   * sender.
   *
   * @param text the plaintext's JSON.
   */
  send(message: Message, text: string, recipient: string): Promise<Rejection | undefined>;
  /**
   * Enqueues a system message in the name of a DID. Remote agents can trigger these, so they may use less of the quota than agents'
   * messages; without room they are dropped.
   */
  say(message: Message, text: string, recipient: string): Promise<void>;
}
