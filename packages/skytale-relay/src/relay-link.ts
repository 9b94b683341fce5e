import { RelayError } from "./relay-error.ts";
import type { FrameListener, FrameStream, RelayTransport } from "./transport.ts";
import { encodeClientFrame, type ClientFrame, type Credit, type PublishBatch, type Subscribe } from "./wire/client-frame.ts";
import { FrameError } from "./wire/frame-error.ts";
import { decodeServerFrame, type Opened, type ServerFrame } from "./wire/server-frame.ts";

/**
 * Approximate limit on the bytes of publishes in one frame: less than a server's usual HTTP/2 window, so that a frame never waits for a
 * window update. MAX_PARTS limits the other parts of a frame.
 */
const BATCH_BYTES = 60 * 1024;
const MAX_PARTS = 256;

/** Delay between attempts to renew a token, in milliseconds. */
const TOKEN_RETRY_MS = 5000;

/** Timeouts of a link, in milliseconds. */
export interface RelayLinkTimes {
  /** Timeout of the relay's first frame. */
  readonly openTimeoutMs: number;
  /** Interval between pings. */
  readonly pingAfterMs: number;
  /** Timeout of a ping. */
  readonly pingTimeoutMs: number;
}

/** Callbacks of a link's owner. */
export interface RelayLinkListener {
  opened(link: RelayLink, opened: Opened): void;
  /** Called for each frame, after the link has handled `opened`, tokens and draining. */
  frame(frame: ServerFrame): void;
  /** Returns the messages to publish now, up to about `maxBytes`. Called at the end of a turn of the event loop, see {@link RelayLink.schedule}. */
  collect(maxBytes: number): PublishBatch[];
  /** The token expires soon. The listener passes a new one to {@link RelayLink.renewToken}. */
  tokenAging(link: RelayLink): void;
  /** The link ended. Called once, as the last callback. */
  ended(link: RelayLink, error: RelayError): void;
}

/** One stream to the relay. Collects the output of one turn of the event loop into one frame, and detects a dead connection with pings. */
export class RelayLink implements FrameListener {
  /** Time at which the relay opened the stream, by `performance.now()`; undefined before. */
  openedAt: number | undefined;
  /** The relay is about to end the stream and reads no further publishes. */
  draining = false;
  /** The last token sent to the relay. */
  token: string;
  readonly #listener: RelayLinkListener;
  readonly #times: RelayLinkTimes;
  readonly #stream: FrameStream;
  readonly #relay: string;
  readonly #subscribes: Subscribe[] = [];
  readonly #unsubscribes: number[] = [];
  readonly #credits: Credit[] = [];
  #batchBytes = BATCH_BYTES;
  #newToken: string | undefined;
  #ping = 0;
  #pingDue = false;
  #lastFrameAt = performance.now();
  #scheduled = false;
  #blocked = false;
  #ended = false;
  #pingTimer: NodeJS.Timeout | undefined;
  #tokenTimer: NodeJS.Timeout | undefined;

  constructor(transport: RelayTransport, token: string, times: RelayLinkTimes, listener: RelayLinkListener) {
    this.token = token;
    this.#listener = listener;
    this.#times = times;
    this.#relay = transport.address === undefined ? "The relay" : `The relay at ${transport.address}`;
    this.#stream = transport.open(token, this);
    const onTimeout = (): void => this.fail(new RelayError("timeout", `${this.#relay} did not answer in time`));
    this.#pingTimer = setTimeout(onTimeout, times.openTimeoutMs);
  }

  get open(): boolean {
    return this.openedAt !== undefined && !this.#ended;
  }

  subscribe(subscribe: Subscribe): void {
    this.#subscribes.push(subscribe);
    this.schedule();
  }

  unsubscribe(subscription: number): void {
    this.#unsubscribes.push(subscription);
    this.schedule();
  }

  credit(credit: Credit): void {
    this.#credits.push(credit);
    this.schedule();
  }

  renewToken(token: string): void {
    this.token = token;
    this.#newToken = token;
    this.schedule();
  }

  /** Called when no new token was available: asks the listener again after TOKEN_RETRY_MS. */
  askForTokenLater(): void {
    if (this.open) this.#tokenTimer = setTimeout(() => this.#listener.tokenAging(this), TOKEN_RETRY_MS);
  }

  /**
   * Sends all pending parts at the end of this turn of the event loop: parts of the link, and publishes, which the listener's `collect` returns.
   * `Publisher` calls this for new work through its `onWork`; `collect` leads back to it through `Connector` and `RelayClient`.
   */
  schedule(): void {
    if (this.#scheduled || !this.open) return;
    this.#scheduled = true;
    setImmediate(() => this.#flush());
  }

  /** Ends the link gracefully. The listener is not called. */
  close(): void {
    if (this.#finish()) this.#stream.end();
  }

  /** Aborts the link with an error, and reports it to the listener. */
  fail(error: RelayError): void {
    if (!this.#finish()) return;
    this.#stream.end(error);
    this.#listener.ended(this, error);
  }

  frame(bytes: Uint8Array): void {
    if (this.#ended) return;
    this.#lastFrameAt = performance.now();
    try {
      this.#read(decodeServerFrame(bytes));
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.fail(new RelayError("protocol_error", `Malformed frame from the relay: ${error.message}`, { cause: error }));
    }
  }

  drained(): void {
    this.#blocked = false;
    this.schedule();
  }

  ended(error?: RelayError): void {
    if (this.#finish()) this.#listener.ended(this, error ?? new RelayError("unavailable", `${this.#relay} ended the stream`));
  }

  #read(frame: ServerFrame): void {
    const { opened, tokenLifetimeMs } = frame;
    if ((opened === undefined) !== (this.openedAt !== undefined)) {
      return this.fail(new RelayError("protocol_error", "The relay must open the stream once, with its first frame"));
    }
    if (opened !== undefined) this.#onOpened(opened);
    if (tokenLifetimeMs !== undefined) this.#watchToken(tokenLifetimeMs);
    if (frame.draining) this.draining = true;
    this.#listener.frame(frame);
  }

  #onOpened(opened: Opened): void {
    this.openedAt = performance.now();
    this.#batchBytes = Math.min(BATCH_BYTES, opened.maxFrameBytes / 4);
    clearTimeout(this.#pingTimer);
    // The relay closes streams that are silent for its idle timeout.
    const third = opened.idleTimeoutMs / 3;
    const pace = { interval: Math.min(this.#times.pingAfterMs, third), timeout: Math.min(this.#times.pingTimeoutMs, third) };
    this.#pingTimer = setTimeout(() => this.#sendPing(pace), pace.interval);
    this.#watchToken(opened.tokenLifetimeMs);
    this.#listener.opened(this, opened);
  }

  /** Sends a ping, and fails the link if no frame arrives within the timeout. Repeats, which also keeps the stream from being idle. */
  #sendPing(pace: { readonly interval: number; readonly timeout: number }): void {
    const sentAt = performance.now();
    this.#pingDue = true;
    this.schedule();
    const check = (): void => {
      if (this.#ended) return;
      if (this.#lastFrameAt < sentAt) return this.fail(new RelayError("timeout", `${this.#relay} did not respond to a ping`));
      this.#pingTimer = setTimeout(() => this.#sendPing(pace), pace.interval);
    };
    // A busy event loop runs late timers before it reads its sockets. After setImmediate, the sockets have been read.
    this.#pingTimer = setTimeout(() => setImmediate(check), pace.timeout);
  }

  /** Requests a new token when a fifth of the lifetime is left. */
  #watchToken(lifetimeMs: number): void {
    clearTimeout(this.#tokenTimer);
    const delay = Math.min(lifetimeMs * 0.8, 0x7fff_ffff);
    this.#tokenTimer = setTimeout(() => this.#listener.tokenAging(this), delay);
  }

  #flush(): void {
    this.#scheduled = false;
    if (!this.open) return;
    const publishes = this.#blocked || this.draining ? [] : this.#listener.collect(this.#batchBytes);
    const unsubscribes = this.#unsubscribes.splice(0, MAX_PARTS);
    const frame: Partial<ClientFrame> = {
      token: this.#newToken,
      // The unsubscribe of a channel must reach the relay before a new subscribe of the same channel.
      subscribes: this.#unsubscribes.length > 0 ? [] : this.#subscribes.splice(0, MAX_PARTS),
      unsubscribes,
      credits: this.#credits.splice(0, MAX_PARTS),
      publishes,
      ping: this.#pingDue ? ++this.#ping : 0,
    };
    this.#newToken = undefined;
    this.#pingDue = false;
    const bytes = encodeClientFrame(frame);
    if (bytes.length === 0) return;
    if (!this.#stream.send(bytes)) this.#blocked = true;
    // More parts than fit into one frame may be pending.
    if (publishes.length + this.#subscribes.length + this.#unsubscribes.length + this.#credits.length > 0) this.schedule();
  }

  #finish(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    clearTimeout(this.#pingTimer);
    clearTimeout(this.#tokenTimer);
    return true;
  }
}
