import type { Protocol, ReceivedEnvelope } from "@parley/envelope-and-adapters";
import type { JsonObject } from "@parley/core";
import type { BridgeSettings, NamedPort } from "./bridge-options.ts";
import { digest, digestBytes, digestUuid } from "./internal/digest.ts";
import { nextPath, placeOf } from "./trace/next-path.ts";
import { readTrace, writeTrace, type Origin, type Trace } from "./trace/trace.ts";

/** One end of a bridge. */
export interface BridgeEnd extends NamedPort {
  readonly protocol: Protocol;
}

/** An envelope that can cross the bridge: it has not been at the other end yet. */
export interface RoutedEnvelope {
  readonly received: ReceivedEnvelope;
  readonly trace: Trace;
  /** The trace's path, extended by the end that the envelope arrived at. */
  readonly path: readonly string[];
  readonly origin: Origin;
  /** Identifies the envelope: the same for each redelivery, if the port numbers its envelopes. */
  readonly key: string;
  /** Idempotency key of the translated message; `undefined` if the port doesn't number its envelopes. */
  readonly sendId: string | undefined;
}

/** The parts of a trace that depend on the translation. */
export interface TraceDetails {
  readonly kept?: JsonObject;
  readonly lost?: readonly string[];
}

/** The two ends and the settings of a bridge. Derives ids that stay the same across restarts, and the traces of messages. */
export class Route {
  readonly source: BridgeEnd;
  readonly target: BridgeEnd;
  readonly settings: BridgeSettings;
  readonly #key: string;

  constructor(source: BridgeEnd, target: BridgeEnd, settings: BridgeSettings) {
    this.source = source;
    this.target = target;
    this.settings = settings;
    this.#key = digest("route", source.name, source.protocol, target.name, target.protocol);
  }

  /** An id that is unique to this route and the same after a restart. */
  deriveId(...texts: readonly string[]): string {
    return digest(this.#key, ...texts);
  }

  /** As {@link deriveId}, in the form of a UUID. */
  deriveUuid(...texts: readonly string[]): string {
    return digestUuid(this.#key, ...texts);
  }

  /** The A2A context of an end: the one of the options, or the one in the channel's name. */
  contextOf({ name }: BridgeEnd): string | undefined {
    return this.settings.contextId ?? /^[^/]+\/a2a\/(?<context>[\w.-]{1,128})$/.exec(name)?.groups?.["context"];
  }

  /**
   * Reads the trace of an envelope that arrived at `from`. Returns `undefined` if the envelope has already been at `to`: a loop.
   *
   * @throws BridgeError `trace_invalid`, `too_many_hops`
   */
  readInbound(received: ReceivedEnvelope, from: BridgeEnd, to: BridgeEnd): RoutedEnvelope | undefined {
    const trace = readTrace(received.envelope.metadata);
    const path = nextPath(trace.path, placeOf(from.name, from.protocol), placeOf(to.name, to.protocol), this.settings.maxHops);
    if (path === undefined) return undefined;
    const { id, sender, senderKey } = received;
    const authorized = "authorized" in received && typeof received.authorized === "boolean" ? { authorized: received.authorized } : {};
    // The payload is part of the key because a channel that was deleted and created again restarts its numbers.
    const content = digestBytes(received.envelope.payload);
    const key = this.deriveId("envelope", from === this.source ? "source" : "target", id ?? crypto.randomUUID(), content);
    return {
      received,
      trace,
      path,
      origin: {
        protocol: from.protocol,
        ...(sender !== undefined && { sender }),
        ...(senderKey !== undefined && { senderKey }),
        ...authorized,
      },
      key,
      sendId: id === undefined ? undefined : this.deriveId("send", key),
    };
  }

  /** The metadata member `bridge` for the translation of a message. */
  traceOf({ trace, path, origin }: RoutedEnvelope, { kept, lost = [] }: TraceDetails = {}): JsonObject {
    const claims = trace.origin === undefined ? trace.claims : [...trace.claims, trace.origin];
    return writeTrace({ path, origin, claims: claims.slice(-this.settings.maxHops), lost, ...(kept !== undefined && { kept }) });
  }
}
