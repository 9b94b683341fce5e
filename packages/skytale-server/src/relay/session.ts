import { type FrameListener, type FrameStream, RelayError } from "@parley/skytale-relay";
import {
  type ClientFrame,
  decodeClientFrame,
  encodeAcks,
  encodeControl,
  FrameError,
  type PublishBatch,
} from "@parley/skytale-relay/internal";
import type { Principal } from "./access.ts";
import { AccessError } from "./access-error.ts";
import { WORK } from "./account-budgets.ts";
import type { Answers } from "./answers.ts";
import type { CheckRound } from "./check-round.ts";
import { PublishDecisions } from "./decisions.ts";
import { Outbox } from "./outbox.ts";
import type { DescribedReader } from "./described-reader.ts";
import { Publishing, type PublishingStream } from "./publishing.ts";
import type { SessionParts } from "./session-parts.ts";
import { Subscriptions, type SubscribingStream } from "./subscriptions.ts";

/** Frames that wait while one is processed. Beyond it, reading from the stream is paused. */
const MAX_WAITING_FRAMES = 4;
/** Longest delay of a timer in Node, in milliseconds. */
const MAX_TIMER_MS = 0x7fff_ffff;

/**
 * One client's stream.
 *
 * Frames are processed one after the other, although access checks can be asynchronous: publishes must keep their order, and a token must
 * be renewed before the frames after it. Back-pressure has two sources: `Outbox.hasCapacity` for a client that reads slowly, and `#pace`
 * for one that causes too much work.
 */
export class Session implements FrameListener, SubscribingStream, PublishingStream {
  readonly #parts: SessionParts;
  readonly #stream: FrameStream;
  readonly #onEnd: () => void;
  readonly #outbox: Outbox;
  readonly #publishing: Publishing;
  readonly #subscriptions: Subscriptions;
  #principal: Principal;
  /** Set by the first publish: most streams only receive. */
  #decisions: PublishDecisions | undefined;
  #expiry: NodeJS.Timeout | undefined;
  #heardAt = performance.now();
  #frames: Uint8Array[] = [];
  #working = false;
  #paused = false;
  #inFlightBytes = 0;
  #answering = new Set<Promise<void>>();
  #ended = false;
  /** Pause in reading for the work that the client has caused, in milliseconds. */
  #owedMs = 0;
  /** Ends a pause. */
  #onFinish: () => void = () => undefined;

  constructor(parts: SessionParts, principal: Principal, stream: FrameStream, onEnd: () => void) {
    this.#parts = parts;
    this.#principal = principal;
    this.#stream = stream;
    this.#onEnd = onEnd;
    this.#publishing = new Publishing(parts, this);
    this.#outbox = new Outbox(stream, {
      maxBytes: parts.limits.maxOutboxBytes,
      accountId: principal.accountId,
      deliveries: parts.deliveries,
      schedule: (flush) => parts.flushes.add(this.accountId, flush),
      lease: (bytes) => parts.budgets.unreadAnswers.tryAcquire(this.accountId, bytes),
      onRoom: () => this.#subscriptions.onRoom(),
    });
    this.#subscriptions = new Subscriptions(parts, this, this.#outbox);
    const { maxPayloadBytes, maxFrameBytes, maxSubscriptions, idleTimeoutMs } = parts.limits;
    const tokenLifetimeMs = this.#watchExpiry();
    this.#outbox.add(encodeControl({ opened: { maxPayloadBytes, maxFrameBytes, maxSubscriptions, tokenLifetimeMs, idleTimeoutMs } }));
    this.#outbox.flush();
  }

  get principal(): Principal {
    return this.#principal;
  }

  get accountId(): string {
    return this.#principal.accountId;
  }

  get decisions(): PublishDecisions {
    this.#decisions ??= new PublishDecisions(this.#parts.access, this.#principal, this.#parts.limits.accessCheckMs);
    return this.#decisions;
  }

  /** Its subscriptions to a channel. */
  readersOf(channel: string): readonly DescribedReader[] {
    return this.#subscriptions.readersOf(channel);
  }

  /** Ends the subscriptions to a channel that was deleted, and asks again who may publish. */
  forgetChannel(channel: string): void {
    this.#decisions = undefined;
    this.#subscriptions.forgetChannel(channel);
  }

  get subscriptions(): number {
    return this.#subscriptions.size;
  }

  get draining(): boolean {
    return this.#parts.draining;
  }

  frame(bytes: Uint8Array): void {
    if (this.#ended) return;
    this.#heardAt = performance.now();
    const { maxFrameBytes } = this.#parts.limits;
    if (bytes.length > maxFrameBytes) return this.end(new RelayError("resource_exhausted", `A frame may have ${maxFrameBytes} bytes`));
    this.#frames.push(bytes);
    if (!this.#working) void this.#work();
    this.#throttle();
  }

  drained(): void {
    this.#outbox.drained();
    this.#throttle();
  }

  sent(bytes: number): void {
    this.#outbox.sent(bytes);
  }

  ended(): void {
    this.#finish();
  }

  /** Ends the stream with the reason. */
  end(error?: RelayError): void {
    if (this.#ended) return;
    this.#outbox.flush();
    this.#finish();
    this.#stream.end(error);
    if (error !== undefined) this.#parts.observer.onRefused?.("stream", error.code);
  }

  /** Notifies the client that the relay is about to stop. Resolves when all received frames are answered. */
  async drain(): Promise<void> {
    this.#outbox.add(encodeControl({ draining: true }));
    while (this.#answering.size > 0) await Promise.all(this.#answering);
    this.#outbox.flush();
  }

  /** Called by the relay's timer, every `accessCheckMs`: ends what is idle or revoked, and subscriptions without a right. */
  async check(now: number, round: CheckRound): Promise<void> {
    if (this.#ended) return;
    if (now - this.#heardAt > this.#parts.limits.idleTimeoutMs) {
      return this.end(new RelayError("unavailable", "The client sent nothing for too long"));
    }
    // A stalled stream is ended only when its bytes take the budget of the account's other streams.
    if (this.#outbox.isStalled(now, this.#parts.limits.idleTimeoutMs) && !this.#parts.deliveries.hasRoom(this.accountId)) {
      return this.end(new RelayError("unavailable", "The client reads nothing, and its account has too many bytes waiting to be sent"));
    }
    if (await round.isRevoked(this.#principal)) return this.end(new RelayError("unauthenticated", "The API key has been revoked"));
    await this.#subscriptions.check(round);
  }

  answer({ acks, nacks }: Answers): void {
    if (acks.length > 0) this.#outbox.addAnswer(encodeAcks(acks));
    if (nacks.length > 0) this.#outbox.addAnswer(encodeControl({ nacks }));
    this.#spend(nacks.length * WORK.refusal);
    this.#throttle();
  }

  async #work(): Promise<void> {
    this.#working = true;
    try {
      for (let bytes = this.#frames.shift(); bytes !== undefined && !this.#ended; bytes = this.#frames.shift()) {
        this.#parts.observer.onWork?.("relay frame", this.accountId);
        await this.#take(decodeClientFrame(bytes));
        this.#throttle();
      }
    } catch (error) {
      this.end(this.#errorOf(error));
    } finally {
      this.#working = false;
    }
  }

  async #take(frame: ClientFrame): Promise<void> {
    const { token, subscribes, unsubscribes, credits, publishes, ping } = frame;
    if (token !== undefined) await this.#renew(token);
    // Unsubscribes are processed first: a client may leave a channel and subscribe to it again in one frame. A subscription that is opened
    // and ended under one id in one frame stays ended.
    for (const id of unsubscribes) this.#subscriptions.drop(id);
    this.#spend(unsubscribes.length * WORK.unsubscribe + credits.length * WORK.credit + (ping === 0 ? 0 : WORK.ping));
    const ended = new Set(unsubscribes);
    for (const subscribe of subscribes) {
      await this.#pace();
      if (this.#ended) return;
      if (ended.has(subscribe.subscription)) continue;
      this.#spend(WORK.subscribe);
      await this.#subscriptions.open(subscribe);
    }
    for (const { subscription, amount } of credits) this.#subscriptions.addCredit(subscription, amount);
    for (const batch of publishes) {
      if (this.#ended) return;
      await this.#publish(batch);
    }
    if (ping !== 0) this.#outbox.addAnswer(encodeControl({ pong: ping }));
    await this.#pace();
  }

  /** Charges the account for work; the next {@link #pace} waits until it is paid. */
  #spend(units: number): void {
    if (units > 0) this.#owedMs = this.#parts.budgets.work.take(this.accountId, units);
  }

  /** Delays the next frame of a client that causes too much work. So it is slowed down, and none of its requests is rejected. */
  async #pace(): Promise<void> {
    const waitMs = this.#owedMs;
    this.#owedMs = 0;
    if (waitMs > 0 && !this.#ended) await this.#sleep(waitMs);
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.min(ms, MAX_TIMER_MS));
      this.#onFinish = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #renew(token: string): Promise<void> {
    this.#spend(WORK.token);
    const principal = await this.#parts.access.authenticate(token);
    if (principal.accountId !== this.accountId) throw new RelayError("unauthenticated", "A stream cannot change its account");
    if (this.#ended) return;
    this.#principal = principal;
    this.#outbox.addAnswer(encodeControl({ tokenLifetimeMs: this.#watchExpiry() }));
  }

  async #publish(batch: PublishBatch): Promise<void> {
    if (batch.firstNumber === 0) throw new RelayError("invalid_argument", "Published messages are numbered from 1 on");
    const bytes = batch.messages.reduce((sum, { length }) => sum + length, 0);
    this.#inFlightBytes += bytes;
    const { answered } = await this.#publishing.take(batch);
    const done = this.#settle(answered, bytes).finally(() => this.#answering.delete(done));
    this.#answering.add(done);
    const { messages, bytes: byteRate } = this.#parts.budgets;
    // A batch without messages is work too.
    const waitMs = Math.max(messages.take(this.accountId, Math.max(1, batch.messages.length)), byteRate.take(this.accountId, bytes));
    // Instead of being refused, a client that sends too much is read more slowly.
    if (waitMs > 0 && !this.#ended) await this.#sleep(waitMs);
    await this.#pace();
  }

  async #settle(answered: Promise<void>, bytes: number): Promise<void> {
    await answered;
    this.#inFlightBytes -= bytes;
    this.#throttle();
  }

  /** Ends the stream when the token is void. Returns how long that is, in milliseconds. */
  #watchExpiry(): number {
    clearTimeout(this.#expiry);
    const { lifetimeMs } = this.#principal;
    this.#expiry = setTimeout(
      () => this.end(new RelayError("unauthenticated", "The token has expired")),
      Math.min(lifetimeMs, MAX_TIMER_MS),
    );
    return Math.round(lifetimeMs);
  }

  #throttle(): void {
    const busy =
      this.#frames.length > MAX_WAITING_FRAMES || this.#inFlightBytes > this.#parts.limits.maxInFlightBytes || this.#outbox.isUnread;
    if (busy === this.#paused || this.#ended) return;
    this.#paused = busy;
    if (busy) this.#stream.pause();
    else this.#stream.resume();
  }

  #errorOf(error: unknown): RelayError {
    if (error instanceof RelayError) return error;
    if (error instanceof FrameError) return new RelayError("invalid_argument", `A frame can't be read: ${error.message}`);
    if (error instanceof AccessError) return new RelayError("unauthenticated", error.message);
    this.#parts.observer.onFailure?.(error);
    return new RelayError("internal", "The relay failed");
  }

  #finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#expiry);
    this.#onFinish();
    this.#subscriptions.close();
    this.#outbox.close();
    this.#frames = [];
    this.#onEnd();
  }
}
