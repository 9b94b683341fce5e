import { isJsonObject, replyTo, type JsonObject, type Message } from "@parley/core";
import { RECEIPTS, TimeSlice } from "@parley/core/internal";
import { isReceipt } from "./receipts.ts";

const TRUST_PING = "https://didcomm.org/trust-ping/2.0";
const DISCOVER_FEATURES = "https://didcomm.org/discover-features/2.0";
const PING = `${TRUST_PING}/ping`;
const PING_RESPONSE = `${TRUST_PING}/ping-response`;
const QUERIES = `${DISCOVER_FEATURES}/queries`;
const DISCLOSE = `${DISCOVER_FEATURES}/disclose`;

/** Maximum number of queries in one discover-features message. */
const MAX_QUERIES = 64;
/** Maximum number of protocols bound by all connections of one DID. */
export const MAX_PROTOCOLS = 256;
/** Limit on the work for one message, in characters compared: 64 patterns with 256 protocols of 64 characters. */
const MAX_COMPARED = 64 * 256 * 64;
/** Characters of all protocols in one disclosure. */
const MAX_DISCLOSED = 64 * 1024;

/**
 * The response to a message of trust-ping 2.0 or discover-features 2.0 in the name of a hosted DID; `undefined` if no response is due.
 *
 * @param message one for which {@link isBuiltin} is true.
 * @param protocols protocols that the DID's agents have bound.
 * @see {@link https://didcomm.org/trust-ping/2.0/ | Trust Ping 2.0}
 * @see {@link https://didcomm.org/discover-features/2.0/ | Discover Features 2.0}
 */
export async function builtinResponse(message: Message, recipient: string, protocols: Iterable<string>): Promise<Message | undefined> {
  if (isFeatureQuery(message)) {
    const known = new Set([TRUST_PING, DISCOVER_FEATURES, RECEIPTS, ...protocols]);
    known.delete("*");
    const body = { disclosures: await disclose(message.body, [...known].slice(0, MAX_PROTOCOLS).toSorted()) };
    return replyTo(message, recipient, { type: DISCLOSE, body });
  }
  return message.body["response_requested"] === false ? undefined : replyTo(message, recipient, { type: PING_RESPONSE });
}

/** Whether the node responds to a message if no agent handles it. */
export function isBuiltin({ type }: { readonly type: string }): boolean {
  return type === PING || type === QUERIES;
}

/** Whether a message queries an agent's protocols. */
export function isFeatureQuery({ type }: { readonly type: string }): boolean {
  return type === QUERIES;
}

/** Whether a message is a built-in response. */
export function isBuiltinResponse({ type }: { readonly type: string }): boolean {
  return type === PING_RESPONSE || type === DISCLOSE;
}

/** Whether a message is unknown to the agent in whose name the node sent it, so that its failures are not reported to that agent. */
export function isUnknownToSender(message: { readonly type: string }): boolean {
  return isBuiltinResponse(message) || isReceipt(message);
}

/** The protocols that match the queries, within the limits on work. */
async function disclose(body: JsonObject, protocols: readonly string[]): Promise<JsonObject[]> {
  const slice = new TimeSlice();
  const patterns = patternsOf(body);
  const found: string[] = [];
  let [compared, disclosed] = [0, 0];
  for (const protocol of protocols) {
    if (slice.isOver) await slice.next();
    compared += patterns.length * protocol.length;
    if (compared > MAX_COMPARED) break;
    if (!patterns.some((matches) => matches(protocol))) continue;
    disclosed += protocol.length;
    if (disclosed > MAX_DISCLOSED) break;
    found.push(protocol);
  }
  return found.map((id) => ({ "feature-type": "protocol", id }));
}

function patternsOf({ queries }: JsonObject): readonly FeaturePattern[] {
  if (!Array.isArray(queries)) return [];
  const matches = new Set<string>();
  for (const query of (queries as readonly unknown[]).slice(0, MAX_QUERIES)) {
    if (isJsonObject(query) && query["feature-type"] === "protocol" && typeof query["match"] === "string") matches.add(query["match"]);
  }
  return Array.from(matches, compileFeaturePattern).filter((pattern) => pattern !== undefined);
}

/** Limits of a pattern: characters, and literal pieces between wildcards. */
const MAX_PATTERN_LENGTH = 256;
const MAX_PIECES = 8;

/** A compiled `match` of a discover-features query. */
export type FeaturePattern = (feature: string) => boolean;

/**
 * Compiles the `match` of a discover-features query, in which `*` matches any characters. A peer's pattern never becomes a regular
 * expression: literal pieces are searched one after the other. Returns `undefined`, which matches nothing, for a pattern of more than 256
 * characters or 8 literal pieces.
 *
 * @see {@link https://didcomm.org/discover-features/2.0/ | Discover Features 2.0, queries}
 */
export function compileFeaturePattern(match: string): FeaturePattern | undefined {
  if (match.length > MAX_PATTERN_LENGTH) return undefined;
  const [first = "", ...rest] = match.replaceAll(/\*+/g, "*").split("*");
  if (rest.length === 0) return (feature) => feature === first;
  if (rest.length >= MAX_PIECES) return undefined;
  const last = rest.pop() ?? "";
  return (feature) => {
    if (!feature.startsWith(first)) return false;
    let position = first.length;
    for (const piece of rest) {
      const at = feature.indexOf(piece, position);
      if (at < 0) return false;
      position = at + piece.length;
    }
    return feature.length - last.length >= position && feature.endsWith(last);
  };
}
