import { Envelope, Protocol, type EnvelopePort, type ReceivedEnvelope } from "@parley/envelope-and-adapters";
import { A2A_VERSION } from "@parley/envelope-and-adapters/internal";
import type { JsonObject, JsonValue } from "@parley/core";
import { BridgeError } from "./bridge-error.ts";
import { digest, digestOf, uuidOf } from "./internal/digest.ts";
import { nextPath, placeOf } from "./trace/next-path.ts";
import type { Settings } from "./bridge-options.ts";
import { readTrace, writeTrace, type Origin, type Trace } from "./trace/trace.ts";

/** One end of a bridge. */
export interface End {
  readonly name: string;
  readonly port: EnvelopePort;
  readonly protocol: Protocol;
}

/** An envelope that may go on, with what is known of it. */
export interface Passage {
  readonly received: ReceivedEnvelope;
  readonly trace: Trace;
  readonly path: readonly string[];
  readonly origin: Origin;
  /** Names the envelope: the same when it comes again, where the port tells. */
  readonly key: string;
  /** For the send of what is made of it; `undefined` where the port can't tell what comes again. */
  readonly sendId: string | undefined;
}

/** What a trace says besides path and origin. */
export interface TraceDetails {
  readonly kept?: JsonObject;
  readonly lost?: readonly string[];
}

/** The way from a bridge's source to its target: names for what crosses it, and the trace that it leaves. */
export class Route {
  readonly source: End;
  readonly target: End;
  readonly settings: Settings;
  readonly #key: string;

  constructor(source: End, target: End, settings: Settings) {
    this.source = source;
    this.target = target;
    this.settings = settings;
    this.#key = digest("route", source.name, source.protocol, target.name, target.protocol);
  }

  /** A name that belongs to this route alone and is the same after a restart. */
  nameOf(...texts: readonly string[]): string {
    return digest(this.#key, ...texts);
  }

  uuidOf(...texts: readonly string[]): string {
    return uuidOf(this.#key, ...texts);
  }

  /** The A2A context that an end's channel is, or that the options name. */
  contextOf({ name }: End): string | undefined {
    return this.settings.contextId ?? /^[^/]+\/a2a\/(?<context>[\w.-]{1,128})$/.exec(name)?.groups?.["context"];
  }

  /**
   * Lets an envelope onto the way from one end to the other; `undefined` if it has been there.
   *
   * @throws BridgeError `trace_invalid`, `too_many_hops`
   */
  enter(received: ReceivedEnvelope, from: End, to: End): Passage | undefined {
    const trace = readTrace(received.envelope.metadata);
    const path = nextPath(trace.path, placeOf(from.name, from.protocol), placeOf(to.name, to.protocol), this.settings.maxHops);
    if (path === undefined) return undefined;
    const { id, sender, senderKey } = received;
    const authorized = "authorized" in received && typeof received.authorized === "boolean" ? { authorized: received.authorized } : {};
    // With the payload, so that a channel that was made anew under the same name, and counts from the start again, loses nothing.
    const content = digestOf(received.envelope.payload);
    const key = this.nameOf("envelope", from === this.source ? "source" : "target", id ?? crypto.randomUUID(), content);
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
      sendId: id === undefined ? undefined : this.nameOf("send", key),
    };
  }

  /** The member `bridge` for what is made of an envelope. */
  traceOf({ trace, path, origin }: Passage, { kept, lost = [] }: TraceDetails = {}): JsonObject {
    const claims = trace.origin === undefined ? trace.claims : [...trace.claims, trace.origin];
    return writeTrace({ path, origin, claims: claims.slice(-this.settings.maxHops), lost, ...(kept !== undefined && { kept }) });
  }
}

/**
 * An envelope whose parts were made here of what others sent.
 *
 * @throws BridgeError `message_too_large`: no header has room for it.
 */
export function envelopeOf(
  protocol: Protocol,
  {
    contentType,
    payload,
    metadata,
    extraHeaders,
  }: { contentType: string; payload: Uint8Array; metadata: JsonObject; extraHeaders?: JsonObject },
): Envelope {
  try {
    return new Envelope(protocol, contentType, payload, metadata, extraHeaders);
  } catch (cause) {
    throw new BridgeError("message_too_large", "The translated message has metadata that is nested too deeply", { cause });
  }
}

/** Metadata of an A2A message of the bridge's own. */
export function a2aMetadata(agent: string): Record<string, JsonValue> {
  return { "A2A-Version": A2A_VERSION, a2a: { agent } };
}
