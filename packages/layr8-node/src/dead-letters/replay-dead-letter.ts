import { decodePlaintext, isJsonObject, type Message } from "@parley/core";
import type { Clock } from "../clock.ts";
import type { Inbox } from "../inbox/inbox.ts";
import type { Remote } from "../routing/remote.ts";
import type { DeadLetter } from "./dead-letter.ts";

/** What {@link replayDeadLetter} uses. */
export interface ReplayTools {
  readonly inbox: Inbox;
  readonly remote: Remote;
  readonly clock: Clock;
  /** Lifetime of the replayed message, in milliseconds. */
  readonly messageTtlMs: number;
}

/**
 * Sends a dead letter again: an inbound one to the inbox of its recipient, where it gets a new place, an outbound one to the outbound queue.
 * It gets the lifetime of a new message; its own `expires_time` is removed. Resolves when it is durable.
 *
 * @throws Error if an inbox or the queue is full, or the recipient can't be reached; StorageError
 */
export async function replayDeadLetter(letter: DeadLetter, plaintext: string, tools: ReplayTools): Promise<void> {
  const text = withoutExpiry(plaintext);
  const expiresAt = tools.clock.lifetimeStart() + tools.messageTtlMs;
  // Distinguishes the replay from the first copy, which the stores remember.
  const expires = Math.floor(expiresAt / 1000) + letter.id / 2 ** 32;
  if (letter.direction === "outbound") return sendAgain(letter, text, expires, tools.remote);
  const { to: recipient, messageId: id, type, from, thread, parentThread, authorized, senderCredentials } = letter;
  const message = { recipient, id, type, from, thread, parentThread, plaintext: text, authorized, senderCredentials, expiresAt, expires };
  const appended = await tools.inbox.append(message);
  if (appended.status === "full") throw new Error(`the inbox of ${recipient} is full`);
  if (appended.status === "stored") await appended.durable;
}

async function sendAgain({ from = "", to }: DeadLetter, text: string, expires: number, remote: Remote): Promise<void> {
  const checked = remote.check(from, to);
  if (!checked.ok) throw new Error(checked.rejection.reason);
  const message: Message = { ...decodePlaintext(JSON.parse(text)).message, expiresTime: expires };
  const accepted = await remote.send(message, text, to);
  if (!accepted.ok) throw new Error(accepted.rejection.reason);
}

function withoutExpiry(plaintext: string): string {
  const parsed: unknown = JSON.parse(plaintext);
  if (!isJsonObject(parsed) || !("expires_time" in parsed)) return plaintext;
  const { expires_time: _, ...rest } = parsed;
  return JSON.stringify(rest);
}
