import type { Message } from "@parley/core";
import type { Rejection } from "./rejection.ts";

/** The way to agents on other nodes. */
export interface Remote {
  /** Why a message of a DID that is hosted here can't go to one that isn't; `undefined` if it may be tried. */
  refuse(sender: string, recipient: string): Rejection | undefined;
  /**
   * Takes a message for a recipient on another node. Resolves to nothing once it is durable here: what becomes of it later is told to its
   * sender.
   *
   * @param text the plaintext's JSON.
   */
  send(message: Message, text: string, recipient: string): Promise<Rejection | undefined>;
  /**
   * Takes what the node itself says in the name of a DID. UnknownSenderLimiter can make it speak: so there is less room for that than for what agents
   * send, and what finds none is dropped.
   */
  say(message: Message, text: string, recipient: string): Promise<void>;
}
