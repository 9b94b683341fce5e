/**
 * A frame of Phoenix Channels V2. Refs and payload are kept as the JSON text that arrived: refs are only ever echoed, and a payload
 * that is passed on is never written anew.
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

// A ref is echoed as it came, so it must be JSON: nothing escaped, no control characters, no number with leading zeros.
const REF = String.raw`(null|0|[1-9]\d{0,19}|"[^"\\\u0000-\u001f]{0,255}")`;
const TEXT = String.raw`("[^"\\]*(?:\\.[^"\\]*)*")`;
const HEAD = new RegExp(String.raw`^\s*\[\s*${REF}\s*,\s*${REF}\s*,\s*${TEXT}\s*,\s*${TEXT}\s*,`);

/** Longest head of a frame (refs, topic, event) that is looked at, in characters. A DID may have 2048. */
const MAX_HEAD = 8192;

/**
 * Splits a text frame `[join_ref, ref, topic, event, payload]` without parsing its payload; `undefined` if it is none.
 *
 * @see {@link https://hexdocs.pm/phoenix/writing_a_channels_client.html | Phoenix, Writing a Channels Client}
 */
export function decodeFrame(text: string): Frame | undefined {
  const head = HEAD.exec(text.length > MAX_HEAD ? text.slice(0, MAX_HEAD) : text);
  const end = text.lastIndexOf("]");
  if (head === null || end < head[0].length || text.slice(end + 1).trim() !== "") return undefined;
  const topic = parseText(head[3]);
  const event = parseText(head[4]);
  if (topic === undefined || event === undefined) return undefined;
  return { joinRef: head[1] ?? "null", ref: head[2] ?? "null", topic, event, payload: text.slice(head[0].length, end) };
}

/** Writes a frame whose payload is JSON text already. */
export function encodeFrame(joinRef: string, ref: string, topic: string, event: string, payload: string): string {
  return `[${joinRef},${ref},${JSON.stringify(topic)},${JSON.stringify(event)},${payload}]`;
}

/** Writes the reply to a push or a join. `response` is JSON text. */
export function encodeReply(joinRef: string, ref: string, topic: string, status: "ok" | "error", response: string): string {
  return `[${joinRef},${ref},${JSON.stringify(topic)},"phx_reply",{"status":"${status}","response":${response}}]`;
}

function parseText(json: string | undefined): string | undefined {
  if (json === undefined) return undefined;
  if (!json.includes("\\")) return json.slice(1, -1);
  try {
    return JSON.parse(json) as string;
  } catch {
    return undefined;
  }
}
