import type { RelayErrorCode } from "@parley/skytale-relay";
import { contract, type PublishBatch, type PublishNack, recordedMessages } from "@parley/skytale-relay/internal";
import type { ChannelLog, NewEntry } from "../log/channel-log.ts";
import type { WelcomeStore } from "../log/welcome-store.ts";
import { type Answers, answersTo, refusals } from "./answers.ts";
import { type CodeCheck, PASSED, rejected } from "./code-check.ts";
import type { PublishDecisions } from "./decisions.ts";
import type { FillLimit } from "./fill-limit.ts";
import { type Incoming, isChannelName, readIncoming } from "./incoming.ts";
import type { RelayObserver } from "./relay-observer.ts";
import type { StorageQuota } from "./storage-quota.ts";

/** The parts of the relay that publishing uses. */
export interface PublishingParts {
  readonly log: ChannelLog;
  readonly welcomes: WelcomeStore;
  readonly observer: Partial<RelayObserver>;
  readonly maxPayloadBytes: number;
  readonly fillLimit: FillLimit;
  readonly storageQuota: StorageQuota;
}

/** The publishing stream, which receives the responses. */
export interface PublishingStream {
  readonly accountId: string;
  readonly decisions: PublishDecisions;
  /** The relay is stopping. */
  readonly draining: boolean;
  answer(answers: Answers): void;
}

/** A published message to append, with its number for the answer. */
interface NumberedEntry {
  readonly number: number;
  readonly incoming: Extract<Incoming, { type: "entry" }>;
}

const NO_ACKS: Answers["acks"] = [];

/**
 * Handles the publishes of one stream: checks them, appends them to the log or stores them as Welcomes, and answers each with an ack or a
 * nack.
 *
 * All entries of a batch are one append, so that they share a flush and keep the order of their sender.
 */
export class Publishing {
  readonly #parts: PublishingParts;
  readonly #stream: PublishingStream;

  constructor(parts: PublishingParts, stream: PublishingStream) {
    this.#parts = parts;
    this.#stream = stream;
  }

  /**
   * Handles a batch. Called by {@link Session}, which must await the returned promise before the next batch of the channel: the log appends
   * in the order of its calls, and access checks before them can be asynchronous.
   *
   * @returns after the appends have started; `answered` resolves when all messages of the batch are answered.
   */
  async take(batch: PublishBatch): Promise<{ readonly answered: Promise<void> }> {
    const numbers = batch.messages.map((_, index) => batch.firstNumber + index);
    const checked = await this.#checkChannel(batch.channel);
    if (!checked.ok) {
      this.#refuse(numbers, checked.code);
      return { answered: Promise.resolve() };
    }
    const invalid: number[] = [];
    const entries: NumberedEntry[] = [];
    const under: Promise<void>[] = [];
    for (const [index, encoded] of batch.messages.entries()) {
      const number = batch.firstNumber + index;
      const incoming = readIncoming(encoded, this.#parts.maxPayloadBytes);
      if (incoming === undefined) invalid.push(number);
      else if (incoming.type === "entry") entries.push({ number, incoming });
      else under.push(this.#keepWelcome(batch.channel, number, incoming));
    }
    if (invalid.length > 0) this.#refuse(invalid, contract.Code.INVALID_ARGUMENT);
    const accepted = await this.#limitHandshakes(batch.channel, entries);
    if (accepted.length > 0) under.push(this.#record(batch.channel, accepted));
    return { answered: Promise.all(under).then(() => undefined) };
  }

  /** Whether the account may publish to a channel now. */
  async #checkChannel(channel: string): Promise<CodeCheck> {
    if (!isChannelName(channel)) return rejected(contract.Code.INVALID_ARGUMENT);
    if (this.#stream.draining) return rejected(contract.Code.UNAVAILABLE);
    try {
      const allowed = this.#stream.decisions.mayPublish(channel);
      if (allowed === true || (allowed !== false && (await allowed))) return PASSED;
      return rejected(contract.Code.PERMISSION_DENIED);
    } catch (error) {
      this.#parts.observer.onFailure?.(error);
      return rejected(contract.Code.INTERNAL);
    }
  }

  /**
   * Rejects commits and proposals of an account that has published too many of them; all its entries if the log does not evict by account.
   * Returns the other entries, in their order.
   */
  async #limitHandshakes(channel: string, entries: readonly NumberedEntry[]): Promise<readonly NumberedEntry[]> {
    const isLimited = ({ incoming }: NumberedEntry): boolean => incoming.isHandshake || !this.#parts.log.evictsByAccount;
    const limited = entries.filter(isLimited);
    const checked = limited.length === 0 ? PASSED : await this.#checkFill(channel, limited);
    if (checked.ok) return entries;
    this.#refuse(
      limited.map(({ number }) => number),
      checked.code,
    );
    return entries.filter((entry) => !isLimited(entry));
  }

  /**
   * Charges entries to the fill limit of the account, unless it owns the channel. Commits and proposals are not evicted by account, so
   * without the limit any member could fill a log with them.
   */
  async #checkFill(channel: string, entries: readonly NumberedEntry[]): Promise<CodeCheck> {
    try {
      if (await this.#stream.decisions.owns(channel)) return PASSED;
    } catch (error) {
      this.#parts.observer.onFailure?.(error);
      return rejected(contract.Code.INTERNAL);
    }
    const bytes = entries.reduce((sum, { incoming }) => sum + incoming.encoded.length, 0);
    const isAllowed = this.#parts.fillLimit.tryTake(this.#stream.accountId, channel, { entries: entries.length, bytes });
    return isAllowed ? PASSED : rejected(contract.Code.RESOURCE_EXHAUSTED);
  }

  async #record(channel: string, entries: readonly NumberedEntry[]): Promise<void> {
    const numbers = entries.map(({ number }) => number);
    const startedAt = performance.now();
    try {
      const bodies = recordedMessages(
        entries.map(({ incoming }) => incoming.encoded),
        Date.now(),
      );
      const append = entries.map(({ incoming: { key, commit, isHandshake } }, index): NewEntry => {
        const body = bodies[index] as Uint8Array;
        return commit === undefined ? { body, key, isHandshake } : { body, key, commit };
      });
      // Reserved until the log itself counts the bytes: otherwise concurrent batches of an account could together exceed its quota.
      const endReservation = this.#reserve(bodies);
      if (endReservation === undefined) return this.#rejectStorage(numbers);
      const outcomes = await this.#parts.log.append(channel, this.#stream.accountId, append).finally(endReservation);
      const answers = answersTo(numbers, outcomes);
      this.#stream.answer(answers);
      this.#count(channel, append, answers.nacks, performance.now() - startedAt);
    } catch (error) {
      this.#parts.observer.onFailure?.(error);
      this.#refuse(numbers, contract.Code.INTERNAL);
    }
  }

  async #keepWelcome(channel: string, number: number, welcome: Extract<Incoming, { type: "welcome" }>): Promise<void> {
    const endReservation = this.#reserve([welcome.payload]);
    if (endReservation === undefined) return this.#rejectStorage([number]);
    const startedAt = performance.now();
    try {
      if (await this.#parts.welcomes.put(channel, { ...welcome, publisher: this.#stream.accountId }).finally(endReservation)) {
        this.#stream.answer({ acks: [{ firstNumber: number, count: 1, firstSequence: 0, logEpoch: 0n, repeated: false }], nacks: [] });
        const about = {
          channel,
          accountId: this.#stream.accountId,
          kind: "welcome",
          commits: 0,
          ms: performance.now() - startedAt,
        } as const;
        this.#parts.observer.onPublished?.(1, welcome.payload.length, about);
      } else {
        this.#refuse([number], contract.Code.RESOURCE_EXHAUSTED);
      }
    } catch (error) {
      this.#parts.observer.onFailure?.(error);
      this.#refuse([number], contract.Code.INTERNAL);
    }
  }

  #reserve(bodies: readonly Uint8Array[]): (() => void) | undefined {
    const bytes = bodies.reduce((sum, { length }) => sum + length, 0);
    return this.#parts.storageQuota.tryReserve(this.#stream.accountId, bytes);
  }

  #rejectStorage(numbers: readonly number[]): void {
    this.#parts.observer.onStorageLimit?.(numbers.length);
    this.#refuse(numbers, contract.Code.RESOURCE_EXHAUSTED);
  }

  #count(channel: string, appended: readonly NewEntry[], nacks: readonly PublishNack[], ms: number): void {
    const { onPublished, onRefused } = this.#parts.observer;
    // Only a commit can lose its epoch to another.
    const commits = appended.filter(({ commit }) => commit !== undefined).length;
    if (appended.length > nacks.length) {
      onPublished?.(
        appended.length - nacks.length,
        appended.reduce((sum, { body }) => sum + body.length, 0),
        { channel, accountId: this.#stream.accountId, kind: "entries", commits: commits - nacks.length, ms },
      );
    }
    for (const _ of nacks) onRefused?.("message", "epoch_taken");
  }

  #refuse(numbers: readonly number[], code: contract.Code): void {
    this.#stream.answer({ acks: NO_ACKS, nacks: refusals(numbers, code) });
    for (const _ of numbers) this.#parts.observer.onRefused?.("message", ERROR_OF[code] ?? "internal");
  }
}

/** The codes of the contract as those of errors. */
export const ERROR_OF: Partial<Record<contract.Code, RelayErrorCode>> = {
  [contract.Code.INVALID_ARGUMENT]: "invalid_argument",
  [contract.Code.PERMISSION_DENIED]: "permission_denied",
  [contract.Code.EPOCH_TAKEN]: "epoch_taken",
  [contract.Code.RANGE_GONE]: "range_gone",
  [contract.Code.RESOURCE_EXHAUSTED]: "resource_exhausted",
  [contract.Code.UNAVAILABLE]: "unavailable",
  [contract.Code.INTERNAL]: "internal",
};
