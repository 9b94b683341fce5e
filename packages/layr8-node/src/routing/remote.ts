import type { Message } from "@parley/core";
import type { AcceptResult, CheckResult } from "./rejection.ts";

/** Sends messages to agents on other nodes. */
export interface Remote {
  /**
   * Checks without network access whether a message of a hosted DID can be sent to a DID that isn't hosted here.
   *
   * @param isEncrypted the agent has encrypted it itself. Default `false`.
   */
  check(sender: string, recipient: string, isEncrypted?: boolean): CheckResult;
  /**
   * Enqueues a message for a recipient on another node. Resolves once it is durable here. Later failures are reported to the
   * sender.
   *
   * @param text the plaintext's JSON.
   */
  send(message: Message, text: string, recipient: string): Promise<AcceptResult>;
  /**
   * Enqueues a system message in the name of a DID. Remote agents can trigger these, so they may use less of the quota than agents'
   * messages; without room they are dropped.
   */
  sendSystemMessage(message: Message, text: string, recipient: string): Promise<void>;
}
