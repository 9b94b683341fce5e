import { isJsonObject, type JsonObject } from "@parley/core";
import { checkOptions, type OptionCheck } from "@parley/core/internal";
import { EnvelopeError } from "./envelope-error.ts";

/** Limits on the size of an envelope, for reading and writing. */
export interface EnvelopeLimits {
  /** Bytes of the JSON header. Default 65536. */
  readonly maxHeaderBytes?: number;
  /** Bytes of the payload. Default 16777216 (16 MiB). */
  readonly maxPayloadBytes?: number;
}

const IS_SIZE: OptionCheck = { expected: "a number from 0 on", is: (value) => typeof value === "number" && value >= 0 };
const PREFIX = 4;
const DEFAULT_HEADER = 65_536;
const DEFAULT_PAYLOAD = 16_777_216;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Encodes header and payload. */
export function writeWire(header: JsonObject, payload: Uint8Array, limits: EnvelopeLimits | undefined): Uint8Array {
  checkLimits(limits);
  const text = encoder.encode(JSON.stringify(header));
  checkSizes(text.length, payload.length, limits);
  const connection = new Uint8Array(PREFIX + text.length + payload.length);
  new DataView(connection.buffer).setUint32(0, text.length, true);
  connection.set(text, PREFIX);
  connection.set(payload, PREFIX + text.length);
  return connection;
}

/** Decodes header and payload. The payload is a view of `data`; the header is parsed, but not validated. */
export function readWire(
  data: Uint8Array,
  limits: EnvelopeLimits | undefined,
): { readonly header: JsonObject; readonly payload: Uint8Array } {
  checkLimits(limits);
  if (!(data instanceof Uint8Array)) throw new TypeError("The data of an envelope must be a Uint8Array");
  if (data.length < PREFIX) throw new EnvelopeError("truncated", "The bytes end within the header's length");
  const length = new DataView(data.buffer, data.byteOffset, PREFIX).getUint32(0, true);
  checkSizes(length, data.length - PREFIX - length, limits);
  if (PREFIX + length > data.length) throw new EnvelopeError("truncated", "The bytes end within the header");
  const start = data.byteOffset + PREFIX;
  return {
    header: parseHeader(new Uint8Array(data.buffer, start, length)),
    payload: new Uint8Array(data.buffer, start + length, data.length - PREFIX - length),
  };
}

function checkLimits(limits: EnvelopeLimits | undefined): void {
  checkOptions<EnvelopeLimits>(limits, { maxHeaderBytes: IS_SIZE, maxPayloadBytes: IS_SIZE });
}

function checkSizes(header: number, payload: number, limits: EnvelopeLimits | undefined): void {
  const { maxHeaderBytes = DEFAULT_HEADER, maxPayloadBytes = DEFAULT_PAYLOAD } = limits ?? {};
  if (header > maxHeaderBytes)
    throw new EnvelopeError("header_too_large", `The header is too large: ${header} bytes, limit ${maxHeaderBytes}`);
  if (payload > maxPayloadBytes)
    throw new EnvelopeError("payload_too_large", `The payload is too large: ${payload} bytes, limit ${maxPayloadBytes}`);
}

function parseHeader(text: Uint8Array): JsonObject {
  let header: unknown;
  try {
    header = JSON.parse(decoder.decode(text));
  } catch (cause) {
    throw new EnvelopeError("header_invalid", "The header is not JSON in UTF-8", { cause });
  }
  if (!isJsonObject(header)) throw new EnvelopeError("header_invalid", "The header is not a JSON object");
  return header;
}
