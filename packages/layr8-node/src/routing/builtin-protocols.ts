import { isJsonObject, replyTo, type JsonObject, type Message } from "@parley/core";
import { TimeSlice } from "@parley/core/internal";
import { compileFeaturePattern, type FeaturePattern } from "./feature-pattern.ts";

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
 * The node's response for a DID whose agent doesn't handle a protocol: `undefined` for protocols that aren't built in, `null` if no
 * response is due.
 */
export type BuiltinAnswer = Message | null | undefined;

/**
 * Responds to trust-ping 2.0 and discover-features 2.0 in the name of a hosted DID.
 *
 * @param protocols protocols that the DID's agents have bound.
 * @see {@link https://didcomm.org/trust-ping/2.0/ | Trust Ping 2.0}
 * @see {@link https://didcomm.org/discover-features/2.0/ | Discover Features 2.0}
 */
export async function answerBuiltin(message: Message, recipient: string, protocols: Iterable<string>): Promise<BuiltinAnswer> {
  switch (message.type) {
    case PING:
      if (message.body["response_requested"] === false) return null;
      return replyTo(message, recipient, { type: PING_RESPONSE });
    case QUERIES: {
      const known = new Set([TRUST_PING, DISCOVER_FEATURES, ...protocols]);
      known.delete("*");
      const body = { disclosures: await disclose(message.body, [...known].slice(0, MAX_PROTOCOLS).toSorted()) };
      return replyTo(message, recipient, { type: DISCLOSE, body });
    }
    default:
      return undefined;
  }
}

/** Whether the node responds to a message if no agent handles it. */
export function isBuiltin({ type }: Message): boolean {
  return type === PING || type === QUERIES;
}

/** Whether a message queries an agent's protocols. */
export function isFeatureQuery({ type }: Pick<Message, "type">): boolean {
  return type === QUERIES;
}

/** Whether a message is a built-in response, unknown to the agent in whose name the node sent it. */
export function isBuiltinAnswer({ type }: Pick<Message, "type">): boolean {
  return type === PING_RESPONSE || type === DISCLOSE;
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
