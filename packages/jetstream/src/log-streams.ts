import { createHash } from "node:crypto";
import type { JetstreamConnection } from "./connection.ts";
import type { LogPlace } from "./shared-log.ts";
import { ensureStreams } from "./streams.ts";

/** How logs are distributed. */
export interface LogStreamsOptions {
  /** Names the streams and subjects: 1 to 16 characters of `a-z 0-9`. */
  readonly name: string;
  /** Number of streams, which must be the same on every server and every start. Default 16. */
  readonly shards?: number | undefined;
}

const DEFAULT_SHARDS = 16;

/** Streams that hold logs, each log under a key, which can be every text. */
export class LogStreams {
  readonly #prefix: string;
  readonly #name: string;
  readonly #shards: number;

  private constructor(prefix: string, name: string, shards: number) {
    this.#prefix = prefix;
    this.#name = name;
    this.#shards = shards;
  }

  /**
   * Creates the streams unless they exist: `<PREFIX>_<NAME>_<shard>`, with subjects `<prefix>.<name>.<shard>.<key>`, which they republish as
   * `<prefix>.<name>-feed.<shard>.<key>`.
   *
   * @throws JetstreamError `streams_unavailable`; StorageError `storage_failed` after the connection was closed.
   */
  static async open(connection: JetstreamConnection, { name, shards = DEFAULT_SHARDS }: LogStreamsOptions): Promise<LogStreams> {
    const streams = new LogStreams(connection.prefix, name, shards);
    const plans = Array.from({ length: shards }, (_, shard) => ({
      name: streams.#stream(shard),
      subjects: [streams.#subject(shard, "*")],
      // Only purges remove records, because a log has no holes.
      deny_delete: true,
      republish: { src: streams.#subject(shard, ">"), dest: streams.#feed(shard, ">") },
    }));
    await ensureStreams(connection, plans);
    return streams;
  }

  /** Where the log of a key is. */
  placeOf(key: string): LogPlace {
    const shard = createHash("sha256").update(key).digest().readUInt32BE() % this.#shards;
    const token = Buffer.from(key).toString("base64url");
    return { stream: this.#stream(shard), subject: this.#subject(shard, token), feed: this.#feed(shard, token) };
  }

  #stream(shard: number): string {
    return `${this.#prefix}_${this.#name}_${shard}`.toUpperCase();
  }

  #subject(shard: number, token: string): string {
    return `${this.#prefix}.${this.#name}.${shard}.${token}`;
  }

  #feed(shard: number, token: string): string {
    return `${this.#prefix}.${this.#name}-feed.${shard}.${token}`;
  }
}
