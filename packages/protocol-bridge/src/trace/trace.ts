import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import { BridgeError } from "../bridge-error.ts";
import { isText } from "../internal/json.ts";

/** Most bridges that a message is ever let across, whatever their options say. */
export const MOST_HOPS = 32;

const PLACE = /^[\w-]{22}$/;
const MAX_NAME = 512;

/** Where a message came from, as the bridge that forwarded it has seen it. */
export interface Origin {
  /** The protocol that it was in. */
  readonly protocol: string;
  /** Who sent it there, by the name that the channel knows. For everybody else it is the bridge's claim. */
  readonly sender?: string;
  /** The key that the sender has proved to the bridge, where that channel has keys. For everybody else it is the bridge's claim. */
  readonly senderKey?: string;
  /** DIDComm: whether the node's policy authorized the sender. */
  readonly authorized?: boolean;
}

/** What bridges say about a message: the member `bridge` of its envelope's metadata. */
export interface Trace {
  /** The places that it was at before, oldest first: digests of channel and protocol. */
  readonly path: readonly string[];
  /** What the bridge that sent it here says of its origin. */
  readonly origin?: Origin;
  /** What bridges before that one said, oldest first. */
  readonly claims: readonly Origin[];
  /** What the form that it has now has no place for, to undo the translation. */
  readonly kept?: JsonObject;
  /** What the translation could not keep. */
  readonly lost: readonly string[];
}

const NO_TRACE: Trace = { path: [], claims: [], lost: [] };

/**
 * Reads what bridges say about a message. Only the path is needed to stop loops, so only a malformed path is refused; other members that
 * are malformed count as absent. All of it is what the sender says, and proves nothing.
 *
 * @throws BridgeError `trace_invalid`
 */
export function readTrace(metadata: JsonObject | undefined): Trace {
  const bridge = metadata?.["bridge"];
  if (bridge === undefined) return NO_TRACE;
  if (!isJsonObject(bridge)) throw invalid("is no object");
  const { path = [], origin, claims, kept, lost } = bridge;
  if (!Array.isArray(path) || path.length > MOST_HOPS) throw invalid("has no proper path");
  if (!path.every((place) => typeof place === "string" && PLACE.test(place))) throw invalid("has a path with something else than places");
  const source = readOrigin(origin);
  return {
    path: path as readonly string[],
    ...(source !== undefined && { origin: source }),
    claims: listOf(claims)
      .map(readOrigin)
      .filter((claim) => claim !== undefined),
    ...(isJsonObject(kept) && { kept }),
    lost: listOf(lost).filter((name) => isText(name, MAX_NAME)),
  };
}

/** The member `bridge` for an envelope's metadata. */
export function writeTrace({ path, origin, claims, kept, lost }: Trace): JsonObject {
  return {
    path,
    ...(origin !== undefined && { origin: { ...origin } }),
    ...(claims.length > 0 && { claims: claims.map((claim) => ({ ...claim })) }),
    ...(kept !== undefined && { kept }),
    ...(lost.length > 0 && { lost }),
  };
}

function readOrigin(value: JsonValue | undefined): Origin | undefined {
  if (!isJsonObject(value)) return undefined;
  const { protocol, sender, senderKey, authorized } = value;
  if (!isText(protocol, MAX_NAME)) return undefined;
  return {
    protocol,
    ...(isText(sender, MAX_NAME) && { sender }),
    ...(isText(senderKey, MAX_NAME) && { senderKey }),
    ...(typeof authorized === "boolean" && { authorized }),
  };
}

function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]).slice(0, MOST_HOPS) : [];
}

function invalid(what: string): BridgeError {
  return new BridgeError("trace_invalid", `The trace of bridges in a message's metadata ${what}`);
}
