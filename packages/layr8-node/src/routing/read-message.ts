import { decodePlaintext, isJsonObject, PlaintextError, type Message } from "@parley/core";

/** A message as an agent sent it. */
export interface ReadMessage {
  readonly message: Message;
  /** The JSON text that goes on to recipients. */
  readonly text: string;
}

const MEMBERS: ReadonlySet<string> = new Set(["id", "type", "from", "to", "thid", "pthid", "body", "created_time", "expires_time"]);

/**
 * Reads a plaintext so that no recipient can read it differently: the node vouches for `from`, whatever JSON parser its reader has.
 *
 * The text goes on as it came, unless a member might stand in it twice, of which parsers take one or the other; then it is written
 * anew. Members that differ from a known one only in case are refused, since some parsers take them for it.
 *
 * @throws PlaintextError when it is no DIDComm plaintext.
 */
export function readMessage(text: string): ReadMessage {
  const value = parse(text);
  const { message } = decodePlaintext(value);
  const lookalike = lookalikeOf(message);
  if (lookalike !== undefined) {
    throw new PlaintextError("message_invalid", `the header ${lookalike} can be mistaken for ${lookalike.toLowerCase()}`);
  }
  return { message, text: mayRepeatMember(text) ? write(value) : text };
}

/** A header that some parsers take for a member that it is not, since it differs from its name only in case; `undefined` for none. */
export function lookalikeOf({ headers = {} }: Message): string | undefined {
  return Object.keys(headers).find((name) => MEMBERS.has(name.toLowerCase()));
}

function mayRepeatMember(text: string): boolean {
  // `\u0066rom` is `from` too.
  if (text.includes("\\u")) return true;
  return text.indexOf('"from"') !== text.lastIndexOf('"from"');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new PlaintextError("message_invalid", "not valid JSON");
  }
}

function write(value: unknown): string {
  try {
    if (isJsonObject(value)) return JSON.stringify(value);
  } catch {
    // Nested too deeply for the writer.
  }
  throw new PlaintextError("message_invalid", "nested too deeply");
}
