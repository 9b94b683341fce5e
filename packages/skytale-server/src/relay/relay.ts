import type { FairShareLease } from "@parley/core/internal";
import { type FrameListener, type FrameStream, RelayError, type RelayHandler, type UnaryMethod } from "@parley/skytale-relay";
import type { ChannelLog, Retention } from "../log/channel-log.ts";
import { readRetention } from "../log/retention.ts";
import type { WelcomeStore } from "../log/welcome-store.ts";
import { FailedVerifications } from "../failed-verifications.ts";
import type { Access, Principal } from "./access.ts";
import { AccessError } from "./access-error.ts";
import { AccountBudgets, WORK } from "./account-budgets.ts";
import { ChannelFeeds } from "./channel-feeds.ts";
import { CheckRound } from "./check-round.ts";
import { DeliveryBudget } from "./delivery-budget.ts";
import { FillLimit } from "./fill-limit.ts";
import { FlushQueue } from "./flush-queue.ts";
import { readRelayLimits, type RelayLimits } from "./relay-limits.ts";
import type { RelayCounts, RelayObserver } from "./relay-observer.ts";
import { StorageQuota } from "./storage-quota.ts";
import type { DescribedReader } from "./described-reader.ts";
import { Session } from "./session.ts";
import type { SessionParts } from "./session-parts.ts";
import { Unary } from "./unary.ts";

/** Parts of a relay. The caller owns them: closing the relay leaves them open. */
export interface RelayOptions {
  readonly log: ChannelLog;
  readonly welcomes: WelcomeStore;
  readonly access: Access;
  readonly limits?: Partial<RelayLimits>;
  /** How much the log keeps of a channel. */
  readonly retention?: Partial<Retention> | undefined;
  readonly observer?: Partial<RelayObserver>;
  /** Number of servers that share log and accounts: the rates of accounts are divided between them. Default 1. */
  readonly servers?: (() => number) | undefined;
  /** Whether this server has lost its connection to what it shares with others: its clients are sent away, to another one. Default: never. */
  readonly isCutOff?: (() => Promise<boolean>) | undefined;
}

/**
 * The relay, whatever wire it is reached by: takes streams and calls, and decides nothing about who may do what.
 */
export class Relay implements RelayHandler, AsyncDisposable {
  readonly limits: RelayLimits;
  readonly #options: RelayOptions;
  readonly #observer: Partial<RelayObserver>;
  readonly #budgets: AccountBudgets;
  readonly #fillLimit: FillLimit;
  readonly #storageQuota: StorageQuota;
  readonly #deliveries: DeliveryBudget;
  readonly #failures: FailedVerifications;
  readonly #flushes = new FlushQueue();
  readonly #feeds: ChannelFeeds;
  readonly #unary: Unary;
  /** One object for all sessions. */
  readonly #sessionParts: SessionParts;
  readonly #sessions = new Set<Session>();
  /** Streams in authentication. */
  #arriving = 0;
  readonly #calls = new Set<Promise<unknown>>();
  readonly #stop = new AbortController();
  readonly #checkTimer: NodeJS.Timeout;
  readonly #expireTimer: NodeJS.Timeout;
  #draining: Promise<void> | undefined;
  #checking = false;
  #expiring = false;

  /** @throws TypeError for limits that make no sense. */
  constructor(options: RelayOptions) {
    this.limits = readRelayLimits(options.limits);
    this.#options = options;
    this.#observer = options.observer ?? {};
    this.#budgets = new AccountBudgets(this.limits, options.servers);
    const { log, welcomes, servers } = options;
    this.#fillLimit = new FillLimit({ retention: readRetention(options.retention), share: this.limits.fillShare, servers });
    this.#storageQuota = new StorageQuota({ log, welcomes, maxBytesPerAccount: this.limits.maxStoredBytesPerAccount });
    this.#deliveries = new DeliveryBudget(this.limits.maxWaitingDeliveryBytes);
    this.#failures = new FailedVerifications(this.limits.failedVerificationsPerSecond);
    this.#feeds = new ChannelFeeds(options.log, this.#observer);
    this.#unary = new Unary({ ...options, budgets: this.#budgets });
    this.#sessionParts = this.#partsOf();
    this.#checkTimer = setInterval(() => void this.#check(), this.limits.accessCheckMs).unref();
    this.#expireTimer = setInterval(() => void this.#expire(), this.limits.expireMs).unref();
  }

  /** Whether it takes new streams and calls. */
  get serving(): boolean {
    return this.#draining === undefined;
  }

  /** What it holds at the moment. */
  get counts(): RelayCounts {
    let subscriptions = 0;
    for (const session of this.#sessions) subscriptions += session.subscriptions;
    return {
      streams: this.#sessions.size,
      subscriptions,
      channels: this.#feeds.size,
      storedBytes: this.#options.log.totalStoredBytes,
      waitingBytes: this.#deliveries.total,
    };
  }

  /** The subscriptions to a channel, for the console. */
  readersOf(channel: string): readonly DescribedReader[] {
    return Array.from(this.#sessions, (session) => session.readersOf(channel)).flat();
  }

  /** Ends all subscriptions to a channel that was deleted, and every permission to publish on it. */
  forgetChannel(channel: string): void {
    for (const session of this.#sessions) session.forgetChannel(channel);
  }

  /**
   * @param onIdentified called when it is known whose stream it is.
   * @param address where it comes from, whose refused tokens are counted.
   */
  accept(token: string, stream: FrameStream, onIdentified: (accountId: string) => void = ignore, address?: string): FrameListener {
    const arrival = new Arrival();
    // Nothing is read before it is known who sends it.
    stream.pause();
    this.#admit(token, { stream, arrival, onIdentified, address }).catch((error: unknown) => {
      const refusal = this.#errorOf(error);
      this.#observer.onRefused?.("stream", refusal.code);
      if (!arrival.over) stream.end(refusal);
    });
    return arrival;
  }

  async call(
    method: UnaryMethod,
    request: Uint8Array,
    {
      token,
      signal,
      onIdentified = ignore,
      address,
    }: {
      readonly token: string;
      readonly signal: AbortSignal;
      readonly onIdentified?: (accountId: string) => void;
      readonly address?: string;
    },
  ): Promise<Uint8Array> {
    const work = this.#call(method, request, { token, onIdentified, address, signal: AbortSignal.any([signal, this.#stop.signal]) });
    this.#calls.add(work);
    try {
      return await work;
    } catch (error) {
      const refusal = this.#errorOf(error);
      this.#observer.onRefused?.("call", refusal.code);
      throw refusal;
    } finally {
      this.#calls.delete(work);
    }
  }

  /**
   * Rejects new streams and calls, notifies the clients, completes requests in flight for at most `drainMs`, and ends all streams with
   * UNAVAILABLE. Idempotent.
   */
  close(): Promise<void> {
    this.#draining ??= this.#drain();
    return this.#draining;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #drain(): Promise<void> {
    clearInterval(this.#checkTimer);
    clearInterval(this.#expireTimer);
    this.#stop.abort();
    const under = [...Array.from(this.#sessions, (session) => session.drain()), ...this.#calls];
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, this.limits.drainMs)));
    await Promise.race([Promise.allSettled(under), late]);
    clearTimeout(timer);
    for (const session of this.#sessions) session.end(stopping());
  }

  async #admit(token: string, { stream, arrival, onIdentified, address }: ArrivingStream): Promise<void> {
    if (!this.serving) throw stopping();
    if (await this.isCutOff()) throw cutOff();
    if (this.#sessions.size + this.#arriving >= this.limits.maxStreams)
      throw new RelayError("resource_exhausted", "The relay has too many streams");
    this.#arriving++;
    try {
      const principal = await this.#authenticate(token, address);
      if (!this.serving) throw stopping();
      if (arrival.over) return;
      const { accountId } = principal;
      onIdentified(accountId);
      if (!this.#budgets.work.tryTake(accountId, WORK.stream))
        throw new RelayError("resource_exhausted", "The account opens too many streams in a short time");
      const lease = this.#budgets.streams.tryAcquire(accountId);
      if (lease === undefined) throw new RelayError("resource_exhausted", "The account, or the relay, has too many streams");
      arrival.handOver(this.#openSession(principal, stream, lease));
      stream.resume();
    } finally {
      this.#arriving--;
    }
  }

  /** Not part of {@link #admit}: what a session keeps in memory must not include the token. */
  #openSession(principal: Principal, stream: FrameStream, lease: FairShareLease): Session {
    const { accountId } = principal;
    const session = new Session(this.#sessionParts, principal, stream, () => {
      lease.release();
      this.#sessions.delete(session);
      this.#observer.onClosed?.(accountId);
    });
    this.#observer.onOpened?.(accountId);
    this.#sessions.add(session);
    return session;
  }

  #partsOf(): SessionParts {
    const { log, welcomes, access } = this.#options;
    const isDraining = (): boolean => !this.serving;
    return {
      log,
      welcomes,
      access,
      feeds: this.#feeds,
      budgets: this.#budgets,
      fillLimit: this.#fillLimit,
      storageQuota: this.#storageQuota,
      deliveries: this.#deliveries,
      flushes: this.#flushes,
      limits: this.limits,
      observer: this.#observer,
      maxPayloadBytes: this.limits.maxPayloadBytes,
      get draining() {
        return isDraining();
      },
    };
  }

  async #call(
    method: UnaryMethod,
    request: Uint8Array,
    {
      token,
      signal,
      onIdentified,
      address,
    }: {
      readonly token: string;
      readonly signal: AbortSignal;
      readonly onIdentified: (accountId: string) => void;
      readonly address: string | undefined;
    },
  ): Promise<Uint8Array> {
    if (!this.serving) throw stopping();
    const principal = await this.#authenticate(token, address);
    onIdentified(principal.accountId);
    this.#observer.onWork?.(`relay ${method}`, principal.accountId);
    if (!this.#budgets.calls.tryTake(principal.accountId)) throw new RelayError("resource_exhausted", "The account makes too many calls");
    return this.#unary.call(method, request, { principal, signal });
  }

  async #authenticate(token: string, address: string | undefined): Promise<Principal> {
    if (address !== undefined && !this.#failures.mayTry(address))
      throw new RelayError("resource_exhausted", "Too many refused tokens from one address");
    try {
      return await this.#options.access.authenticate(token);
    } catch (error) {
      if (address !== undefined && error instanceof AccessError) this.#failures.failed(address);
      throw error;
    }
  }

  /** Whether its clients should be connected to another server. */
  async isCutOff(): Promise<boolean> {
    return this.#options.isCutOff !== undefined && (await this.#options.isCutOff());
  }

  async #check(): Promise<void> {
    if (this.#checking) return;
    this.#checking = true;
    if (await this.isCutOff()) for (const session of this.#sessions) session.end(cutOff());
    const now = performance.now();
    const round = new CheckRound(this.#options.access);
    for (const session of this.#sessions) {
      try {
        await session.check(now, round);
      } catch (error) {
        this.#observer.onFailure?.(error);
      }
    }
    this.#checking = false;
  }

  async #expire(): Promise<void> {
    if (this.#expiring) return;
    this.#expiring = true;
    try {
      await this.#options.log.expire();
      await this.#options.welcomes.expire();
    } catch (error) {
      this.#observer.onFailure?.(error);
    }
    this.#expiring = false;
  }

  #errorOf(error: unknown): RelayError {
    if (error instanceof RelayError) return error;
    if (error instanceof AccessError) return new RelayError("unauthenticated", error.message);
    this.#observer.onFailure?.(error);
    return new RelayError("internal", "The relay failed");
  }
}

function ignore(): void {
  // The default callback.
}

interface ArrivingStream {
  readonly stream: FrameStream;
  readonly arrival: Arrival;
  readonly onIdentified: (accountId: string) => void;
  readonly address: string | undefined;
}

function cutOff(): RelayError {
  return new RelayError("unavailable", "The relay has lost its connection to the shared storage");
}

function stopping(): RelayError {
  return new RelayError("unavailable", "The relay is stopping");
}

/** Listens to a stream until it is known whose it is. */
class Arrival implements FrameListener {
  over = false;
  #session: Session | undefined;
  #early: Uint8Array[] = [];

  handOver(session: Session): void {
    this.#session = session;
    for (const frame of this.#early) session.frame(frame);
    this.#early = [];
  }

  frame(frame: Uint8Array): void {
    // The stream is paused: only a few are under way.
    if (this.#session === undefined) this.#early.push(frame);
    else this.#session.frame(frame);
  }

  sent(bytes: number): void {
    this.#session?.sent(bytes);
  }

  drained(): void {
    this.#session?.drained();
  }

  ended(): void {
    this.over = true;
    this.#session?.ended();
  }
}
