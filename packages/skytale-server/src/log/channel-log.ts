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
   * @throws StorageError `storage_failed`: none of the entries is stored.
   */
  append(channel: string, publisher: string, entries: readonly NewEntry[]): Promise<readonly AppendOutcome[]>;

  /**
   * Reads entries from a sequence on, as many as the log holds and the options allow. An entry that alone exceeds `maxBytes` is still
   * read when it is the first. A page from beyond the head, or from before the first sequence that is still there, is empty: its `head`
   * tells which.
   *
   * @throws StorageError `storage_failed`
   */
  read(channel: string, options: ReadOptions): Promise<LogPage>;

  /** What a channel's log holds. One that nobody appended to is empty, from 1 on. */
  head(channel: string): Promise<Head>;

  /**
   * Calls the listener with all that is appended from now on: in order, without gaps, each entry once, as soon as it is durable and not
   * later than its append resolves. It must not throw.
   *
   * @returns the head at the moment from which the listener is told, and how to end it.
   */
  watch(channel: string, listener: (page: Appended) => void): Promise<Watch>;

  /**
   * Bytes of the entries that a publisher has appended and that are still stored, over all channels. Entries of data directories that older
   * versions wrote count for no publisher.
   */
  storedBytes(publisher: string): number;

  /** The same for all publishers together. */
  readonly totalStoredBytes: number;

  /** Removes entries older than retention allows. Called by the relay's timer; each append enforces the limits on entries and bytes. */
  expire(): Promise<void>;

  /** Finishes the appends under way and refuses everything after. Leaves the storage under it open. */
  close(): Promise<void>;
}

/** An entry to append. */
export interface NewEntry {
  /** What is stored and handed out again, byte for byte. The log may keep the array itself. */
  readonly body: Uint8Array;
  /** Names the entry among its publisher's on this channel. */
  readonly key: string;
  /** Set on a commit: it is appended only if no other commit is on record for its epoch, or if it supersedes the one that is. */
  readonly commit?: CommitClaim;
}

/** What a commit says about itself. The log can't check it. */
export interface CommitClaim {
  readonly epoch: bigint;
  /** Sequence of the commit on record that it takes the place of. */
  readonly supersedes?: number | undefined;
}

/** What came of an entry. */
export type AppendOutcome =
  | {
      readonly status: "appended";
      readonly sequence: number;
      /** The epoch that the last commit on record, up to this entry, leads to; absent when there is none. */
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
  /** At most so many entries. */
  readonly limit: number;
  /** At most so many bytes of bodies. */
  readonly maxBytes: number;
}

/** Entries that follow one another. */
export interface Appended {
  /** Sequence of the first one. */
  readonly first: number;
  readonly bodies: readonly Uint8Array[];
}

/** What {@link ChannelLog.read} found. `first` is what was asked for. */
export interface LogPage extends Appended {
  readonly head: Head;
}

/** What a log holds: `first` up to, not including, `next`. */
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

/** How much a channel's log keeps. The oldest goes first, a group that was appended together at a time. */
export interface Retention {
  /** Entries. Default 1,000,000. */
  readonly maxEntries: number;
  /** Bytes of bodies. Default 1 GiB. */
  readonly maxBytes: number;
  /** Milliseconds. Default 30 days. */
  readonly maxAgeMs: number;
}
