import { ParleyError } from "@parley/core";
import { backoffMs } from "@parley/core/internal";
import { Link, type LinkListener, type LinkTimes } from "./link.ts";
import { RelayError } from "./relay-error.ts";
import type { TokenSource } from "./token-source.ts";
import type { RelayTransport } from "./transport.ts";
import type { PublishBatch } from "./wire/client-frame.ts";
import type { Opened, ServerFrame } from "./wire/server-frame.ts";

/** What a connector tells its client. */
export interface ConnectorEvents {
  opened(link: Link, opened: Opened): void;
  frame(frame: ServerFrame): void;
  collect(maxBytes: number): PublishBatch[];
  /** An open link is lost, or one could not be opened; another attempt follows. */
  lost(error: ParleyError, wasOpen: boolean): void;
  /** There will be no further attempt. */
  gaveUp(error: ParleyError): void;
}

/** Times of a connector, in milliseconds. */
export interface ConnectorTimes extends LinkTimes {
  readonly initialBackoffMs: number;
  readonly maxBackoffMs: number;
}

/** A link that lived so long starts the backoff over, in milliseconds. */
const STABLE_MS = 5000;

/** Keeps one link to the relay alive: opens it, renews its token, and opens another one when it is lost. */
export class Connector implements LinkListener {
  readonly #transport: RelayTransport;
  readonly #tokens: TokenSource;
  readonly #times: ConnectorTimes;
  readonly #events: ConnectorEvents;
  #link: Link | undefined;
  #timer: NodeJS.Timeout | undefined;
  #attempt = 0;
  #started = false;
  #stopped = false;
  /** The last token that was refused, and how many were in a row. */
  #refused: { readonly token: string; readonly times: number } | undefined;

  constructor(transport: RelayTransport, tokens: TokenSource, times: ConnectorTimes, events: ConnectorEvents) {
    this.#transport = transport;
    this.#tokens = tokens;
    this.#times = times;
    this.#events = events;
  }

  /** The link, if it is open. */
  get link(): Link | undefined {
    return this.#link?.open === true ? this.#link : undefined;
  }

  /** Idempotent. */
  start(): void {
    if (this.#started) return;
    this.#started = true;
    void this.#connect();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#link?.close();
  }

  opened(link: Link, opened: Opened): void {
    this.#refused = undefined;
    this.#events.opened(link, opened);
  }

  frame(frame: ServerFrame): void {
    try {
      this.#events.frame(frame);
    } catch (error) {
      if (!(error instanceof RelayError)) throw error;
      this.#link?.fail(error);
    }
  }

  collect(maxBytes: number): PublishBatch[] {
    return this.#events.collect(maxBytes);
  }

  tokenAging(link: Link): void {
    this.#tokens.get(link.token).then(
      (token) => link.renewToken(token),
      // Without one the stream ends when this one is void, and then there is another attempt anyway.
      () => link.askForTokenLater(),
    );
  }

  ended(link: Link, error: RelayError): void {
    const { openedAt } = link;
    this.#link = undefined;
    if (error.code === "unauthenticated") {
      const times = (this.#refused?.times ?? 0) + 1;
      this.#refused = { token: link.token, times };
      // One that was good once may have expired; a second one that was never good says it all.
      if (times > 1) return this.#giveUp(error);
    } else if (error.code === "permission_denied" || error.code === "invalid_argument") {
      return this.#giveUp(error);
    }
    if (openedAt !== undefined && performance.now() - openedAt > STABLE_MS) this.#attempt = 0;
    this.#later(error, openedAt !== undefined);
  }

  async #connect(): Promise<void> {
    try {
      const token = await this.#tokens.get(this.#refused?.token);
      if (this.#stopped) return;
      this.#link = new Link(this.#transport, token, this.#times, this);
    } catch (error) {
      if (this.#stopped) return;
      const failure = ParleyError.from(error);
      if (failure.retryable) this.#later(failure, false);
      else this.#giveUp(failure);
    }
  }

  #later(error: ParleyError, wasOpen: boolean): void {
    if (this.#stopped) return;
    const delay = backoffMs(++this.#attempt, { initialMs: this.#times.initialBackoffMs, maxMs: this.#times.maxBackoffMs });
    this.#timer = setTimeout(() => void this.#connect(), delay);
    this.#events.lost(error, wasOpen);
  }

  #giveUp(error: ParleyError): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#events.gaveUp(error);
  }
}
