import { describeKind } from "@parley/core/internal";
import type { JsonObject } from "@parley/core";
import { readWire, writeWire, type EnvelopeLimits } from "./envelope-codec.ts";
import { EnvelopeError } from "./envelope-error.ts";
import { freezeJsonObject } from "./internal/freeze-json-object.ts";
import { Protocol } from "./protocol.ts";

const RESERVED = ["protocol", "content_type", "metadata"];
const MAX_NAME_LENGTH = 255;
const NO_HEADERS: JsonObject = Object.freeze({});

/**
 * A payload with the name of its protocol, so that one channel can carry several protocols.
 *
 * Envelopes are deeply frozen. The payload is a copy, so later changes of the caller's array have no effect.
 *
 * @example
 * ```ts
 * import { Envelope, Protocol } from "@parley/envelope-and-adapters";
 *
 * const envelope = new Envelope(Protocol.A2A, "application/json", new TextEncoder().encode('{"parts":[]}'));
 * const again = Envelope.deserialize(envelope.serialize());
 * console.log(again.protocol === Protocol.A2A);
 * ```
 */
export class Envelope {
  readonly protocol: Protocol;
  /** Media type of the payload, such as `application/json`. */
  readonly contentType: string;
  readonly payload: Uint8Array;
  /** A JSON object that is sent with the payload. */
  readonly metadata: JsonObject | undefined;
  /** Header members that are unknown to this package. They are preserved. */
  readonly extraHeaders: JsonObject;

  /** @throws TypeError an argument has the wrong type, or metadata is not JSON or nested deeper than 32 levels */
  constructor(
    protocol: Protocol,
    contentType: string,
    payload: Uint8Array,
    metadata?: JsonObject | null,
    extraHeaders?: JsonObject | null,
  ) {
    this.protocol = checkName(protocol, "protocol");
    this.contentType = checkName(contentType, "content type");
    if (!(payload instanceof Uint8Array)) {
      const remedy = typeof payload === "string" ? "; use new TextEncoder().encode(text)" : "";
      throw new TypeError(`An envelope's payload must be a Uint8Array, not ${describeKind(payload)}${remedy}`);
    }
    // Buffer.slice() would share memory.
    this.payload = new Uint8Array(payload);
    this.metadata = metadata === undefined || metadata === null ? undefined : freezeJsonObject(metadata, "An envelope's metadata");
    this.extraHeaders =
      extraHeaders === undefined || extraHeaders === null ? NO_HEADERS : freezeJsonObject(extraHeaders, "An envelope's extra headers");
    const reserved = RESERVED.find((name) => Object.hasOwn(this.extraHeaders, name));
    if (reserved !== undefined) throw new TypeError(`"${reserved}" is a reserved header and can't be an extra header`);
    Object.freeze(this);
  }

  /**
   * Encodes this envelope: `[header length: 4 bytes, little endian][JSON header][payload]`.
   *
   * @throws EnvelopeError `header_too_large`, `payload_too_large`.
   */
  serialize(limits?: EnvelopeLimits): Uint8Array {
    const { protocol, contentType, metadata, extraHeaders } = this;
    // Object.fromEntries also supports a header named `__proto__`.
    const header = Object.fromEntries<JsonObject[string]>([
      ["protocol", protocol],
      ["content_type", contentType],
      ["metadata", metadata],
      ...Object.entries(extraHeaders),
    ]);
    return writeWire(header, this.payload, limits);
  }

  /**
   * Decodes an envelope. It shares no memory with `data`.
   *
   * @throws EnvelopeError `data` is not a valid envelope; any code
   */
  static deserialize(data: Uint8Array, limits?: EnvelopeLimits): Envelope {
    const { header, payload } = readWire(data, limits);
    const { protocol, content_type: contentType, metadata, ...extraHeaders } = header;
    try {
      // The constructor validates each member.
      return new Envelope(protocol as string, contentType as string, payload, metadata as JsonObject, extraHeaders);
    } catch (cause) {
      throw new EnvelopeError("header_invalid", cause instanceof Error ? cause.message : "The header is invalid", { cause });
    }
  }

  /**
   * Decodes an envelope. Other data becomes the payload of a {@link Protocol.RAW} envelope with the content type `application/octet-stream`,
   * so that messages of senders without envelopes are received too. Never throws for a `Uint8Array`.
   */
  static wrap(data: Uint8Array, limits?: EnvelopeLimits): Envelope {
    try {
      return Envelope.deserialize(data, limits);
    } catch (error) {
      if (!(error instanceof EnvelopeError)) throw error;
      return new Envelope(Protocol.RAW, "application/octet-stream", data);
    }
  }
}

function checkName(name: unknown, what: string): string {
  if (typeof name !== "string" || name === "" || name.length > MAX_NAME_LENGTH) {
    throw new TypeError(`An envelope's ${what} must be a string of 1 to ${MAX_NAME_LENGTH} characters${foundOf(name)}`);
  }
  return name;
}

function foundOf(name: unknown): string {
  return typeof name === "string" ? "" : `, not ${describeKind(name)}`;
}
