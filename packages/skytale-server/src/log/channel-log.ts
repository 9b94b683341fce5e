/** The archive of all channels: one log per channel, of bytes that it doesn't read. */
export interface ChannelLog {
  /**
   * Appends a publisher's entries to a channel, in their order, and resolves when they are durable: what resolves outlives the process.
   * Entries of several calls on one channel are appended in the order of the calls.
   *
   * An entry whose key is known of this publisher on this channel is not appended again: it is answered with the sequence that it has.
   * How long keys are known is the log's stated window, which outlives the process too.
   *
   * @returns an outcome per entry, in their order.
   * @throws StorageError `storage_failed`: none of the entries is stored; in a log that several servers share, that may be unknown.
   * Appending them again under their keys is safe.
   */
  append(channel: string, publisher: string, entries: readonly NewEntry[]): Promise<readonly AppendOutcome[]>;

  /**
   * Reads entries from a sequence number on, up to the limits of the options. The first entry is returned even if it exceeds `maxBytes`.
   * The page is empty if the sequence number is beyond the head or before the first stored entry: compare it with the page's `head`.
   * Entries that were evicted keep their sequence numbers, and are returned as {@link EvictedRun}.
   *
   * @throws StorageError `storage_failed`
   */
  read(channel: string, options: ReadOptions): Promise<LogPage>;

  /** The range of stored entries of a channel. A channel without entries has an empty range from 1. */
  head(channel: string): Promise<Head>;

  /**
   * Calls the listener with all entries that are appended from now on: in order, without gaps, each entry once, once it is durable and
   * before its append resolves. It must not throw.
   *
   * @returns the head from which on the listener is called, and a function that ends the registration.
   */
  watch(channel: string, listener: (page: Appended) => void): Promise<Watch>;

  /**
   * Bytes of the entries that a publisher has appended and that are still stored, over all channels. Entries of data directories that older
   * versions wrote count for no publisher.
   */
  storedBytes(publisher: string): number;

  /** The same for all publishers together. */
  readonly totalStoredBytes: number;

  /** Whether a full log loses entries of the account that has the most, see {@link Retention}. Otherwise it loses its front. */
  readonly evictsByAccount: boolean;

  /**
   * Removes entries older than retention allows. Called by the relay's timer; each append enforces the limits on entries and bytes. A log
   * beyond them loses the oldest application entries of the account that has the most, see {@link Retention}.
   */
  expire(): Promise<void>;

  /**
   * Removes all entries of a channel, and its recorded commits. Sequence numbers continue, so that no two entries ever have the same.
   * Resolves when the removal is durable.
   *
   * @throws StorageError `storage_failed`: some of the entries may be removed
   */
  readonly clear: (channel: string) => Promise<void>;

  /** Completes the pending appends and rejects all later calls. Does not close the underlying storage. */
  close(): Promise<void>;
}

/** An entry to append. */
export interface NewEntry {
  /** The stored bytes, which reads return unchanged. The log may keep the array itself. */
  readonly body: Uint8Array;
  /** Names the entry among its publisher's on this channel. */
  readonly key: string;
  /** Set on a commit: it is appended only if no other commit is on record for its epoch, or if it supersedes the one that is. */
  readonly commit?: CommitClaim;
  /** Set on other entries that members need to follow the group, such as proposals. Like commits, they are not evicted by account. */
  readonly isHandshake?: boolean;
}

/** The sender's claims about a commit. The log cannot verify them. */
export interface CommitClaim {
  readonly epoch: bigint;
  /** Sequence of the recorded commit that it replaces. */
  readonly supersedes?: number | undefined;
}

/** What came of an entry. */
export type AppendOutcome =
  | {
      readonly status: "appended";
      readonly sequence: number;
      /** The epoch after the last recorded commit up to this entry; absent without one. */
      readonly logEpoch?: bigint | undefined;
    }
  | {
      /** It was appended before, under the same key. */
      readonly status: "duplicate";
      readonly sequence: number;
      /** As of now. */
      readonly logEpoch?: bigint | undefined;
    }
  /** Not appended: another commit is on record for its epoch. */
  | {
      readonly status: "epoch_taken";
      /** Sequence of the commit on record. */
      readonly winner: number;
      /** First epoch, from the claimed one on, for which none is on record. */
      readonly currentEpoch: bigint;
    };

/** Where to read, and how much. */
export interface ReadOptions {
  /** First sequence, from 1. */
  readonly from: number;
  /** Largest number of entries. */
  readonly limit: number;
  /** Largest number of bytes of bodies. */
  readonly maxBytes: number;
}

/** Entries that follow one another. */
export interface Appended {
  /** Sequence of the first one. */
  readonly first: number;
  readonly bodies: readonly Uint8Array[];
}

/** A run of evicted entries: retention has removed their bodies. */
export interface EvictedRun {
  /** How many. */
  readonly evicted: number;
}

/** Result of {@link ChannelLog.read}. */
export interface LogPage {
  /** The requested sequence number, which the first entry has. */
  readonly first: number;
  /** Bodies of entries, and runs of evicted ones. A run counts as one entry for the limit of the read. */
  readonly entries: readonly (Uint8Array | EvictedRun)[];
  readonly head: Head;
}

/** What a log holds: `first` up to, not including, `next`, except for evicted entries in between. */
export interface Head {
  /** The first sequence that is still there. */
  readonly first: number;
  /** The sequence that the next entry gets. */
  readonly next: number;
}

/** A listener's registration. */
export interface Watch {
  readonly head: Head;
  /** The listener is not called again. */
  stop(): void;
}

/**
 * How much a channel's log keeps. Entries that are too old are removed from the front, a group that was appended together at a time.
 *
 * A log that holds too many entries or bytes loses entries of the account that has the most: its oldest application entries, a group at a
 * time. Evicted entries keep their sequence numbers. Commits and proposals are not evicted. The front of the log is removed instead if one
 * account has all entries, if application entries are down to half of the limit, or if the front was written by an older version.
 */
export interface Retention {
  /** Entries, without evicted ones. Default 1,000,000. */
  readonly maxEntries: number;
  /** Bytes of bodies. Default 1 GiB. */
  readonly maxBytes: number;
  /** Milliseconds. Default 30 days. */
  readonly maxAgeMs: number;
}
