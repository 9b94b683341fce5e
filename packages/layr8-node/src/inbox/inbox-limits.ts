import type { Depth, InboxLimits } from "./inbox.ts";

/** Options of an {@link Inbox}. */
export interface InboxOptions {
  readonly limits?: Partial<InboxLimits>;
  /** The owner of a recipient, whose inboxes share limits: an API key. Default: no owner. */
  readonly ownerOf?: (recipient: string) => string | undefined;
  /** Milliseconds since 1970; for tests. */
  readonly now?: () => number;
}

const DEFAULTS: InboxLimits = {
  maxMessages: 10_000,
  maxLength: 64 * 1024 * 1024,
  maxMessagesPerOwner: Number.POSITIVE_INFINITY,
  maxLengthPerOwner: Number.POSITIVE_INFINITY,
  deduplicationMs: 10 * 60_000,
  remoteDeduplicationMs: 24 * 60 * 60_000,
  maxRemembered: 2 * 1024 * 1024,
};

/** The limit that one more message would exceed: the recipient's or the owner's; `undefined` if there is room. */
export function fullOf(
  length: number,
  { recipient, owner }: { readonly recipient: Depth; readonly owner: Depth },
  limits: InboxLimits,
): "recipient" | "owner" | undefined {
  const { maxMessages, maxLength, maxMessagesPerOwner, maxLengthPerOwner } = limits;
  if (recipient.messages >= maxMessages || recipient.length + length > maxLength) return "recipient";
  return owner.messages >= maxMessagesPerOwner || owner.length + length > maxLengthPerOwner ? "owner" : undefined;
}

/** Adds the defaults. */
export function inboxLimits(limits: Partial<InboxLimits> = {}): InboxLimits {
  return { ...DEFAULTS, ...limits };
}
