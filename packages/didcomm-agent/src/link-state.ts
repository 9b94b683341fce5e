import { ParleyError } from "@parley/core";

import { NotConnectedError, type NotConnectedReason } from "./errors.ts";

type Phase =
  | { readonly name: "idle" }
  | { readonly name: "failed"; readonly error: ParleyError }
  | { readonly name: "connecting" }
  | { readonly name: "up" }
  | { readonly name: "down"; readonly since: Date; readonly reason: ParleyError }
  | { readonly name: "ended"; readonly reason: ParleyError };

/** Where a client's link is between `connect` and its end: decides what is worth an event, and why a call can't be made now. */
export class LinkState {
  #phase: Phase = { name: "idle" };

  /** From `connect` until its failure or the connection's end. */
  get engaged(): boolean {
    return this.#phase.name === "connecting" || this.#phase.name === "up" || this.#phase.name === "down";
  }

  connecting(): void {
    this.#phase = { name: "connecting" };
  }

  /** `connect` failed. */
  failed(error: unknown): void {
    this.#phase = { name: "failed", error: ParleyError.from(error) };
  }

  /** `connect` succeeded, unless the connection has ended since. */
  connected(): void {
    if (this.#phase.name === "connecting") this.#phase = { name: "up" };
  }

  /** The link broke; the transport reconnects. Returns whether the link was up until now. */
  lost(reason: ParleyError): boolean {
    if (this.#phase.name === "down") return false;
    this.#phase = { name: "down", since: new Date(), reason };
    return true;
  }

  /** The link is up again. */
  restored(): void {
    this.#phase = { name: "up" };
  }

  /** The connection ended, and the transport does not reconnect. Returns whether the link was up until now. */
  ended(reason: ParleyError): boolean {
    const wasUp = this.#phase.name !== "down";
    this.#phase = { name: "ended", reason };
    return wasUp;
  }

  /** Why nothing can be sent now. */
  error(cause?: unknown): NotConnectedError {
    const phase = this.#phase;
    switch (phase.name) {
      case "idle":
        return new NotConnectedError("not_started", "connect() was not called: call it, and await it, before sending", { cause });
      case "failed":
        return becauseOf("not_started", "The last connect() failed, call it again", phase.error, cause);
      case "connecting":
        return new NotConnectedError("connecting", "connect() has not finished: await it before sending", { cause });
      case "ended":
        return becauseOf("ended", "The connection has ended, and the client doesn't reconnect", phase.reason, cause);
      case "down": {
        const text = `The link to the node is lost since ${phase.since.toISOString()}; the client reconnects. Nothing was sent`;
        return becauseOf("reconnecting", text, phase.reason, cause);
      }
      default:
        return new NotConnectedError("reconnecting", "The link to the node is lost; the client reconnects. Nothing was sent", { cause });
    }
  }
}

function becauseOf(reason: NotConnectedReason, text: string, why: ParleyError, cause: unknown = why): NotConnectedError {
  return new NotConnectedError(reason, `${text}: ${why.message}`, { cause });
}
