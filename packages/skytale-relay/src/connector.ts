import { ParleyError } from "@parley/core";
import { backoffMs } from "@parley/core/internal";
import { RelayLink, type RelayLinkListener, type RelayLinkTimes } from "./relay-link.ts";
import { RelayError } from "./relay-error.ts";
import type { TokenSource } from "./token-source.ts";
import type { RelayTransport } from "./transport.ts";
import type { PublishBatch } from "./wire/client-frame.ts";
import type { Opened, ServerFrame } from "./wire/server-frame.ts";

/** Events of a connector. */
export interface ConnectorEvents {
  opened(link: RelayLink, opened: Opened): void;
  frame(frame: ServerFrame): void;
  collect(maxBytes: number): PublishBatch[];
  /** An open link was lost, or a link could not be opened. Another attempt follows. */
  lost(error: ParleyError, wasOpen: boolean): void;
  /** No further attempt is made. */
  gaveUp(error: ParleyError): void;
}

/** Timeouts of a connector, in milliseconds. */
export interface ConnectorTimes extends RelayLinkTimes {
  readonly initialBackoffMs: number;
  readonly maxBackoffMs: number;
}

/** A link that was open for this long resets the backoff, in milliseconds. */
const STABLE_MS = 5000;

/** Maintains one link to the relay: opens it, renews its token, and reconnects when it is lost. */
export class Connector implements RelayLinkListener {
  readonly #transport: RelayTransport;
  readonly #tokens: TokenSource;
  readonly #times: ConnectorTimes;
  readonly #events: ConnectorEvents;
  #link: RelayLink | undefined;
  #timer: NodeJS.Timeout | undefined;
  #attempt = 0;
  #started = false;
  #stopped = false;
  /** The last rejected token, and the number of consecutive rejections. */
  #rejected: { readonly token: string; readonly times: number } | undefined;

  constructor(transport: RelayTransport, tokens: TokenSource, times: ConnectorTimes, events: ConnectorEvents) {
    this.#transport = transport;
    this.#tokens = tokens;
    this.#times = times;
    this.#events = events;
  }

  /** The current link, if it is open. */
  get link(): RelayLink | undefined {
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

  opened(link: RelayLink, opened: Opened): void {
    this.#rejected = undefined;
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

  tokenAging(link: RelayLink): void {
    this.#tokens.get(link.token).then(
      (token) => link.renewToken(token),
      // If no token arrives, the relay ends the stream when the current token expires, and the connector reconnects.
      () => link.askForTokenLater(),
    );
  }

  ended(link: RelayLink, error: RelayError): void {
    const { openedAt } = link;
    this.#link = undefined;
    if (error.code === "unauthenticated") {
      const times = (this.#rejected?.times ?? 0) + 1;
      this.#rejected = { token: link.token, times };
      // The first token may have expired. A second rejection in a row is final.
      if (times > 1) return this.#giveUp(error);
    } else if (error.code === "permission_denied" || error.code === "invalid_argument") {
      return this.#giveUp(error);
    }
    if (openedAt !== undefined && performance.now() - openedAt > STABLE_MS) this.#attempt = 0;
    this.#later(error, openedAt !== undefined);
  }

  async #connect(): Promise<void> {
    try {
      const token = await this.#tokens.get(this.#rejected?.token);
      if (this.#stopped) return;
      this.#link = new RelayLink(this.#transport, token, this.#times, this);
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
