import { sleep } from "@parley/core/internal";
import { type JetstreamConnection, type Lease, StreamReader } from "@parley/jetstream";
import { Deadlines } from "../deadlines.ts";
import { decodeHead } from "./box-records.ts";
import type { StreamPlace } from "./box-streams.ts";

/** A recipient with messages, and a time before which none of them expires. */
export interface KeptBox {
  readonly recipient: string;
  expiresAt: number;
}

const AGAIN_AFTER_MS = 1000;

/** Knows when messages of a shard's recipients expire, for as long as this server holds the shard's lease. */
export class ShardKeeper {
  readonly lease: Lease;
  readonly #place: StreamPlace;
  readonly #reader: StreamReader;
  readonly #boxes = new Map<string, KeptBox>();
  readonly #deadlines: Deadlines<KeptBox>;
  readonly #following: Promise<void>;
  #last = 0;

  /** @param place all messages of the shard. @param now milliseconds since 1970. */
  constructor(connection: JetstreamConnection, place: StreamPlace, lease: Lease, now: number) {
    this.lease = lease;
    this.#place = place;
    this.#reader = new StreamReader(connection, place.stream);
    this.#deadlines = new Deadlines(now);
    this.#following = this.#follow();
  }

  /** The boxes that may have expired messages. Each is due again after {@link keep}. */
  due(now: number): Iterable<KeptBox> {
    return this.#deadlines.due(now);
  }

  /** Sets when a box is due again; infinite: once it has another message. */
  keep(box: KeptBox, expiresAt: number): void {
    this.#deadlines.delete(box);
    if (expiresAt === Number.POSITIVE_INFINITY) {
      this.#boxes.delete(box.recipient);
      return;
    }
    box.expiresAt = expiresAt;
    this.#deadlines.add(box);
  }

  async close(): Promise<void> {
    await this.lease.release();
    await this.#following;
  }

  async #follow(): Promise<void> {
    const { lost } = this.lease;
    while (!lost.aborted) {
      try {
        for await (const { seq, headers } of this.#reader.messages(this.#place.subject, this.#last, Number.POSITIVE_INFINITY, true, lost)) {
          this.#last = seq;
          const head = decodeHead(headers);
          if (head !== undefined) this.#note(head.recipient, head.expiresAt);
        }
      } catch {
        // The stream has no leader at present.
      }
      await sleep(AGAIN_AFTER_MS, lost);
    }
  }

  #note(recipient: string, expiresAt: number): void {
    const known = this.#boxes.get(recipient);
    if (known !== undefined && known.expiresAt <= expiresAt) return;
    const box = known ?? { recipient, expiresAt };
    this.#boxes.set(recipient, box);
    this.keep(box, expiresAt);
  }
}
