import { isJsonObject, replyTo, type JsonObject, type Message } from "@parley/core";

const TRUST_PING = "https://didcomm.org/trust-ping/2.0";
const DISCOVER_FEATURES = "https://didcomm.org/discover-features/2.0";
const PING = `${TRUST_PING}/ping`;
const PING_RESPONSE = `${TRUST_PING}/ping-response`;
const QUERIES = `${DISCOVER_FEATURES}/queries`;
const DISCLOSE = `${DISCOVER_FEATURES}/disclose`;

/** Queries that one discover-features message may hold. */
const MAX_QUERIES = 64;

/** What the node itself says for a DID whose agent doesn't handle a protocol: `undefined` if it knows no better, `null` if silence is the answer. */
export type BuiltinAnswer = Message | null | undefined;

/**
 * Answers trust-ping 2.0 and discover-features 2.0 in the name of a hosted DID.
 *
 * @param protocols protocols that the DID's agents have bound.
 * @see {@link https://didcomm.org/trust-ping/2.0/ | Trust Ping 2.0}
 * @see {@link https://didcomm.org/discover-features/2.0/ | Discover Features 2.0}
 */
export function answerBuiltin(message: Message, recipient: string, protocols: Iterable<string>): BuiltinAnswer {
  switch (message.type) {
    case PING:
      if (message.body["response_requested"] === false) return null;
      return replyTo(message, recipient, { type: PING_RESPONSE });
    case QUERIES: {
      const known = new Set([TRUST_PING, DISCOVER_FEATURES, ...protocols]);
      known.delete("*");
      const body = { disclosures: disclose(message.body, [...known].toSorted()) };
      return replyTo(message, recipient, { type: DISCLOSE, body });
    }
    default:
      return undefined;
  }
}

/** Whether the node itself would answer a message, if nobody else does. */
export function isBuiltin({ type }: Message): boolean {
  return type === PING || type === QUERIES;
}

/** Whether a message is what the node itself answers: the agent in whose name it does so knows nothing of it. */
export function isBuiltinAnswer({ type }: Pick<Message, "type">): boolean {
  return type === PING_RESPONSE || type === DISCLOSE;
}

function disclose(body: JsonObject, protocols: readonly string[]): JsonObject[] {
  const queries = Array.isArray(body["queries"]) ? (body["queries"] as readonly unknown[]).slice(0, MAX_QUERIES) : [];
  const found = new Set<string>();
  for (const query of queries) {
    if (!isJsonObject(query) || query["feature-type"] !== "protocol" || typeof query["match"] !== "string") continue;
    for (const protocol of protocols) if (matchesQuery(query["match"], protocol)) found.add(protocol);
  }
  return [...found].map((id) => ({ "feature-type": "protocol", id }));
}

/** `*` stands for any run of characters. Compared piece by piece: a pattern of a peer never becomes a regular expression. */
function matchesQuery(pattern: string, protocol: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  if (rest.length === 0) return first === protocol;
  const last = rest.pop() ?? "";
  if (!protocol.startsWith(first)) return false;
  let position = first.length;
  for (const piece of rest) {
    const at = protocol.indexOf(piece, position);
    if (at < 0) return false;
    position = at + piece.length;
  }
  return protocol.length - last.length >= position && protocol.endsWith(last);
}
