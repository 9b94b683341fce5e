import { decodePlaintext, PlaintextError, type Message } from "@parley/core";
import { checkJsonText } from "@parley/core/internal";
import { routedMessage, type RoutedMessage } from "../routed-message.ts";
import { PASSED, rejected, type CheckResult, type Rejected } from "../rejection.ts";

/** Result of {@link parseMessage}. */
export type ParseResult = { readonly ok: true; readonly inbound: RoutedMessage } | Rejected;

const MEMBERS: ReadonlySet<string> = new Set(["id", "type", "from", "to", "thid", "pthid", "body", "created_time", "expires_time"]);

/** Maximum nesting depth. The same limit applies to messages of other nodes. */
const MAX_DEPTH = 64;

/**
 * Parses an agent's plaintext so that no recipient can parse it differently: the node vouches for `from` and decides by `type`, whatever
 * JSON parser the recipient has. The text is passed on unchanged.
 *
 * Rejected are duplicate members of an object, of which parsers choose either; members that differ from a known one only in case, which
 * some parsers accept for it; and nesting beyond 64 levels, which some can't parse.
 *
 * @param sender DID of the agent.
 * @param owner its API key.
 */
export function parseMessage(text: string, sender: string, owner: string): ParseResult {
  const json = checkJsonText(text, MAX_DEPTH);
  if (!json.ok && json.fault === "deep") return malformed(`nested more than ${MAX_DEPTH} levels deep`);
  let message: Message;
  try {
    ({ message } = decodePlaintext(JSON.parse(text)));
  } catch (error) {
    if (error instanceof PlaintextError) return malformed(error.message);
    if (error instanceof SyntaxError) return malformed("not valid JSON");
    throw error;
  }
  if (!json.ok) return malformed("an object has the same member twice");
  const headers = checkHeaders(message);
  if (!headers.ok) return headers;
  return { ok: true, inbound: routedMessage(message, text, { sender, recipients: message.to, owner, remote: false }) };
}

/** Rejects a header whose name differs from a known member only in case, so that some parsers accept it for that member. */
export function checkHeaders({ headers }: Message): CheckResult {
  if (headers === undefined) return PASSED;
  const name = Object.keys(headers).find((header) => MEMBERS.has(foldCase(header)));
  return name === undefined ? PASSED : malformed(`the header ${name} can be mistaken for ${foldCase(name)}`);
}

/** Parsers that ignore case take `ſ` for `s`, as Go's `encoding/json` does. */
function foldCase(name: string): string {
  return name.toUpperCase().toLowerCase();
}

function malformed(why: string): Rejected {
  return rejected({ label: "malformed", reason: `malformed message: ${why}` });
}
