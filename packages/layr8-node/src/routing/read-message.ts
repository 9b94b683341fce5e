import { decodePlaintext, PlaintextError, type Message } from "@parley/core";
import { checkJsonText } from "@parley/core/internal";

/** A parsed message of an agent. */
export interface ReadMessage {
  readonly message: Message;
  /** The JSON text that is passed on to recipients. */
  readonly text: string;
}

const MEMBERS: ReadonlySet<string> = new Set(["id", "type", "from", "to", "thid", "pthid", "body", "created_time", "expires_time"]);

/** Maximum nesting depth. The same limit applies to messages of other nodes. */
const MAX_DEPTH = 64;

/**
 * Parses a plaintext so that no recipient can parse it differently: the node vouches for `from` and decides by `type`, whatever JSON parser
 * the recipient has. The text is passed on unchanged.
 *
 * Rejected are duplicate members of an object, of which parsers choose either; members that differ from a known one only in case, which
 * some parsers accept for it; and nesting beyond 64 levels, which some can't parse.
 *
 * @throws PlaintextError when it is not a DIDComm plaintext.
 */
export function readMessage(text: string): ReadMessage {
  const checked = checkJsonText(text, MAX_DEPTH);
  if (!checked.ok && checked.fault === "deep") throw new PlaintextError("message_invalid", `nested more than ${MAX_DEPTH} levels deep`);
  const { message } = decodePlaintext(parse(text));
  if (!checked.ok) throw new PlaintextError("message_invalid", "an object has the same member twice");
  const lookalike = lookalikeOf(message);
  if (lookalike !== undefined) {
    throw new PlaintextError("message_invalid", `the header ${lookalike} can be mistaken for ${foldCase(lookalike)}`);
  }
  return { message, text };
}

/**
 * A header whose name differs from a known member only in case, so that some parsers accept it for that member; `undefined` without one.
 */
export function lookalikeOf({ headers = {} }: Message): string | undefined {
  return Object.keys(headers).find((name) => MEMBERS.has(foldCase(name)));
}

/** Parsers that ignore case take `ſ` for `s`, as Go's `encoding/json` does. */
function foldCase(name: string): string {
  return name.toUpperCase().toLowerCase();
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new PlaintextError("message_invalid", "not valid JSON");
  }
}
