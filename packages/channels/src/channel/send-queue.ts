import { randomBytes } from "node:crypto";
import { deferred, type Deferred } from "@parley/core/internal";
import { type EncryptOptions, inspectMessage, MlsEngineError } from "@parley/mls-engine";
import type { Published, RelayMessage } from "@parley/skytale-relay";
import type { ChannelLimits } from "../client-options.ts";
import { toPublicError } from "../error-mapping.ts";
import { ChannelError } from "../errors.ts";
import { RETAINED_EPOCHS, type ChannelContext } from "./channel-context.ts";
import { isEqual } from "./channel-member.ts";
import { effectOf, keyText, sendError, type QueuedSend, type QueuedSendState } from "./queued-send.ts";
import { KEY_BYTES } from "./send-key.ts";
import type { CheckedSend, Sent } from "./send-options.ts";
import { UnconfirmedPublishes } from "./unconfirmed-publishes.ts";

/** An honest relay does not record a message late this many times in a row. */
const MAX_LATE_ATTEMPTS = 8;
const MAX_IN_FLIGHT = 512;

/** Group changes that the engine requires before it encrypts. */
export interface SendQueueSteps {
  /** Commits pending proposals. */
  readonly commitProposals: () => Promise<void>;
  /** Replaces this agent's keys, some of which an older copy of its data may have used. */
  readonly replaceKeys: () => Promise<void>;
}

/**
 * Sends messages in the order of the calls, each until it is recorded where all members can decrypt it. See {@link QueuedSendState} for the
 * states of a message.
 *
 * A message is encrypted in the epoch that this agent has read up to. Members keep the keys of {@link RETAINED_EPOCHS} past epochs, so a
 * message recorded later than that is lost, and is encrypted and published again. While the inbox is full, this agent may be far behind the
 * end of the log, and knows the epoch there only from the relay.
 */
export class SendQueue {
  readonly #context: ChannelContext;
  readonly #limits: Pick<ChannelLimits, "maxQueued" | "maxQueuedBytes">;
  readonly #steps: SendQueueSteps;
  /** Messages to publish, sorted by {@link QueuedSend.order}. */
  #queue: QueuedSend[] = [];
  readonly #inFlight = new Set<QueuedSend>();
  readonly #doubtful = new Set<QueuedSend>();
  /** All messages that are not finished. */
  readonly #byKey = new Map<string, QueuedSend>();
  readonly #byId = new Map<string, QueuedSend>();
  readonly #unconfirmed = new UnconfirmedPublishes();
  /** Resolves when a message is in flight no longer. */
  #capacity: Deferred<void> | undefined;
  #bytes = 0;
  #nextOrder = 0;
  /** Number of lost connections. */
  #losses = 0;
  #isRunning = false;
  #isWatching = false;

  constructor(context: ChannelContext, limits: Pick<ChannelLimits, "maxQueued" | "maxQueuedBytes">, steps: SendQueueSteps) {
    this.#context = context;
    this.#limits = limits;
    this.#steps = steps;
  }

  /** Enqueues a message, or joins the pending send with the same id. Resolves when the message is recorded in time. */
  send(data: Uint8Array, options: CheckedSend): Promise<Sent> {
    const { id, signal, failsOffline } = options;
    signal?.throwIfAborted();
    if (failsOffline && this.#context.position.isDisconnected) throw this.#offlineError();
    const same = id === undefined ? undefined : this.#byId.get(id);
    if (same !== undefined) return this.#wait(same, options);
    const { maxQueued, maxQueuedBytes } = this.#limits;
    if (this.#byKey.size >= maxQueued || this.#bytes + data.length > maxQueuedBytes) {
      const limits = `limits.maxQueued ${maxQueued}, limits.maxQueuedBytes ${maxQueuedBytes}`;
      throw new ChannelError(
        "limit_reached",
        `too many messages are waiting to be sent on ${this.#context.name} (${limits}): await the sends`,
      );
    }
    const item: QueuedSend = {
      state: "queued",
      data: data.slice(),
      sent: deferred(),
      id,
      order: this.#nextOrder++,
      waiting: 0,
      failsOffline,
      wasPublished: false,
      key: this.#keyOf(id, 0),
      doubt: undefined,
      lateAttempts: 0,
      ciphertexts: [],
      attempt: undefined,
    };
    this.#byKey.set(keyText(item.key), item);
    if (id !== undefined) this.#byId.set(id, item);
    this.#bytes += data.length;
    this.#queue.push(item);
    void this.#run();
    return this.#wait(item, options);
  }

  /**
   * The connection was lost, or could not be opened. In-flight messages are queued again: the log, which is read first after a reconnect,
   * shows whether they were recorded.
   */
  connectionLost(): void {
    this.#losses++;
    for (const item of this.#queue) this.#failIfOffline(item);
    for (const item of this.#inFlight) {
      item.attempt?.abort();
      item.attempt = undefined;
      this.#enter(item, "queued");
    }
    void this.#run();
  }

  /**
   * Finishes the message that a log entry is, or sends it again if it was recorded too late. Returns whether the entry is one of these messages.
   * Called for each entry, before the position advances.
   *
   * @throws ChannelError `fork` if the relay acknowledged another message with this sequence number
   */
  claimOwn({ key, payload, sequence }: Pick<RelayMessage, "key" | "payload" | "sequence">): boolean {
    const found = this.#unconfirmed.take({ key, payload, sequence });
    const item = this.#byKey.get(keyText(key));
    const ciphertext = item?.ciphertexts.find(({ bytes }) => isEqual(bytes, payload));
    if (item !== undefined && ciphertext !== undefined) {
      if (this.#context.group.epoch - ciphertext.epoch <= RETAINED_EPOCHS) this.#finish(item, { sequence });
      else this.#resend(item);
      return true;
    }
    // Recorded by an earlier send with the same id, with that send's ciphertext.
    if (found === "repeated" && item !== undefined) this.#finishRepeated(item, sequence);
    return found === "same";
  }

  /**
   * The relay has evicted or removed messages before they were read here: those from `first` up to, not including, `next`. Their place in
   * the log decides about doubtful ones. Called before the position advances.
   */
  evicted(first: number, next: number): void {
    this.#unconfirmed.forget(first, next);
    for (const item of this.#doubtful)
      if (item.doubt !== undefined && item.doubt.sequence >= first && item.doubt.sequence < next) this.#decide(item);
  }

  /** The relay replaced its log: entries acknowledged before will not be read. */
  forgetUnconfirmed(): void {
    this.#unconfirmed.clear();
  }

  /** Rejects all messages. Called when the channel ends. */
  fail(error: Error): void {
    for (const item of this.#byKey.values()) {
      item.attempt?.abort();
      this.#finish(item, error);
    }
    this.#unconfirmed.clear();
  }

  /** Moves a message to another state, and into the collection of that state. */
  #enter(item: QueuedSend, state: QueuedSendState): void {
    item.state = state;
    this.#doubtful.delete(item);
    if (this.#inFlight.delete(item)) {
      this.#capacity?.resolve();
      this.#capacity = undefined;
    }
    if (state === "in-flight") this.#inFlight.add(item);
    if (state === "doubtful") this.#doubtful.add(item);
    if (state !== "queued" || this.#queue.includes(item)) return;
    this.#queue.push(item);
    this.#queue.sort((a, b) => a.order - b.order);
  }

  /** Encrypts and publishes the queue, while it is not empty. */
  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      while (this.#queue.length > 0) {
        await this.#context.position.whenSendable();
        while (this.#inFlight.size >= MAX_IN_FLIGHT) await (this.#capacity ??= deferred()).promise;
        const item = this.#queue.shift();
        if (item?.state !== "queued") continue;
        this.#enter(item, "encrypting");
        const losses = this.#losses;
        await this.#encrypt(item);
        // The message may have been finished, or read in the log too late, while it was encrypted.
        if (!this.#is(item, "encrypting")) continue;
        if (losses === this.#losses) this.#publish(item);
        else this.#enter(item, "queued");
        this.#failIfOffline(item);
      }
    } catch (error) {
      for (const item of this.#queue.splice(0)) this.#finish(item, toPublicError(error));
    } finally {
      this.#isRunning = false;
    }
  }

  /** Encrypts in the current epoch, or rejects the message. */
  async #encrypt(item: QueuedSend): Promise<void> {
    const { group, audit } = this.#context;
    const recorded: EncryptOptions = audit === undefined ? {} : { commitWith: (bytes) => audit.encrypted(item.data, bytes) };
    try {
      while (item.ciphertexts[0]?.epoch !== group.epoch) {
        try {
          const bytes = await group.encrypt(item.data, recorded);
          item.ciphertexts = [{ epoch: inspectMessage(bytes).epoch ?? group.epoch, bytes }, ...item.ciphertexts];
        } catch (error) {
          if (!(error instanceof MlsEngineError)) throw error;
          if (error.code === "proposals_waiting") await this.#steps.commitProposals();
          else if (error.code === "update_required") await this.#steps.replaceKeys();
          else throw error;
        }
      }
    } catch (error) {
      this.#finish(item, sendError(error, item, this.#context));
    }
  }

  #publish(item: QueuedSend): void {
    const [ciphertext] = item.ciphertexts;
    if (ciphertext === undefined) return;
    const { relay, name, audit } = this.#context;
    const attempt = new AbortController();
    item.attempt = attempt;
    item.wasPublished = true;
    this.#enter(item, "in-flight");
    const message = { kind: "application", epoch: ciphertext.epoch, payload: ciphertext.bytes, key: item.key } as const;
    const run = async (): Promise<void> => {
      try {
        if (audit !== undefined) await audit.flushed();
        const published = await relay.publish(name, message, { signal: attempt.signal });
        if (item.attempt === attempt) this.#recorded(item, published);
      } catch (error) {
        if (item.attempt === attempt && !attempt.signal.aborted) this.#finish(item, sendError(error, item, this.#context));
      }
    };
    void run();
  }

  /** The relay acknowledged the message. */
  #recorded(item: QueuedSend, published: Published): void {
    const { position } = this.#context;
    const { sequence, isRepeated = false } = published;
    if (sequence >= position.next) {
      const { key, ciphertexts, id } = item;
      this.#unconfirmed.add(sequence, { key, payloads: ciphertexts.map(({ bytes }) => bytes), hasId: id !== undefined });
    }
    if (item.state === "finished") return;
    if (item.id !== undefined && sequence < position.next) return this.#finishRepeated(item, sequence);
    // If the relay had recorded this key before, which ciphertext it holds is unknown. The oldest one is the worst case.
    const epoch = item.ciphertexts.at(isRepeated ? -1 : 0)?.epoch;
    if (item.id !== undefined && isRepeated) void this.#lookUp(item, published);
    else if (epoch !== undefined && this.#isReadable(epoch, published)) this.#finish(item, { sequence });
    else this.#doubt(item, sequence, epoch);
  }

  /** Whether members that read the log up to a recorded message still have the keys of the epoch that it was encrypted in. */
  #isReadable(epoch: bigint, { sequence, logEpoch }: Published): boolean {
    const { group, position } = this.#context;
    // The epoch if all unread entries before the message are commits. Bounds the epoch that the relay reports.
    const most = group.epoch + BigInt(Math.max(0, sequence - position.next));
    return (logEpoch === undefined ? most : clamp(logEpoch, group.epoch, most)) - epoch <= RETAINED_EPOCHS;
  }

  /**
   * An earlier send with this id was recorded, in a part of the log that is not read yet. Requests the epoch of that entry from the relay.
   */
  async #lookUp(item: QueuedSend, published: Published): Promise<void> {
    this.#enter(item, "looking-up");
    const { relay, name, closed } = this.#context;
    const { key } = item;
    const { sequence } = published;
    const found = await relay.fetchRange(name, { from: sequence, limit: 1, signal: closed }).catch(() => undefined);
    if (!this.#is(item, "looking-up") || item.key !== key) return;
    const [entry] = found?.messages ?? [];
    if (entry !== undefined && isEqual(entry.key, key) && this.#isReadable(entry.epoch, published)) this.#finish(item, { sequence });
    else this.#doubt(item, sequence, item.ciphertexts.at(-1)?.epoch);
  }

  #doubt(item: QueuedSend, sequence: number, epoch = 0n): void {
    item.doubt = { sequence, epoch };
    this.#enter(item, "doubtful");
    if (sequence < this.#context.position.next) this.#decide(item);
    else void this.#watchDoubtful();
  }

  /** Decides about a doubtful message when the log is read up to it, or further, and does not show it: it was evicted or removed. */
  #decide(item: QueuedSend): void {
    const { doubt } = item;
    if (doubt === undefined) return;
    if (this.#context.group.epoch - doubt.epoch <= RETAINED_EPOCHS) this.#finish(item, { sequence: doubt.sequence });
    else this.#resend(item);
  }

  /** Rejects doubtful messages when the log is not read further: the channel has ended, or the inbox is full. */
  async #watchDoubtful(): Promise<void> {
    if (this.#isWatching) return;
    this.#isWatching = true;
    try {
      await this.#context.position.whenEnded();
    } catch (error) {
      this.#isWatching = false;
      for (const item of this.#doubtful) this.#finish(item, toPublicError(error));
    }
  }

  /** The log holds an earlier send with this id. Reading that entry has shown whether it was in time. */
  #finishRepeated(item: QueuedSend, sequence: number): void {
    if (item.state === "finished") return;
    const late = this.#context.late.keyAt(sequence);
    if (late !== undefined && isEqual(late, item.key)) this.#resend(item);
    else this.#finish(item, { sequence });
  }

  /** The recorded message is too late for members to decrypt: publishes it under the next key. */
  #resend(item: QueuedSend): void {
    if (++item.lateAttempts > MAX_LATE_ATTEMPTS) {
      const reason = `the relay recorded the message ${MAX_LATE_ATTEMPTS} times only after its epoch had expired`;
      this.#finish(item, new ChannelError("channel_error", reason));
      return;
    }
    item.attempt?.abort();
    item.attempt = undefined;
    this.#byKey.delete(keyText(item.key));
    // With an id, derived from it: a repeated send after a restart uses the same sequence of keys.
    item.key = this.#keyOf(item.id, item.lateAttempts);
    item.ciphertexts = [];
    this.#byKey.set(keyText(item.key), item);
    this.#enter(item, "queued");
    void this.#run();
  }

  /** Settles the calls that wait for a message, and removes it. */
  #finish(item: QueuedSend, outcome: Sent | Error): void {
    if (item.state === "finished") return;
    this.#enter(item, "finished");
    this.#byKey.delete(keyText(item.key));
    if (item.id !== undefined) this.#byId.delete(item.id);
    this.#bytes -= item.data.length;
    if (outcome instanceof Error) item.sent.reject(outcome);
    else item.sent.resolve(outcome);
  }

  /** A check that the compiler does not narrow: the state changes while a caller awaits. */
  #is(item: QueuedSend, state: QueuedSendState): boolean {
    return item.state === state;
  }

  #keyOf(id: string | undefined, attempt: number): Uint8Array {
    return id === undefined ? Uint8Array.from(randomBytes(KEY_BYTES)) : this.#context.sendKeys(id, attempt);
  }

  #failIfOffline(item: QueuedSend): void {
    if (item.failsOffline && !item.wasPublished && this.#context.position.isDisconnected) this.#finish(item, this.#offlineError());
  }

  #offlineError(): Error {
    return this.#context.connection.missing("the message was not sent");
  }

  /** Waits for a message within the caller's timeout. A message that no call waits for any longer is dropped. */
  async #wait(item: QueuedSend, { signal, timeoutMs }: CheckedSend): Promise<Sent> {
    item.waiting++;
    const stopped = deferred<never>();
    const stop = (reason: unknown): void => {
      stopped.reject(reason);
      if (--item.waiting > 0) return;
      item.attempt?.abort();
      this.#finish(item, new ChannelError("channel_error", "the caller stopped waiting"));
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
