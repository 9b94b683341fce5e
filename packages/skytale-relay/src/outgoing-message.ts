import { checkName, checkPayload, checkSequence } from "./check-arguments.ts";
import { type Kind, kindNumber } from "./kind.ts";
import { randomKey } from "./random-key.ts";
import { encodeMessage } from "./wire/message-codec.ts";

/** A message for the log of a channel. */
export interface PublishMessage {
  readonly kind: Exclude<Kind, "welcome">;
  /** The sender's epoch, 0 to 2^64 - 1. For a commit, the epoch that it ends. */
  readonly epoch: bigint;
  /** The ciphertext. Not empty. */
  readonly payload: Uint8Array;
  /**
   * Idempotency key, unique per account and channel: 1 to 64 bytes. Publishing again with the same key, within the relay's window, returns
   * the existing sequence. To retry after a restart, pass a stored key. Default: random.
   */
  readonly key?: Uint8Array;
  /** For commits only: the sequence of an invalid commit on record for the same epoch, which this one replaces. */
  readonly supersedes?: number;
}

/** A Welcome for new members of the group. */
export interface PublishWelcome {
  /** References of the recipients' key packages (RFC 9420, 5.2), 1 to 64 bytes each. */
  readonly recipients: readonly Uint8Array[];
  readonly payload: Uint8Array;
}

const MAX_EPOCH = 2n ** 64n - 1n;
const MAX_RECIPIENTS = 1024;
const NO_RECIPIENTS: readonly Uint8Array[] = [];

/** @throws TypeError, RelayError `message_too_large` */
export function outgoingMessage(message: PublishMessage, maxPayloadBytes: number): Uint8Array {
  const { kind, epoch, payload, key = randomKey(), supersedes = 0 } = message;
  // Untyped callers may pass "welcome", which would be stored without recipients.
  if (kindNumber(kind) === 0 || (kind as Kind) === "welcome") throw new TypeError("kind must be application, commit or proposal");
  if (typeof epoch !== "bigint" || epoch < 0n || epoch > MAX_EPOCH) throw new TypeError("epoch must be a bigint from 0 to 2^64 - 1");
  checkPayload(payload, maxPayloadBytes);
  checkName(key, "key");
  if (supersedes !== 0) {
    checkSequence(supersedes, "supersedes");
    if (kind !== "commit") throw new TypeError("Only a commit supersedes another");
  }
  return encodeMessage({ kind, epoch, payload, key, supersedes, recipients: NO_RECIPIENTS });
}

/** @throws TypeError, RelayError `message_too_large` */
export function outgoingWelcome({ recipients, payload }: PublishWelcome, maxPayloadBytes: number): Uint8Array {
  if (recipients.length === 0 || recipients.length > MAX_RECIPIENTS) {
    throw new TypeError(`A Welcome needs 1 to ${MAX_RECIPIENTS} recipients`);
  }
  for (const recipient of recipients) checkName(recipient, "Each recipient");
  checkPayload(payload, maxPayloadBytes);
  return encodeMessage({ kind: "welcome", epoch: 0n, payload, key: randomKey(), supersedes: 0, recipients });
}
