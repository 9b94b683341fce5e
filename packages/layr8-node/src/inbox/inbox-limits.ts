import type { Depth, InboxLimits } from "./inbox.ts";

/** Options of an {@link Inbox}. */
export interface InboxOptions {
  readonly limits?: Partial<InboxLimits>;
  /** The owner of a recipient, whose inboxes share limits: an API key. Default: no owner. */
  readonly ownerOf?: (recipient: string) => string | undefined;
  /** Milliseconds since 1970; for tests. */
  readonly now?: () => number;
}

const PASSED: RoomCheckResult = { ok: true };

const DEFAULTS: InboxLimits = {
  maxMessages: 10_000,
  maxLength: 64 * 1024 * 1024,
  maxMessagesPerOwner: Number.POSITIVE_INFINITY,
  maxLengthPerOwner: Number.POSITIVE_INFINITY,
  deduplicationMs: 10 * 60_000,
  remoteDeduplicationMs: 24 * 60 * 60_000,
  maxRemembered: 2 * 1024 * 1024,
};

/** Result of {@link checkRoom}: if there is no room, whose limit is reached. */
type RoomCheckResult = { readonly ok: true } | { readonly ok: false; readonly of: "recipient" | "owner" };

/** Checks that one more message of a length is within the limits of its recipient and of the recipient's owner. */
export function checkRoom(
  length: number,
  { recipient, owner }: { readonly recipient: Depth; readonly owner: Depth },
  limits: InboxLimits,
): RoomCheckResult {
  const { maxMessages, maxLength, maxMessagesPerOwner, maxLengthPerOwner } = limits;
  if (recipient.messages >= maxMessages || recipient.length + length > maxLength) return { ok: false, of: "recipient" };
  if (owner.messages >= maxMessagesPerOwner || owner.length + length > maxLengthPerOwner) return { ok: false, of: "owner" };
  return PASSED;
}

/** Adds the defaults. */
export function inboxLimits(limits: Partial<InboxLimits> = {}): InboxLimits {
  return { ...DEFAULTS, ...limits };
}
