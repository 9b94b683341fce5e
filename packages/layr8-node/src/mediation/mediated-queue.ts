import * as crypto from "node:crypto";
import type { Clock } from "../clock.ts";
import type { Depth, Inbox, InboxMessage } from "../inbox/inbox.ts";
import type { NodeLimits } from "../options.ts";

/** Type of a stored envelope, which the mediator can't read. */
const ENVELOPE = "application/didcomm-encrypted+json";
/** Key of an inbox with envelopes. No agent can join as it, since it isn't a DID. */
const PREFIX = "mediated:";
/** Room for the other parts of a delivery, in characters. */
const OVERHEAD = 4096;

/** Whether a stored message is an envelope in a mediator's queue, which only expires. */
export function isMediated({ recipient }: Pick<InboxMessage, "recipient">): boolean {
  return recipient.startsWith(PREFIX);
}

/** Result of {@link MediatedQueue.add}. */
export type Queued = "queued" | "duplicate" | "full" | "too_large";

/** Options of {@link MediatedQueue}. */
export interface MediatedQueueOptions {
  readonly inbox: Inbox;
  readonly limits: Pick<NodeLimits, "messageTtlMs" | "maxMessageLength">;
  readonly clock: Clock;
}

/** An envelope that waits for its agent. */
export interface WaitingEnvelope {
  readonly seq: number;
  readonly envelope: string;
}

/** Envelopes that wait at a mediator, in an inbox for each DID, with an inbox's limits and durability. */
export class MediatedQueue {
  readonly #options: MediatedQueueOptions;
  /** Most characters of an envelope: as base64 it has to fit into a message. */
  readonly #maxLength: number;

  constructor(options: MediatedQueueOptions) {
    this.#options = options;
    this.#maxLength = Math.floor(((options.limits.maxMessageLength - OVERHEAD) * 3) / 4);
  }

  /** Stores an envelope. Resolves once it is durable. @param expiresTime seconds since 1970. @throws StorageError `storage_failed` */
  async add(did: string, envelope: string, expiresTime: number | undefined): Promise<Queued> {
    if (Buffer.byteLength(envelope) > this.#maxLength) return "too_large";
    const { inbox, limits, clock } = this.#options;
    const longest = clock.lifetimeStart() + limits.messageTtlMs;
    const appended = await inbox.append({
      recipient: queueOf(did),
      id: crypto.hash("sha256", envelope, "base64url"),
      type: ENVELOPE,
      plaintext: envelope,
      authorized: true,
      expiresAt: expiresTime === undefined ? longest : Math.min(longest, expiresTime * 1000),
      remote: true,
    });
    if (appended.status === "full") return "full";
    if (appended.status === "duplicate") return "duplicate";
    await appended.durable;
    return "queued";
  }

  /**
   * The oldest envelopes behind a sequence number that fit into one message: at least one, if there is any.
   *
   * @throws StorageError `storage_failed`
   */
  async read(did: string, { after = 0, limit }: { readonly after?: number; readonly limit: number }): Promise<readonly WaitingEnvelope[]> {
    const box = await this.#options.inbox.peek(queueOf(did));
    const found = await box.read({ after, limit, maxLength: this.#maxLength });
    let bytes = 0;
    const fitting = found.filter(({ plaintext }, index) => (bytes += Buffer.byteLength(plaintext)) <= this.#maxLength || index === 0);
    return fitting.map(({ seq, plaintext }) => ({ seq, envelope: plaintext }));
  }

  /** Removes envelopes. @throws StorageError `storage_failed` */
  async remove(did: string, seqs: readonly number[]): Promise<void> {
    await (await this.#options.inbox.peek(queueOf(did))).settle(seqs);
  }

  /** @throws StorageError `storage_failed` */
  depth(did: string): Promise<Depth> {
    return this.#options.inbox.depth(queueOf(did));
  }

  /** Number of envelopes that wait for a DID, without a read. See `Inbox.usage`. */
  size(did: string): number {
    return this.#options.inbox.usage(queueOf(did)).messages;
  }

  /** Removes all envelopes for a DID. @throws StorageError `storage_failed` */
  async drop(did: string): Promise<void> {
    await (await this.#options.inbox.peek(queueOf(did))).drop();
  }
}

/** The key of the inbox with the envelopes for a DID. */
export function queueOf(did: string): string {
  return `${PREFIX}${did}`;
}
