import { ChurnMap } from "@parley/core/internal";
import type { ChannelLog } from "../log/channel-log.ts";
import type { WelcomeStore } from "../log/welcome-store.ts";

/** Options of {@link StorageQuota}. */
export interface StorageQuotaOptions {
  readonly log: Pick<ChannelLog, "storedBytes">;
  readonly welcomes: Pick<WelcomeStore, "storedBytes">;
  readonly maxBytesPerAccount: number;
}

/**
 * Limits the bytes that one account stores over all channels. Bytes that are being written count too, so that parallel streams of one
 * account don't exceed the limit together.
 */
export class StorageQuota {
  readonly #options: StorageQuotaOptions;
  readonly #writing = new ChurnMap<string, number>();

  constructor(options: StorageQuotaOptions) {
    this.#options = options;
  }

  /** Reserves bytes for a write. @returns ends the reservation, once the write is done; `undefined` when the bytes exceed the limit. */
  tryReserve(accountId: string, bytes: number): (() => void) | undefined {
    const { log, welcomes, maxBytesPerAccount } = this.#options;
    const writing = this.#writing.get(accountId) ?? 0;
    if (log.storedBytes(accountId) + welcomes.storedBytes(accountId) + writing + bytes > maxBytesPerAccount) return undefined;
    this.#writing.set(accountId, writing + bytes);
    return () => {
      const left = (this.#writing.get(accountId) ?? 0) - bytes;
      if (left > 0) this.#writing.set(accountId, left);
      else this.#writing.delete(accountId);
    };
  }
}
