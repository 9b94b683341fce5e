import { ChurnMap } from "@parley/core/internal";
import type { InboxMessage } from "../../inbox/inbox.ts";
import type { Probe } from "./consumer.ts";
import type { InFlightDelivery } from "./window.ts";

/** WebSocket close codes by which a client rejects received data: protocol error, unsupported, invalid, policy, too big, failure. */
const OBJECTIONS: ReadonlySet<number> = new Set([1002, 1003, 1007, 1008, 1009, 1011]);
/** Close code for a frame above the client's limit. */
const TOO_BIG = 1009;
/** Strikes for a link that ended before the message was received, and for one that ended soon after. */
const STRIKES = { unarrived: 2, arrived: 1 };
const MAX_STRIKES = 4;
/**
 * Number of times that a link must break without such a close code before its messages become suspects. Agents crash and restart for other
 * reasons, and suspects are delivered out of order. These losses count as strikes then.
 */
const LOSSES_WITHOUT_OBJECTION = 4;
const STRIKES_WITHOUT_OBJECTION = 2;
/** Maximum number of messages whose losses are counted; above it, counting restarts. */
const MAX_COUNTED = 10_000;
/** Time after the last join before a suspect is delivered on a link, in milliseconds: other messages and topics go first. */
const QUIET_MS = 1000;
/** Time after its receipt in which an unacknowledged suspect may still have broken its link, in milliseconds. */
const WATCH_MS = 1000;

/** Why a message is dead-lettered: how its recipient's link ended each time. */
export type BrokenLinkCause = "too_large" | "undeliverable";

/** A message that was in flight when a link broke. */
interface Suspect {
  readonly seq: number;
  readonly bytes: number;
  strikes: number;
  /** Whether each link that it broke was closed as "too big". */
  tooBig: boolean;
}

/** A suspect being delivered alone. */
interface ProbeDelivery<C> {
  readonly suspect: Suspect;
  readonly consumer: C;
  arrivedAt: number | undefined;
  release(): void;
}

/** Options of {@link Suspects}. */
export interface SuspectsOptions<C> {
  /** Reads a message; `undefined` if it is no longer in the inbox. */
  read(seq: number): Promise<InboxMessage | undefined>;
  /** The connection to which a message is routed. */
  route(message: InboxMessage): C | undefined;
  /** Delivers a message. Returns `false` if its connection has no capacity now. */
  deliver(message: InboxMessage, consumer: C): boolean;
  /** A message is cleared of suspicion. It may need redelivery. */
  onCleared(seq: number): void;
  onFailure(error: unknown): void;
  /** Milliseconds on the monotonic clock. */
  now(): number;
}

/**
 * The messages of one mailbox that may break their recipient's link: those in flight when the client closed it with an objecting code, or
 * when it broke for the fourth time. They are delivered after all others, one at a time, the least suspicious first, to identify the one
 * that breaks the link. A message that breaks it repeatedly is dead-lettered; one that the link survives is cleared.
 *
 * Held in memory: a restart of the node resets the strikes.
 */
export class Suspects<C extends { readonly quietSince: number; probe(probe: Probe): void }> {
  readonly #options: SuspectsOptions<C>;
  readonly #suspects = new ChurnMap<number, Suspect>();
  /** How many links broke with a message in flight, by seq. */
  readonly #losses = new ChurnMap<number, number>();
  #probing: ProbeDelivery<C> | undefined;
  #starting = false;

  constructor(options: SuspectsOptions<C>) {
    this.#options = options;
  }

  get size(): number {
    return this.#suspects.size;
  }

  has(seq: number): boolean {
    return this.#suspects.size > 0 && this.#suspects.has(seq);
  }

  /**
   * A connection ended.
   *
   * @param inFlight its unacknowledged messages.
   * @param closeCode the WebSocket close code if the client ended the link without leaving; otherwise `undefined`.
   * @returns the messages to dead-letter.
   */
  linkEnded(
    consumer: C,
    inFlight: readonly InFlightDelivery<C>[],
    closeCode: number | undefined,
  ): readonly { message: InboxMessage; cause: BrokenLinkCause }[] {
    const probing = this.#probing?.consumer === consumer ? this.#probing : undefined;
    if (probing !== undefined) this.#probing = undefined;
    if (closeCode === undefined) return [];
    const tooBig = closeCode === TOO_BIG;
    const objected = OBJECTIONS.has(closeCode);
    for (const { message } of inFlight) {
      const { seq, plaintext, senderCredentials = "" } = message;
      const suspect = this.#suspects.get(seq);
      if (suspect === undefined) {
        if (!objected && this.#countLoss(seq) < LOSSES_WITHOUT_OBJECTION) continue;
        const bytes = Buffer.byteLength(plaintext) + Buffer.byteLength(senderCredentials);
        this.#suspects.set(seq, { seq, bytes, strikes: objected ? 0 : STRIKES_WITHOUT_OBJECTION, tooBig });
      } else if (suspect === probing?.suspect) {
        suspect.strikes += probing.arrivedAt === undefined ? STRIKES.unarrived : STRIKES.arrived;
        suspect.tooBig &&= tooBig;
      }
    }
    const culprit = probing?.suspect;
    if (culprit === undefined || culprit.strikes < MAX_STRIKES) return [];
    const cause = culprit.tooBig ? "too_large" : "undeliverable";
    return inFlight.filter(({ message }) => message.seq === culprit.seq).map(({ message }) => ({ message, cause }));
  }

  /** A message was acknowledged or has left the inbox. */
  settled(seq: number): void {
    this.#losses.delete(seq);
    if (!this.#suspects.delete(seq)) return;
    if (this.#probing?.suspect.seq === seq) this.#endProbe(this.#probing);
  }

  /** Delivers the next suspect, or clears the one that its link has survived. Called by the mailbox's sweep. */
  sweep(): void {
    if (this.#suspects.size === 0) return;
    const probing = this.#probing;
    if (probing === undefined) return void this.#startProbe();
    if (probing.arrivedAt === undefined || this.#options.now() - probing.arrivedAt < WATCH_MS) return;
    const { seq } = probing.suspect;
    this.#suspects.delete(seq);
    this.#endProbe(probing);
    this.#options.onCleared(seq);
  }

  #countLoss(seq: number): number {
    if (this.#losses.size >= MAX_COUNTED) this.#losses.clear();
    const losses = (this.#losses.get(seq) ?? 0) + 1;
    this.#losses.set(seq, losses);
    return losses;
  }

  #endProbe(probing: ProbeDelivery<C>): void {
    this.#probing = undefined;
    probing.release();
    void this.#startProbe();
  }

  async #startProbe(): Promise<void> {
    const [suspect] = Array.from(this.#suspects.values()).toSorted((a, b) => a.strikes - b.strikes || a.bytes - b.bytes);
    if (suspect === undefined || this.#starting) return;
    this.#starting = true;
    try {
      const message = await this.#options.read(suspect.seq);
      if (message === undefined) this.#suspects.delete(suspect.seq);
      else this.#try(suspect, message);
    } catch (error) {
      this.#options.onFailure(error);
    } finally {
      this.#starting = false;
    }
  }

  #try(suspect: Suspect, message: InboxMessage): void {
    const { route, deliver, now } = this.#options;
    const consumer = route(message);
    if (this.#probing !== undefined || consumer === undefined || now() - consumer.quietSince < QUIET_MS) return;
    const probing: ProbeDelivery<C> = { suspect, consumer, arrivedAt: undefined, release: () => {} };
    this.#probing = probing;
    consumer.probe({
      strikes: suspect.strikes,
      bytes: suspect.bytes,
      send: () => {
        const sent = this.#probing === probing && deliver(message, consumer);
        if (!sent && this.#probing === probing) this.#probing = undefined;
        return sent;
      },
      arrived: (release) => {
        if (this.#probing !== probing) return release();
        probing.arrivedAt = now();
        probing.release = release;
      },
    });
  }
}
