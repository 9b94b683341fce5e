import * as crypto from "node:crypto";
import { ensureStreams, type JetstreamConnection } from "@parley/jetstream";

/** Where one recipient's messages and marks are. */
export interface BoxPlace {
  readonly shard: number;
  readonly messages: StreamPlace;
  readonly marks: StreamPlace;
}

/** A subject of a stream, and the one under which the stream republishes it. */
export interface StreamPlace {
  readonly stream: string;
  readonly subject: string;
  readonly feed: string;
}

/** Options of {@link BoxStreams.open}. */
export interface BoxStreamsOptions {
  /** Streams among which recipients are divided. Fixed by the first start. Default 16. */
  readonly shards?: number | undefined;
  /** Messages that one recipient's box holds. */
  readonly maxMessages: number;
  /** JetStream removes messages and marks after this time, in milliseconds. */
  readonly maxAgeMs: number;
}

const DEFAULT_SHARDS = 16;
const NANOSECONDS = 1e6;
/** Bytes of a recipient's hash. DIDs are longer than a subject may be. */
const HASH_BYTES = 20;

/** The streams of all boxes: per shard, one of messages (`inbox`) and one of the owner's marks (`marks`). A recipient is a subject. */
export class BoxStreams {
  readonly shards: number;
  readonly #prefix: string;

  private constructor(prefix: string, shards: number) {
    this.#prefix = prefix;
    this.shards = shards;
  }

  /** Creates the streams unless they exist. @throws JetstreamError `streams_unavailable`; StorageError `storage_failed` */
  static async open(
    connection: JetstreamConnection,
    { shards = DEFAULT_SHARDS, maxMessages, maxAgeMs }: BoxStreamsOptions,
  ): Promise<BoxStreams> {
    const streams = new BoxStreams(connection.prefix, shards);
    const plans = Array.from({ length: shards }, (_, shard) => {
      const { messages, marks } = streams.#place(shard, "*");
      const common = ({ stream, subject, feed }: StreamPlace) => ({
        name: stream,
        subjects: [subject],
        max_age: maxAgeMs * NANOSECONDS,
        republish: { src: toAll(subject), dest: toAll(feed) },
      });
      const limit = { max_msgs_per_subject: maxMessages, discard: "new", discard_new_per_subject: true } as const;
      return [
        { ...common(messages), ...limit },
        { ...common(marks), allow_rollup_hdrs: true },
      ];
    });
    await ensureStreams(connection, plans.flat());
    return streams;
  }

  placeOf(recipient: string): BoxPlace {
    const hash = crypto.hash("sha256", recipient, "buffer");
    return this.#place(hash.readUInt32BE() % this.shards, hash.subarray(0, HASH_BYTES).toString("base64url"));
  }

  /** The messages of all recipients of a shard. */
  allOf(shard: number): StreamPlace {
    return this.#place(shard, "*").messages;
  }

  #place(shard: number, token: string): BoxPlace {
    const of = (name: string): StreamPlace => ({
      stream: `${this.#prefix}_${name}_${shard}`.toUpperCase(),
      subject: `${this.#prefix}.${name}.${shard}.${token}`,
      feed: `${this.#prefix}.${name}-feed.${shard}.${token}`,
    });
    return { shard, messages: of("inbox"), marks: of("marks") };
  }
}

/** All subjects of a shard: `*` at the end as `>`, which older servers need for republishing. */
function toAll(subject: string): string {
  return subject.replace(/\*$/, ">");
}
