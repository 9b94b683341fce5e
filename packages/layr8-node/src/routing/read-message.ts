import { decodePlaintext, PlaintextError, type Message } from "@parley/core";
import { jsonFault } from "@parley/core/internal";

/** A message as an agent sent it. */
export interface ReadMessage {
  readonly message: Message;
  /** The JSON text that goes on to recipients. */
  readonly text: string;
}

const MEMBERS: ReadonlySet<string> = new Set(["id", "type", "from", "to", "thid", "pthid", "body", "created_time", "expires_time"]);

/** Objects and lists inside of one another. Messages of other nodes have the same limit. */
const MAX_DEPTH = 64;

/**
 * Reads a plaintext so that no recipient can read it differently: the node vouches for `from`, and judges by `type`, whatever JSON parser
 * its reader has. The text goes on as it came.
 *
 * Refused are members that stand twice in an object, of which parsers take one or the other; members that differ from a known one only in
 * case, which some parsers take for it; and nesting beyond 64 levels, which some can't read.
 *
 * @throws PlaintextError when it is no DIDComm plaintext.
 */
export function readMessage(text: string): ReadMessage {
  const fault = jsonFault(text, MAX_DEPTH);
  if (fault === "deep") throw new PlaintextError("message_invalid", `nested more than ${MAX_DEPTH} levels deep`);
  const { message } = decodePlaintext(parse(text));
  if (fault === "duplicate") throw new PlaintextError("message_invalid", "an object has the same member twice");
  const lookalike = lookalikeOf(message);
  if (lookalike !== undefined) {
    throw new PlaintextError("message_invalid", `the header ${lookalike} can be mistaken for ${lookalike.toLowerCase()}`);
  }
  return { message, text };
}

/** A header that some parsers take for a member that it is not, since it differs from its name only in case; `undefined` for none. */
export function lookalikeOf({ headers = {} }: Message): string | undefined {
  return Object.keys(headers).find((name) => MEMBERS.has(name.toLowerCase()));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new PlaintextError("message_invalid", "not valid JSON");
  }
}
