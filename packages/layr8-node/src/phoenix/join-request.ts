import { isJsonObject } from "@parley/core";
import { isDid } from "@parley/did";
import { checkJsonText } from "@parley/core/internal";
import { MAX_ROTATIONS, type PresentedKeys } from "../identity/agent-keys.ts";
import { MAX_STATEMENT_LENGTH } from "@parley/didcomm-crypto";

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
  readonly acknowledgesResponses: boolean;
  /** Whether it wants to know when the credentials stored for its DID change (`wallet_watch/1`). */
  readonly watchesWallet: boolean;
  /** The DID whose grants it borrows. */
  readonly parent?: string;
  /** Whether it wants to know when these grants change. */
  readonly refreshesDelegation: boolean;
  /** The keys of an agent that holds them itself. */
  readonly keys?: PresentedKeys;
  readonly mode: JoinMode;
  readonly storage?: "persistent" | "ephemeral";
}

/** Result of {@link readJoin}. */
export type JoinResult = { readonly ok: true; readonly join: JoinRequest } | { readonly ok: false; readonly reason: string };

const TOPIC = "plugins:";
const MAX_DEPTH = 64;
/** Protocols that one join may list. All connections of a DID together have a limit of their own. */
const MAX_JOIN_PROTOCOLS = 256;
const MAX_PROTOCOL_LENGTH = 1024;

/** Reads a join: the topic `plugins:<did>` and the payload's JSON text. */
export function readJoin(topic: string, text: string): JoinResult {
  if (!topic.startsWith(TOPIC)) return invalid(`unknown topic: join ${TOPIC}<did>, or ${TOPIC} to be assigned a DID`);
  if (!checkJsonText(text, MAX_DEPTH).ok) {
    return invalid(`the join payload has a member twice in an object, or is nested more than ${MAX_DEPTH} levels deep`);
  }
  let payload: unknown;
  try {
    payload = JSON.parse(text);
  } catch {
    return invalid("the join payload is not valid JSON");
  }
  if (!isJsonObject(payload)) return invalid("the join payload must be an object");
  const protocols = payload["payload_types"] ?? [];
  if (!Array.isArray(protocols) || !protocols.every((entry): entry is string => typeof entry === "string" && entry !== "")) {
    return invalid("payload_types must be a list of protocol URIs");
  }
  if (protocols.length > MAX_JOIN_PROTOCOLS || protocols.some((entry) => entry.length > MAX_PROTOCOL_LENGTH)) {
    return invalid(`payload_types may have ${MAX_JOIN_PROTOCOLS} entries of ${MAX_PROTOCOL_LENGTH} characters`);
  }
  const spec = payload["did_spec"] ?? {};
  if (!isJsonObject(spec)) return invalid("did_spec must be an object");
  const { mode = "Create", storage } = spec;
  if (mode !== "Create" && mode !== "Require" && mode !== "Update") return invalid("did_spec.mode must be Create, Require or Update");
  if (storage !== undefined && storage !== "persistent" && storage !== "ephemeral") {
    return invalid("did_spec.storage must be persistent or ephemeral");
  }
  const { parentDid: parent } = spec;
  if (parent !== undefined && parent !== null && parent !== "" && (typeof parent !== "string" || !isDid(parent))) {
    return invalid("did_spec.parentDid must be a DID");
  }
  const keys = spec["keys"] === undefined ? undefined : readKeys(spec["keys"]);
  if (keys === "invalid") return invalid(`did_spec.keys needs a proof, and may have ${MAX_ROTATIONS} rotations`);
  const { capabilities } = payload;
  const has = (capability: string): boolean => Array.isArray(capabilities) && capabilities.includes(capability);
  const did = topic.slice(TOPIC.length);
  const join: JoinRequest = {
    ...(did !== "" && { did }),
    protocols,
    replyProtocol: payload["reply_protocol"] === true,
    earlyDelivery: has("early_delivery/1"),
    acknowledgesResponses: has("answer_ack/1"),
    watchesWallet: has("wallet_watch/1"),
    ...(typeof parent === "string" && parent !== "" && { parent }),
    ...(keys !== undefined && { keys }),
    refreshesDelegation: payload["delegation_refresh"] === true,
    mode,
    ...(storage !== undefined && { storage }),
  };
  return { ok: true, join };
}

/** Reads the keys of an agent that holds them itself. The statements in them are verified later. */
export function readKeys(value: unknown): PresentedKeys | "invalid" {
  if (!isJsonObject(value)) return "invalid";
  const { proof, rotations = [] } = value;
  if (!isStatement(proof) || !Array.isArray(rotations) || rotations.length > MAX_ROTATIONS || !rotations.every(isStatement))
    return "invalid";
  return { proof, rotations };
}

function isStatement(value: unknown): value is string {
  return typeof value === "string" && value.length <= MAX_STATEMENT_LENGTH;
}

function invalid(reason: string): JoinResult {
  return { ok: false, reason };
}
