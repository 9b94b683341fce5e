import type { GroupStore, StorePartition } from "@parley/mls-engine";

const PARTITION = "channels/admissions";

/**
 * The join requests that this agent is approving, on disk from before the commit until the welcome is stored on the server. Entries found
 * after a crash are joiners that may be members without a Welcome.
 */
export class PendingAdmissionStore {
  readonly #store: GroupStore;
  #partition: Promise<StorePartition> | undefined;

  constructor(store: GroupStore) {
    this.#store = store;
  }

  /** Durable when it resolves. */
  async add(requestIds: readonly Uint8Array[]): Promise<void> {
    const value = new Uint8Array([1]);
    await (
      await this.#open()
    ).write(
      requestIds.map((id) => ({ key: nameOf(id), value })),
      "durable",
    );
  }

  async has(requestId: Uint8Array): Promise<boolean> {
    return (await this.#open()).get(nameOf(requestId)) !== undefined;
  }

  async remove(requestId: Uint8Array): Promise<void> {
    await (await this.#open()).write([{ key: nameOf(requestId), value: undefined }], "soon");
  }

  /** Closes its partition of the store. Idempotent. */
  async close(): Promise<void> {
    await (await this.#partition)?.close();
  }

  #open(): Promise<StorePartition> {
    this.#partition ??= this.#store.open(PARTITION);
    return this.#partition;
  }
}

function nameOf(requestId: Uint8Array): string {
  return Buffer.from(requestId).toString("hex");
}
