import { randomBytes } from "node:crypto";
import { deferred, type Deferred } from "@parley/core/internal";
import { inspectMessage, MlsEngineError } from "@parley/mls-engine";
import type { Published, RelayMessage } from "@parley/skytale-relay";
import { RETAINED_EPOCHS, type ChannelContext } from "./channel-context.ts";
import { ChannelError } from "../errors.ts";
import { toPublicError } from "../error-mapping.ts";
import { UnconfirmedPublishes } from "./unconfirmed-publishes.ts";
import { isEqual } from "./channel-member.ts";
import { effectOf, nameOf, sendError, type OutboundMessage } from "./outbound-message.ts";
import { KEY_BYTES } from "./send-key.ts";
import type { CheckedSend, OutboundLimits, Sent } from "./send-options.ts";

/** So often in a row no message is late: the relay does that. */
const MAX_LATE_ATTEMPTS = 8;
/** Published and not recorded yet. */
const MAX_IN_FLIGHT = 512;

/** What is to be done before anything can be encrypted. */
export interface OutboundSteps {
  /** Proposals wait. */
  readonly commitProposals: () => Promise<void>;
  /** Keys may have been used that aren't known here. */
  readonly replaceKeys: () => Promise<void>;
}

/**
 * Messages on their way into a channel's log, in the order of the calls. A message stays here until it is recorded where all members can
 * read it: after a loss of the link, or when its epoch was over too long before, it is published again.
 *
 * It is encrypted in the epoch that this agent has read up to. While the inbox is full that may be long before the log's end, and how many
 * epochs lie between is the relay's word.
 */
export class Outbound {
  readonly #context: ChannelContext;
  readonly #limits: OutboundLimits;
  readonly #before: OutboundSteps;
  #queue: OutboundMessage[] = [];
  /** In the order of their publishing. */
  readonly #inFlight = new Set<OutboundMessage>();
  /** Recorded, perhaps so late that nobody can read them: it shows when the log is read up to there. */
  readonly #inDoubt = new Set<OutboundMessage>();
  readonly #byKey = new Map<string, OutboundMessage>();
  readonly #byId = new Map<string, OutboundMessage>();
  readonly #expected = new UnconfirmedPublishes();
  #landing: Deferred<void> | undefined;
  #bytes = 0;
  #nextOrder = 0;
  /** Counts the losses of the link. */
  #losses = 0;
  #isRunning = false;
  #isWatching = false;

  constructor(context: ChannelContext, limits: OutboundLimits, before: OutboundSteps) {
    this.#context = context;
    this.#limits = limits;
    this.#before = before;
  }

  send(data: Uint8Array, options: CheckedSend): Promise<Sent> {
    const { id, signal, needsLink } = options;
    signal?.throwIfAborted();
    if (needsLink && this.#context.position.isCut) throw this.#noLink();
    const same = id === undefined ? undefined : this.#byId.get(id);
    if (same !== undefined) return this.#outcomeOf(same, options);
    if (this.#byKey.size >= this.#limits.maxQueued || this.#bytes + data.length > this.#limits.maxQueuedBytes) {
      const { maxQueued, maxQueuedBytes } = this.#limits;
      const limits = `limits.maxQueued ${maxQueued}, limits.maxQueuedBytes ${maxQueuedBytes}`;
      throw new ChannelError("limit_reached", `too many messages wait to be sent on ${this.#context.name} (${limits}): await the sends`);
    }
    const item: OutboundMessage = {
      data: data.slice(),
      sent: deferred(),
      id,
      order: this.#nextOrder++,
      waiting: 0,
      needsLink,
      wasPublished: false,
      key: this.#keyOf(id, 0),
      lateAttempts: 0,
      ciphertexts: [],
      attempt: undefined,
      isSettled: false,
    };
    this.#byKey.set(nameOf(item.key), item);
    if (id !== undefined) this.#byId.set(id, item);
    this.#bytes += data.length;
    this.#queue.push(item);
    void this.#run();
    return this.#outcomeOf(item, options);
  }

  /** The link is lost, or could not be opened: what was under way is decided when all is read that was recorded before. */
  linkLost(): void {
    this.#losses++;
    for (const item of this.#queue) this.#failWithoutLink(item);
    for (const item of this.#inFlight) {
      item.attempt?.abort();
      item.attempt = undefined;
      this.#landed(item);
      this.#queue.push(item);
    }
    this.#sortQueue();
    void this.#run();
  }

  /**
   * Whether an entry of the log is one of these messages, which takes it out of doubt. Called for each entry, before the position moves on.
   *
   * @throws ChannelError `fork` when the relay has said that one of these messages is in its place
   */
  seen({ key, payload, sequence }: Pick<RelayMessage, "key" | "payload" | "sequence">): boolean {
    const found = this.#expected.take({ key, payload, sequence });
    const item = this.#byKey.get(nameOf(key));
    const ciphertext = item?.ciphertexts.find(({ bytes }) => isEqual(bytes, payload));
    if (item !== undefined && ciphertext !== undefined) {
      if (this.#context.group.epoch - ciphertext.epoch <= RETAINED_EPOCHS) this.#settle(item, { sequence });
      else this.#again(item);
      return true;
    }
    // Sent before, in another life of this agent or by a call that stopped waiting: as it was encrypted then.
    if (found === "repeated" && item !== undefined) this.#repeated(item, sequence);
    return found === "same";
  }

  /** The log is another one than before. */
  forgetExpected(): void {
    this.#expected.clear();
  }

  /** Nothing is sent any more. */
  fail(error: Error): void {
    for (const item of this.#byKey.values()) {
      item.attempt?.abort();
      this.#settle(item, error);
    }
    this.#queue = [];
    this.#expected.clear();
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      while (this.#queue.length > 0) {
        await this.#context.position.whenSendable();
        while (this.#inFlight.size >= MAX_IN_FLIGHT) await (this.#landing ??= deferred()).promise;
        const item = this.#queue.shift();
        if (item === undefined || item.isSettled) continue;
        const losses = this.#losses;
        if (!(await this.#isEncrypted(item))) continue;
        if (losses === this.#losses) this.#publish(item);
        else this.#requeue(item);
        this.#failWithoutLink(item);
      }
    } catch (error) {
      for (const item of this.#queue.splice(0)) this.#settle(item, toPublicError(error));
    } finally {
      this.#isRunning = false;
    }
  }

  /** Encrypts in the epoch of now. False when that failed, for which the message is rejected. */
  async #isEncrypted(item: OutboundMessage): Promise<boolean> {
    const { group } = this.#context;
    try {
      while (item.ciphertexts[0]?.epoch !== group.epoch) {
        try {
          const bytes = await group.encrypt(item.data);
          item.ciphertexts = [{ epoch: inspectMessage(bytes).epoch ?? group.epoch, bytes }, ...item.ciphertexts];
        } catch (error) {
          if (!(error instanceof MlsEngineError)) throw error;
          if (error.code === "proposals_waiting") await this.#before.commitProposals();
          else if (error.code === "update_required") await this.#before.replaceKeys();
          else throw error;
        }
      }
      return true;
    } catch (error) {
      this.#settle(item, sendError(error, item, this.#context));
      return false;
    }
  }

  #publish(item: OutboundMessage): void {
    const [ciphertext] = item.ciphertexts;
    if (ciphertext === undefined) return;
    const { relay, name } = this.#context;
    const attempt = new AbortController();
    item.attempt = attempt;
    item.wasPublished = true;
    this.#inFlight.add(item);
    const message = { kind: "application", epoch: ciphertext.epoch, payload: ciphertext.bytes, key: item.key } as const;
    void this.#attempt(item, attempt, async () => {
      const published = await relay.publish(name, message, { signal: attempt.signal });
      if (item.attempt === attempt) this.#recorded(item, published);
    });
  }

  async #attempt(item: OutboundMessage, attempt: AbortController, publish: () => Promise<void>): Promise<void> {
    try {
      await publish();
    } catch (error) {
      if (item.attempt !== attempt || attempt.signal.aborted) return;
      this.#settle(item, sendError(error, item, this.#context));
    }
  }

  #recorded(item: OutboundMessage, published: Published): void {
    this.#landed(item);
    const { position } = this.#context;
    const { sequence, isRepeated = false } = published;
    if (sequence >= position.next) this.#expect(item, sequence);
    if (item.isSettled) return;
    if (item.id !== undefined && sequence < position.next) return this.#repeated(item, sequence);
    // Of several that were published under the key, any may be the one that was recorded before.
    const epoch = item.ciphertexts.at(isRepeated ? -1 : 0)?.epoch;
    if (item.id !== undefined && isRepeated) void this.#lookUp(item, published);
    else if (epoch !== undefined && this.#isReadable(epoch, published)) this.#settle(item, { sequence });
    else this.#doubt(item);
  }

  #expect({ key, ciphertexts, id }: OutboundMessage, sequence: number): void {
    this.#expected.add(sequence, { key, payloads: ciphertexts.map(({ bytes }) => bytes), hasId: id !== undefined });
  }

  /** Whether members who read the log up to a message's place still have the keys of the epoch that it was encrypted in. */
  #isReadable(epoch: bigint, { sequence, logEpoch }: Published): boolean {
    const { group, position } = this.#context;
    // If all that isn't read yet were commits.
    const most = group.epoch + BigInt(Math.max(0, sequence - position.next));
    return (logEpoch === undefined ? most : clamp(logEpoch, group.epoch, most)) - epoch <= RETAINED_EPOCHS;
  }

  /** Recorded in another life of this agent, and not read up to there: the relay tells in which epoch it was encrypted then. */
  async #lookUp(item: OutboundMessage, published: Published): Promise<void> {
    const { relay, name, closed } = this.#context;
    const { key } = item;
    const { sequence } = published;
    const found = await relay.fetchRange(name, { from: sequence, limit: 1, signal: closed }).catch(() => undefined);
    if (item.isSettled || item.key !== key) return;
    const [entry] = found?.messages ?? [];
    if (entry !== undefined && isEqual(entry.key, key) && this.#isReadable(entry.epoch, published)) this.#settle(item, { sequence });
    else this.#doubt(item);
  }

  /** Whether it was recorded too late shows when the log is read up to there. */
  #doubt(item: OutboundMessage): void {
    this.#inDoubt.add(item);
    void this.#watchDoubts();
  }

  /** When the log isn't read on, nothing more can be said of what is in doubt. */
  async #watchDoubts(): Promise<void> {
    if (this.#isWatching) return;
    this.#isWatching = true;
    try {
      await this.#context.position.whenEnded();
    } catch (error) {
      this.#isWatching = false;
      for (const item of this.#inDoubt) this.#settle(item, toPublicError(error));
    }
  }

  /** What the log has under the message's key was encrypted for an earlier call. It shows whether it could be read. */
  #repeated(item: OutboundMessage, sequence: number): void {
    if (item.isSettled) return;
    const late = this.#context.late.keyAt(sequence);
    if (late !== undefined && isEqual(late, item.key)) this.#again(item);
    else this.#settle(item, { sequence });
  }

  /** What was recorded can be read by nobody: publishes it as another message. */
  #again(item: OutboundMessage): void {
    this.#landed(item);
    this.#inDoubt.delete(item);
    if (++item.lateAttempts > MAX_LATE_ATTEMPTS) {
      this.#settle(item, new ChannelError("channel_error", "the relay records the message only after its epoch, again and again"));
      return;
    }
    item.attempt?.abort();
    item.attempt = undefined;
    this.#byKey.delete(nameOf(item.key));
    // The same one after a restart, so that a repetition finds what this attempt comes to.
    item.key = this.#keyOf(item.id, item.lateAttempts);
    item.ciphertexts = [];
    this.#byKey.set(nameOf(item.key), item);
    this.#requeue(item);
    void this.#run();
  }

  #keyOf(id: string | undefined, attempt: number): Uint8Array {
    return id === undefined ? Uint8Array.from(randomBytes(KEY_BYTES)) : this.#context.sendKeys(id, attempt);
  }

  #failWithoutLink(item: OutboundMessage): void {
    if (item.needsLink && !item.wasPublished && this.#context.position.isCut) this.#settle(item, this.#noLink());
  }

  #requeue(item: OutboundMessage): void {
    if (!this.#queue.includes(item)) this.#queue.push(item);
    this.#sortQueue();
  }

  #sortQueue(): void {
    this.#queue.sort((a, b) => a.order - b.order);
  }

  /** It isn't in flight any more. */
  #landed(item: OutboundMessage): void {
    this.#inFlight.delete(item);
    this.#landing?.resolve();
    this.#landing = undefined;
  }

  #settle(item: OutboundMessage, outcome: Sent | Error): void {
    if (item.isSettled) return;
    item.isSettled = true;
    this.#landed(item);
    this.#inDoubt.delete(item);
    this.#byKey.delete(nameOf(item.key));
    if (item.id !== undefined) this.#byId.delete(item.id);
    this.#bytes -= item.data.length;
    if (outcome instanceof Error) item.sent.reject(outcome);
    else item.sent.resolve(outcome);
  }

  #noLink(): Error {
    return this.#context.connection.missing("the message was not sent");
  }

  /** What becomes of a message, or why one of those who wait for it has stopped. */
  async #outcomeOf(item: OutboundMessage, { signal, timeoutMs }: CheckedSend): Promise<Sent> {
    item.waiting++;
    const stopped = deferred<never>();
    const stop = (reason: unknown): void => {
      stopped.reject(reason);
      // Another call may wait for the same message.
      if (--item.waiting > 0) return;
      item.attempt?.abort();
      this.#settle(item, new ChannelError("channel_error", "the caller has stopped waiting"));
    };
    const abort = (): void => stop(signal?.reason);
    const timer = setTimeout(() => stop(this.#context.connection.timedOut(timeoutMs, effectOf(item))), timeoutMs);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      return await Promise.race([stopped.promise, item.sent.promise]);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }
}

function clamp(value: bigint, least: bigint, most: bigint): bigint {
  if (value < least) return least;
  return value > most ? most : value;
}
