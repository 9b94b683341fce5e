import type { MessageToStore } from "../inbox/inbox.ts";

/** A message that failed permanently, without its plaintext. */
export type DeadLetter = {
  /** Ascending from 1, never reused. */
  readonly id: number;
  /** The agent hosted here: the recipient, or the sender of a message to another node. */
  readonly did: string;
  /** Whether the message was for the agent, or sent by it to another node. */
  readonly direction: "inbound" | "outbound";
  /** Problem code, as it was reported to the sender. */
  readonly code: string;
  /** Why, for people. */
  readonly reason: string;
  /** When it failed, in milliseconds since 1970. */
  readonly failedAt: number;
  readonly messageId: string;
  readonly to: string;
  /** Characters of its plaintext. */
  readonly length: number;
} & Pick<MessageToStore, "type" | "from" | "thread" | "parentThread" | "authorized" | "senderCredentials">;

/** A dead letter to store. */
export type NewDeadLetter = Omit<DeadLetter, "id" | "failedAt" | "length"> & { readonly plaintext: string };

/** Limits of dead letters. When one is reached, the oldest dead letters are removed. */
export interface DeadLetterLimits {
  /** Dead letters of one agent. */
  readonly maxDeadLetters: number;
  /** Characters of plaintext of one agent. */
  readonly maxDeadLetterLength: number;
  /** Dead letters of all agents. */
  readonly maxTotalDeadLetters: number;
  /** Characters of plaintext of all agents. */
  readonly maxTotalDeadLetterLength: number;
}
