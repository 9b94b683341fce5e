/**
 * A frame of Phoenix Channels V2. Refs and payload are kept as received JSON text: refs are only echoed, and payloads are passed on without
 * being rewritten.
 */
export interface Frame {
  /** JSON text of the join ref: a string, a number or `null`. */
  readonly joinRef: string;
  /** JSON text of the message ref: a string, a number or `null`. */
  readonly ref: string;
  readonly topic: string;
  readonly event: string;
  /** JSON text of the payload; not yet known to be valid JSON. */
  readonly payload: string;
}

/** Longest ref that is echoed, and longest head of a frame (refs, topic, event), in characters. A DID may have 2048. */
const MAX_REF = 256;
const MAX_HEAD = 8192;

/**
 * Splits a text frame `[join_ref, ref, topic, event, payload]` without parsing its payload. Returns `undefined` for other text.
 *
 * @see {@link https://hexdocs.pm/phoenix/writing_a_channels_client.html | Phoenix, Writing a Channels Client}
 */
export function decodeFrame(text: string): Frame | undefined {
  const open = skipSpace(text, 0);
  if (text[open] !== "[") return undefined;
  const joinRefEnd = tokenEnd(text, skipSpace(text, open + 1));
  const joinRef = text.slice(skipSpace(text, open + 1), joinRefEnd);
  const refStart = afterComma(text, joinRefEnd);
  const refEnd = tokenEnd(text, refStart);
  const topicStart = afterComma(text, refEnd);
  const topicEnd = tokenEnd(text, topicStart);
  const eventStart = afterComma(text, topicEnd);
  const eventEnd = tokenEnd(text, eventStart);
  const payloadStart = afterComma(text, eventEnd);
  const end = text.lastIndexOf("]");
  if (payloadStart === NOT_FOUND || end < payloadStart || skipSpace(text, end + 1) !== text.length) return undefined;
  const ref = text.slice(refStart, refEnd);
  const topic = readText(text, topicStart, topicEnd);
  const event = readText(text, eventStart, eventEnd);
  if (!isRef(joinRef) || !isRef(ref) || topic === undefined || event === undefined) return undefined;
  return { joinRef, ref, topic, event, payload: text.slice(payloadStart, end) };
}

/** Writes a frame whose payload is JSON text already. */
export function encodeFrame(joinRef: string, ref: string, topic: string, event: string, payload: string): string {
  return `[${joinRef},${ref},${jsonOf(topic)},${jsonOf(event)},${payload}]`;
}

/** Writes the reply to a push or a join. `response` is JSON text. */
export function encodeReply(joinRef: string, ref: string, topic: string, status: "ok" | "error", response: string): string {
  return `[${joinRef},${ref},${jsonOf(topic)},"phx_reply",{"status":"${status}","response":${response}}]`;
}

const PLAIN = /^[ !#-[\]-~]*$/;

/** JSON of a string: topics and events hardly ever need an escape. */
function jsonOf(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

const NOT_FOUND = -1;
const REF = /^(?:0|[1-9]\d*|"[^"\\\p{Cc}]*")$/u;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;

function skipSpace(text: string, from: number): number {
  let at = from;
  for (let code = text.charCodeAt(at); code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09; code = text.charCodeAt(at)) at++;
  return at;
}

/** End of the string, number or `null` that starts at `from`. */
function tokenEnd(text: string, from: number): number {
  if (from === NOT_FOUND || from > MAX_HEAD) return NOT_FOUND;
  let at = from;
  if (text.charCodeAt(from) === QUOTE) {
    for (at++; at < text.length && at <= MAX_HEAD; at++) {
      const code = text.charCodeAt(at);
      if (code === QUOTE) return at + 1;
      if (code === BACKSLASH) at++;
    }
    return NOT_FOUND;
  }
  while (at < text.length && at - from <= MAX_REF && isWordCode(text.charCodeAt(at))) at++;
  return at > from ? at : NOT_FOUND;
}

/** Start of the next token, after a comma. */
function afterComma(text: string, from: number): number {
  if (from === NOT_FOUND) return NOT_FOUND;
  const at = skipSpace(text, from);
  return text.charCodeAt(at) === COMMA ? skipSpace(text, at + 1) : NOT_FOUND;
}

/** Whether a code is a letter or digit, as in `null` or a number. */
function isWordCode(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || (code >= 0x61 && code <= 0x7a);
}

/** A ref is echoed as it came, so it must be JSON: nothing escaped, no control characters, no number with leading zeros. */
function isRef(json: string): boolean {
  if (json === "null") return true;
  return json.length <= MAX_REF && REF.test(json);
}

/** Characters that JSON escapes or forbids. Strings with these are parsed by `JSON.parse`. */
const PARSED = /[\\\p{Cc}]/u;

/** The text that a JSON string stands for. */
function readText(text: string, start: number, end: number): string | undefined {
  if (text.charCodeAt(start) !== QUOTE) return undefined;
  const content = text.slice(start + 1, end - 1);
  if (!PARSED.test(content)) return content;
  try {
    return JSON.parse(text.slice(start, end)) as string;
  } catch {
    return undefined;
  }
}
