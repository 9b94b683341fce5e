import { isJsonObject, type JsonObject } from "@parley/core";
import { invalidFrame } from "./errors.ts";

/** One frame of Phoenix' serializer V2: a JSON array of five. */
export interface Frame {
  readonly joinRef: string | null;
  readonly ref: string | null;
  readonly topic: string;
  readonly event: string;
  readonly payload: JsonObject;
}

/** What the node answered to a push. */
export interface Reply {
  readonly status: string;
  readonly response: JsonObject;
}

/**
 * Reads a frame and checks every member.
 *
 * @throws NodeTransportError `frame_invalid`.
 */
export function decodeFrame(data: unknown): Frame {
  if (typeof data !== "string") throw invalidFrame("The node sent a binary frame");
  let parsed: unknown;
  try {
    parsed = JSON.parse(data);
  } catch {
    throw invalidFrame("The node sent a frame that is not JSON");
  }
  if (!Array.isArray(parsed) || parsed.length !== 5) throw invalidFrame("The node sent a frame that is not an array of five");
  const frame = parsed as readonly unknown[];
  // By index: destructuring would go through the iterator.
  const joinRef = frame[0];
  const ref = frame[1];
  const topic = frame[2];
  const event = frame[3];
  const payload = frame[4];
  if (!isRef(joinRef)) throw invalidFrame("The node sent a frame whose join_ref is neither a string nor null");
  if (!isRef(ref)) throw invalidFrame("The node sent a frame whose ref is neither a string nor null");
  if (typeof topic !== "string") throw invalidFrame("The node sent a frame whose topic is not a string");
  if (typeof event !== "string") throw invalidFrame("The node sent a frame whose event is not a string");
  if (!isJsonObject(payload)) throw invalidFrame("The node sent a frame whose payload is not an object");
  return { joinRef, ref, topic, event, payload };
}

/** Writes a frame around a payload that is JSON text already. Refs are created here: digits, which need no escapes. */
export function encodeFrame(joinRef: string | null, ref: string | null, topic: string, event: string, payload: string): string {
  return `[${refJson(joinRef)},${refJson(ref)},${JSON.stringify(topic)},"${event}",${payload}]`;
}

function refJson(ref: string | null): string {
  return ref === null ? "null" : `"${ref}"`;
}

/** Reads the payload of a `phx_reply`. Returns `undefined` if it is invalid. A missing response counts as empty. */
export function decodeReply({ status, response }: JsonObject): Reply | undefined {
  if (typeof status !== "string") return undefined;
  return { status, response: isJsonObject(response) ? response : {} };
}

/** The reason that a rejection gives, cut to a sane length. */
export function reasonOf({ status, response }: Reply): string {
  const { reason } = response;
  return typeof reason === "string" ? excerpt(reason) : `no reason given (status ${excerpt(status)})`;
}

/** The node's explanation of the reason, as text for people. */
export function commentOf({ response: { comment } }: Reply): string | undefined {
  return typeof comment === "string" && comment !== "" ? excerpt(comment) : undefined;
}

/** Recipients that are read of one reply. */
const MAX_AWAY = 256;

/** Recipients that have no connection, as the reply to a message names them; `undefined` where it names none. */
export function awayOf({ response: { away } }: Reply): readonly string[] | undefined {
  if (!Array.isArray(away) || away.length === 0) return undefined;
  return away.slice(0, MAX_AWAY).flatMap((did) => (typeof did === "string" ? [excerpt(did)] : []));
}

/** Cuts what the node sent to 1 KiB, for reports. */
function excerpt(text: string): string {
  return text.length > 1024 ? text.slice(0, 1024) : text;
}

/** Cuts a raw frame, text or binary, for reports. */
export function excerptOfFrame(data: unknown): unknown {
  if (typeof data === "string") return excerpt(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data.slice(0, 1024)) : undefined;
}

function isRef(value: unknown): value is string | null {
  return value === null || typeof value === "string";
}
