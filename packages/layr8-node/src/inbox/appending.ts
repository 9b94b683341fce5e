import type { Contents, StoredBox } from "./boxes.ts";
import type { Fingerprint } from "./recent-messages.ts";
import type { StoredRecentMessages } from "./stored-recent-messages.ts";

/** A pending append. */
export interface Appending {
  readonly box: StoredBox;
  readonly contents: Contents;
  readonly seq: number;
  /** The expiry in the box record written with it; infinite if none is written. */
  readonly recordedExpiresAt: number;
  readonly fingerprint: Fingerprint;
  readonly recent: StoredRecentMessages;
  readonly now: number;
  /** The floor of seqs written with it; 0 for none. */
  readonly floor: number;
}

/** Appends that share a flush. */
export interface AppendGroup {
  readonly durable: Promise<void>;
  readonly appends: Appending[];
}
