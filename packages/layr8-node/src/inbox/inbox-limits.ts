import type { InboxLimits } from "./inbox.ts";

/** What an inbox is made with. */
export interface InboxOptions {
  readonly limits?: Partial<InboxLimits>;
  /** Milliseconds since 1970; for tests. */
  readonly now?: () => number;
}

const DEFAULTS: InboxLimits = {
  maxMessages: 10_000,
  maxLength: 64 * 1024 * 1024,
  deduplicationMs: 10 * 60_000,
  remoteDeduplicationMs: 24 * 60 * 60_000,
  maxRemembered: 2 * 1024 * 1024,
};

/** The caps of an inbox, each one's default unless given. */
export function inboxLimits(limits: Partial<InboxLimits> = {}): InboxLimits {
  return { ...DEFAULTS, ...limits };
}
