import { isJsonObject } from "@parley/core";
import { checkJsonText } from "@parley/core/internal";

/** What to do with the DID: `Create` it if absent, `Require` that it exists, or `Update` it. */
export type JoinMode = "Create" | "Require" | "Update";

/** A join request of an agent. */
export interface JoinRequest {
  /** The DID to bind; absent to have one assigned. */
  readonly did?: string;
  /** Protocol base URIs that the agent handles, and `"*"` for all. */
  readonly protocols: readonly string[];
  /** Whether the agent reports the outcome of each message (`reply_protocol/1`). */
  readonly replyProtocol: boolean;
  /** Whether it accepts deliveries immediately after the join reply (`early_delivery/1`). */
  readonly earlyDelivery: boolean;
  /** Whether it acknowledges every delivery, responses to its own requests included (`answer_ack/1`). */
  readonly acknowledgesAnswers: boolean;
  readonly mode: JoinMode;
  readonly storage?: "persistent" | "ephemeral";
}

const TOPIC = "plugins:";
const MAX_DEPTH = 64;
const MAX_PROTOCOLS = 256;
const MAX_PROTOCOL_LENGTH = 1024;

/** Reads a join: the topic `plugins:<did>` and the payload's JSON text. Returns the reason, as text, if it is invalid. */
export function readJoin(topic: string, text: string): JoinRequest | string {
  if (!topic.startsWith(TOPIC)) return `unknown topic: join ${TOPIC}<did>, or ${TOPIC} to be assigned a DID`;
  if (!checkJsonText(text, MAX_DEPTH).ok) {
    return `the join payload has a member twice in an object, or is nested more than ${MAX_DEPTH} levels deep`;
  }
  let payload: unknown;
  try {
    payload = JSON.parse(text);
  } catch {
    return "the join payload is not valid JSON";
  }
  if (!isJsonObject(payload)) return "the join payload must be an object";
  const protocols = payload["payload_types"] ?? [];
  if (!Array.isArray(protocols) || !protocols.every((entry): entry is string => typeof entry === "string" && entry !== "")) {
    return "payload_types must be a list of protocol URIs";
  }
  if (protocols.length > MAX_PROTOCOLS || protocols.some((entry) => entry.length > MAX_PROTOCOL_LENGTH)) {
    return `payload_types may have ${MAX_PROTOCOLS} entries of ${MAX_PROTOCOL_LENGTH} characters`;
  }
  const spec = payload["did_spec"] ?? {};
  if (!isJsonObject(spec)) return "did_spec must be an object";
  const { mode = "Create", storage } = spec;
  if (mode !== "Create" && mode !== "Require" && mode !== "Update") return "did_spec.mode must be Create, Require or Update";
  if (storage !== undefined && storage !== "persistent" && storage !== "ephemeral") {
    return "did_spec.storage must be persistent or ephemeral";
  }
  const { capabilities } = payload;
  const has = (capability: string): boolean => Array.isArray(capabilities) && capabilities.includes(capability);
  const did = topic.slice(TOPIC.length);
  return {
    ...(did !== "" && { did }),
    protocols,
    replyProtocol: payload["reply_protocol"] === true,
    earlyDelivery: has("early_delivery/1"),
    acknowledgesAnswers: has("answer_ack/1"),
    mode,
    ...(storage !== undefined && { storage }),
  };
}
