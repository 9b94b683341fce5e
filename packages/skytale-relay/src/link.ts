import { RelayError } from "./relay-error.ts";
import type { FrameListener, FrameStream, RelayTransport } from "./transport.ts";
import { encodeClientFrame, type ClientFrame, type Credit, type PublishBatch, type Subscribe } from "./wire/client-frame.ts";
import { FrameError } from "./wire/frame-error.ts";
import { decodeServerFrame, type Opened, type ServerFrame } from "./wire/server-frame.ts";

/**
 * Bytes of publishes in one frame, about: less than a server's usual HTTP/2 window, so that a frame doesn't wait for the answer to its own
 * beginning. And parts of the other kinds.
 */
const BATCH_BYTES = 60 * 1024;
const MAX_PARTS = 256;

/** Between attempts to renew a token, in milliseconds. */
const TOKEN_RETRY_MS = 5000;

/** Times of a link, in milliseconds. */
export interface LinkTimes {
  /** Wait for the relay's first frame. */
  readonly openTimeoutMs: number;
  /** Silence after which the relay is asked for a sign of life. */
  readonly pingAfterMs: number;
  /** Wait for that sign. */
  readonly pingTimeoutMs: number;
}

/** What the owner of a link is told, and asked for. */
export interface LinkListener {
  opened(link: Link, opened: Opened): void;
  /** Anything but `opened` and what the link deals with by itself. */
  frame(frame: ServerFrame): void;
  /** Messages to publish now, up to about so many bytes. */
  collect(maxBytes: number): PublishBatch[];
  /** The token will soon be void. The answer goes to {@link Link.renewToken}. */
  tokenAging(link: Link): void;
  /** Once, and last. */
  ended(link: Link, error: RelayError): void;
}

/** One stream to the relay, from its opening to its end: gathers what a turn of the event loop brings into one frame, and listens for life. */
export class Link implements FrameListener {
  /** When the stream was opened by the relay, by `performance.now()`; undefined before. */
  openedAt: number | undefined;
  /** The relay is about to end the stream, and reads no more publishes. */
  draining = false;
  /** The last token that the relay was given. */
  token: string;
  readonly #listener: LinkListener;
  readonly #times: LinkTimes;
  readonly #stream: FrameStream;
  readonly #relay: string;
  readonly #subscribes: Subscribe[] = [];
  readonly #unsubscribes: number[] = [];
  readonly #credits: Credit[] = [];
  #batchBytes = BATCH_BYTES;
  #newToken: string | undefined;
  #ping = 0;
  #pingDue = false;
  #heardAt = performance.now();
  #scheduled = false;
  #blocked = false;
  #ended = false;
  #lifeTimer: NodeJS.Timeout | undefined;
  #tokenTimer: NodeJS.Timeout | undefined;

  constructor(transport: RelayTransport, token: string, times: LinkTimes, listener: LinkListener) {
    this.token = token;
    this.#listener = listener;
    this.#times = times;
    this.#relay = transport.address === undefined ? "The relay" : `The relay at ${transport.address}`;
    this.#stream = transport.open(token, this);
    const onTimeout = (): void => this.fail(new RelayError("timeout", `${this.#relay} did not answer in time`));
    this.#lifeTimer = setTimeout(onTimeout, times.openTimeoutMs);
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

  /** No fresh token could be had: asks the listener again in a while. */
  askForTokenLater(): void {
    if (this.open) this.#tokenTimer = setTimeout(() => this.#listener.tokenAging(this), TOKEN_RETRY_MS);
  }

  /** Sends what there is at the end of this turn of the event loop. */
  schedule(): void {
    if (this.#scheduled || !this.open) return;
    this.#scheduled = true;
    setImmediate(() => this.#flush());
  }

  /** Ends the link. In peace the relay is told; with an error it is cut, and the listener hears of it. */
  close(): void {
    if (this.#finish()) this.#stream.end();
  }

  fail(error: RelayError): void {
    if (!this.#finish()) return;
    this.#stream.end(error);
    this.#listener.ended(this, error);
  }

  frame(bytes: Uint8Array): void {
    if (this.#ended) return;
    this.#heardAt = performance.now();
    try {
      this.#read(decodeServerFrame(bytes));
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.fail(new RelayError("protocol_error", `The relay sent what can't be read: ${error.message}`, { cause: error }));
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
    clearTimeout(this.#lifeTimer);
    // Whatever this client's own pace, the relay must hear from it within its idle timeout.
    const third = opened.idleTimeoutMs / 3;
    const pace = { pause: Math.min(this.#times.pingAfterMs, third), timeout: Math.min(this.#times.pingTimeoutMs, third) };
    this.#lifeTimer = setTimeout(() => this.#askForLife(pace), pace.pause);
    this.#watchToken(opened.tokenLifetimeMs);
    this.#listener.opened(this, opened);
  }

  /** Pings each so often, since the relay wants to hear something too, and gives up when nothing comes back. */
  #askForLife(pace: { readonly pause: number; readonly timeout: number }): void {
    const askedAt = performance.now();
    this.#pingDue = true;
    this.schedule();
    const judge = (): void => {
      if (this.#ended) return;
      if (this.#heardAt < askedAt) return this.fail(new RelayError("timeout", `${this.#relay} is not heard any more`));
      this.#lifeTimer = setTimeout(() => this.#askForLife(pace), pace.pause);
    };
    // A busy program runs its timers late, and before it reads its sockets: it reads them first.
    this.#lifeTimer = setTimeout(() => setImmediate(judge), pace.timeout);
  }

  /** Asks for a fresh token when a fifth of its life is left. */
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
      // A channel may have been left before it is subscribed to again: the relay must hear of the end first.
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
    // There may be more than one frame's worth.
    if (publishes.length + this.#subscribes.length + this.#unsubscribes.length + this.#credits.length > 0) this.schedule();
  }

  #finish(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    clearTimeout(this.#lifeTimer);
    clearTimeout(this.#tokenTimer);
    return true;
  }
}
