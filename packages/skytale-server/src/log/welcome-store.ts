/** Keeps welcomes for those whom they address, until they are acknowledged or expire. */
export interface WelcomeStore {
  /**
   * Keeps a welcome for each of its recipients. Resolves when it is durable. The same bytes for the same recipient are kept once.
   *
   * @returns false when the channel, or the publisher on it, has too many welcomes waiting already; nothing is kept then.
   * @throws StorageError `storage_failed`
   */
  put(channel: string, welcome: NewWelcome): Promise<boolean>;

  /**
   * Those that wait for some recipients, oldest first. Some may be left out where they would exceed `maxBytes`, never the first.
   *
   * @throws StorageError `storage_failed`
   */
  fetch(channel: string, recipients: readonly Uint8Array[], maxBytes: number): Promise<readonly StoredWelcome[]>;

  /**
   * Removes Welcomes. Resolves once the removal is durable. Unknown ones are ignored.
   *
   * @throws StorageError `storage_failed`
   */
  acknowledge(channel: string, welcomes: readonly WelcomeId[]): Promise<void>;

  /**
   * Claims recipients for an account. A recipient belongs to the account that claims it first. Resolves when new claims are durable. Claims
   * expire as Welcomes do, and each account has a bounded number of them.
   *
   * @returns whether all of the recipients belong to the account.
   * @throws StorageError `storage_failed`
   */
  claim(channel: string, recipients: readonly Uint8Array[], accountId: string): Promise<boolean>;

  /** Removes all Welcomes of a channel. Resolves when the removal is durable. @throws StorageError `storage_failed` */
  readonly clear: (channel: string) => Promise<void>;

  /** Calls the listener whenever a welcome for one of the recipients has been put, on any server. Returns how to end it. */
  watch(channel: string, recipients: readonly Uint8Array[], listener: () => void): () => void;

  /** Bytes of the payloads that a publisher has stored, over all channels. */
  storedBytes(publisher: string): number;

  /** Removes expired Welcomes. Called by the relay's timer. */
  expire(): Promise<void>;

  /** Finishes what is under way and refuses everything after. Leaves the storage under it open. */
  close(): Promise<void>;
}

/** A welcome to keep. */
export interface NewWelcome {
  readonly recipients: readonly Uint8Array[];
  readonly payload: Uint8Array;
  /** The account that left it, whose share of the channel's welcomes it counts to. Absent for welcomes of older data directories. */
  readonly publisher?: string | undefined;
}

/** Names a welcome of one recipient. */
export interface WelcomeId {
  readonly id: Uint8Array;
  readonly recipient: Uint8Array;
}

/** A welcome that waits. */
export interface StoredWelcome extends WelcomeId {
  readonly payload: Uint8Array;
  /** Milliseconds since 1970. */
  readonly recordedAt: number;
}
