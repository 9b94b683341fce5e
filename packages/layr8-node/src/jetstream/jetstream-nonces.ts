import { ensureStreams, type JetstreamConnection, publish } from "@parley/jetstream";
import { type NonceRegister, nonceTimeMs } from "../credentials/nonce-memory.ts";

const NANOSECONDS = 1e6;

/** Nonces that several nodes have seen, in JetStream's memory. */
export class JetstreamNonces implements NonceRegister {
  readonly #connection: JetstreamConnection;
  readonly #stream: string;
  readonly #prefix: string;

  private constructor(connection: JetstreamConnection) {
    this.#connection = connection;
    this.#stream = `${connection.prefix}_nonces`.toUpperCase();
    this.#prefix = `${connection.prefix}.nonces.`;
  }

  /**
   * Opens the nonces on a connection.
   *
   * @param options `windowMs`: as of {@link NonceMemory}. `maxEntries`: nonces of all nodes. @throws JetstreamError
   *   `streams_unavailable`; StorageError `storage_failed`
   */
  static async open(
    connection: JetstreamConnection,
    { windowMs, maxEntries }: { readonly windowMs: number; readonly maxEntries: number },
  ): Promise<JetstreamNonces> {
    const nonces = new JetstreamNonces(connection);
    await ensureStreams(connection, [
      {
        name: nonces.#stream,
        subjects: [`${nonces.#prefix}*`],
        storage: "memory",
        max_age: nonceTimeMs(windowMs) * NANOSECONDS,
        // Dropping nonces early would allow replays.
        max_msgs: maxEntries,
        discard: "new",
      },
    ]);
    return nonces;
  }

  async add(nonce: string): Promise<boolean> {
    const place = { stream: this.#stream, subject: this.#prefix + nonce, expected: 0 };
    return (await publish(this.#connection, new Uint8Array(), place)).ok;
  }
}
