import { createHash } from "node:crypto";
import { backoffMs, sleep } from "@parley/core/internal";
import { type JetstreamConnection, SharedTable } from "@parley/jetstream";

/** How long a notice is kept, for nodes that can't reach NATS: they disconnect their agents long before, in milliseconds. */
const KEPT_MS = 60 * 60_000;
const BACKOFF = { initialMs: 1000, maxMs: 30_000 };
/** Bytes of a holder's hash. DIDs are longer than a subject may be. */
const HASH_BYTES = 20;

/** Tells all nodes that the credentials stored for a DID have changed: the latest notice for each DID is an entry of a table that they follow. */
export class WalletNotices {
  readonly #stop = new AbortController();
  /** DIDs whose notice is being written, and whether they have changed again since. */
  readonly #writing = new Map<string, boolean>();
  #onChanged: (holderDid: string) => void = () => undefined;
  #onFailure: (error: unknown) => void = () => undefined;
  #table!: SharedTable;

  private constructor() {}

  /** @throws JetstreamError `streams_unavailable`; StorageError `storage_failed` */
  static async open(connection: JetstreamConnection): Promise<WalletNotices> {
    const notices = new WalletNotices();
    notices.#table = await SharedTable.open(
      connection,
      { name: "wallets", maxAgeMs: KEPT_MS },
      { onEntry: ({ value }) => notices.#onChanged(Buffer.from(value).toString()), onRemoved: () => undefined },
    );
    return notices;
  }

  /** Sets the listeners: for the notices of all nodes, this one included, and for failed writes, which are repeated. */
  listen(onChanged: (holderDid: string) => void, onFailure: (error: unknown) => void): void {
    this.#onChanged = onChanged;
    this.#onFailure = onFailure;
  }

  /** Called when a change is stored. Writes the notice until that succeeds. */
  changed(holderDid: string): void {
    const isWriting = this.#writing.has(holderDid);
    this.#writing.set(holderDid, isWriting);
    if (!isWriting) void this.#write(holderDid);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#table.close();
  }

  async #write(holderDid: string): Promise<void> {
    const key = createHash("sha256").update(holderDid).digest().subarray(0, HASH_BYTES).toString("base64url");
    const { signal } = this.#stop;
    for (let failures = 0; this.#writing.has(holderDid) && !signal.aborted;) {
      this.#writing.set(holderDid, false);
      try {
        // oxlint-disable-next-line no-await-in-loop
        await this.#table.put(key, Buffer.from(holderDid));
        failures = 0;
        if (this.#writing.get(holderDid) === false) this.#writing.delete(holderDid);
      } catch (error) {
        if (signal.aborted) return;
        this.#onFailure(error);
        failures += 1;
        // oxlint-disable-next-line no-await-in-loop
        await sleep(backoffMs(failures, BACKOFF), signal);
      }
    }
  }
}
