import type { RelayErrorCode } from "@parley/skytale-relay";

/** Data of a recorded message that the relay can see. */
export interface Published {
  readonly channel: string;
  readonly accountId: string;
  /** Welcomes are kept for their recipients; everything else is an entry of the channel's log. */
  readonly kind: "entries" | "welcome";
  /** How many of the entries are commits. */
  readonly commits: number;
  /** Milliseconds from the arrival of the messages until they were durable. */
  readonly ms: number;
}

/** Recorded messages that were offered to readers. */
export interface FannedOut {
  readonly channel: string;
  /** Sequence number of the first message. */
  readonly sequence: number;
  readonly messages: number;
  readonly bytes: number;
  readonly readers: number;
  /** Milliseconds until the last reader had them. */
  readonly ms: number;
}

/** Events of a relay for metrics and logs, without secrets. Listeners must not throw. */
export interface RelayObserver {
  /** A client of an account has opened a stream. */
  onOpened(accountId: string): void;
  /** A stream has ended. */
  onClosed(accountId: string): void;
  /** Work for an account begins: a frame, or a call. */
  onWork(what: string, accountId: string): void;
  /** Messages are recorded. */
  onPublished(messages: number, bytes: number, about: Published): void;
  /** Recorded messages were offered to all readers of their channel here. */
  readonly onFannedOut?: ((about: FannedOut) => void) | undefined;
  /** Messages are on their way to a subscriber. */
  onDelivered(messages: number, bytes: number): void;
  /** Messages, a subscription, a stream or a call were refused. */
  onRefused(what: "message" | "subscription" | "stream" | "call", code: RelayErrorCode): void;
  /** Messages were rejected because their account stores `maxStoredBytesPerAccount`. Called in addition to `onRefused`. */
  onStorageLimit(messages: number): void;
  /** A reader can't keep up, and is served from the log for a while. */
  onLagging(): void;
  /** The relay failed: its log, its access decisions, or itself. */
  onFailure(error: unknown): void;
}

/** What a relay holds at the moment. */
export interface RelayCounts {
  readonly streams: number;
  readonly subscriptions: number;
  /** Channels with subscribers. */
  readonly channels: number;
  /** Bytes of entries that count for an account. */
  readonly storedBytes: number;
  /** Bytes that wait to be sent to clients. */
  readonly waitingBytes: number;
}
