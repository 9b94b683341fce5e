import type { StoredCredential } from "@parley/credentials-client";
import { callListener } from "./call-listener.ts";

/** Called with the credentials stored for an agent, after they have changed. */
export type WalletListener = (credentials: readonly StoredCredential[]) => unknown;

/** Options of {@link WalletWatcher}. */
export interface WalletWatcherOptions {
  /** Reads the credentials stored for the agent. */
  readonly read: () => Promise<readonly StoredCredential[]>;
  /** Whether the node announces changes: then nothing is read until {@link WalletWatcher.check}. */
  readonly isAnnounced: () => boolean;
  /** A listener has failed. */
  readonly onFailure: (error: unknown) => void;
  /** Milliseconds between two reads, where changes are not announced. */
  readonly pollMs: number;
}

/**
 * Watches the credentials stored for an agent. The first read only notes them. A read that fails changes nothing, and the next one counts; the order of the
 * credentials doesn't matter.
 */
export class WalletWatcher {
  readonly #options: WalletWatcherOptions;
  readonly #listeners = new Set<{ readonly call: WalletListener }>();
  #known: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isReading = false;
  #isStale = false;

  constructor(options: WalletWatcherOptions) {
    this.#options = options;
  }

  /** @returns a function that removes the listener. */
  add(call: WalletListener): () => void {
    const listener = { call };
    this.#listeners.add(listener);
    const { isAnnounced, pollMs } = this.#options;
    this.#timer ??= setInterval(() => {
      if (!isAnnounced()) this.check();
    }, pollMs).unref();
    this.check();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.stop();
    };
  }

  /** Reads the credentials, and calls the listeners if they have changed. */
  check(): void {
    if (this.#listeners.size === 0) return;
    this.#isStale = true;
    if (!this.#isReading) void this.#read();
  }

  /** Forgets what was read. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#known = undefined;
    this.#listeners.clear();
  }

  async #read(): Promise<void> {
    this.#isReading = true;
    while (this.#isStale) {
      this.#isStale = false;
      let credentials: readonly StoredCredential[];
      try {
        // oxlint-disable-next-line no-await-in-loop
        credentials = await this.#options.read();
      } catch {
        continue;
      }
      const signature = credentials
        .map(({ id, credentialJwt }) => `${id} ${credentialJwt}`)
        .toSorted((left, right) => (left < right ? -1 : 1))
        .join("\n");
      const before = this.#known;
      this.#known = signature;
      if (before !== undefined && before !== signature) this.#emit(credentials);
    }
    this.#isReading = false;
  }

  #emit(credentials: readonly StoredCredential[]): void {
    for (const { call } of this.#listeners) callListener(call, credentials, this.#options.onFailure);
  }
}
