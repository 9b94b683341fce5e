import { isJsonObject, type JsonObject, type JsonValue } from "@parley/core";
import { BridgeError } from "../bridge-error.ts";
import { isText } from "../internal/json.ts";

/** Upper bound of the option `maxHops`. */
export const MAX_HOPS = 32;

const PLACE = /^[\w-]{22}$/;
const MAX_NAME = 512;

/** Where a message came from, as observed by the bridge that forwarded it. To all other parties it is a claim of that bridge. */
export interface Origin {
  /** The protocol that it arrived in. */
  readonly protocol: string;
  /** The sender's name on that channel. */
  readonly sender?: string;
  /** The key that the channel has authenticated the sender by, if the channel has keys. */
  readonly senderKey?: string;
  /** DIDComm: whether the node's policy authorized the sender. */
  readonly authorized?: boolean;
}

/** The history of a message across bridges: the member `bridge` of its envelope's metadata. */
export interface Trace {
  /** The places that the message has been at, oldest first: digests of channel and protocol. */
  readonly path: readonly string[];
  /** Its origin, according to the last bridge. */
  readonly origin?: Origin;
  /** Its origins according to earlier bridges, oldest first. */
  readonly claims: readonly Origin[];
  /** The original form, as far as the present form cannot represent it; used to undo the translation. */
  readonly kept?: JsonObject;
  /** Names of what the translation lost. */
  readonly lost: readonly string[];
}

const NO_TRACE: Trace = { path: [], claims: [], lost: [] };

/**
 * Reads the trace of a message. The path prevents loops, so a malformed path is rejected; other malformed members are ignored. The sender of
 * the envelope controls all of it, so it proves nothing.
 *
 * @throws BridgeError `trace_invalid`
 */
export function readTrace(metadata: JsonObject | undefined): Trace {
  const bridge = metadata?.["bridge"];
  if (bridge === undefined) return NO_TRACE;
  if (!isJsonObject(bridge)) throw invalid("is not an object");
  const { path = [], origin, claims, kept, lost } = bridge;
  if (!Array.isArray(path) || path.length > MAX_HOPS) throw invalid("has an invalid path");
  if (!path.every((place) => typeof place === "string" && PLACE.test(place))) throw invalid("has a path with an invalid place");
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

/** The metadata member `bridge`. */
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
  return Array.isArray(value) ? (value as readonly JsonValue[]).slice(0, MAX_HOPS) : [];
}

function invalid(fault: string): BridgeError {
  return new BridgeError("trace_invalid", `The bridge trace in the message's metadata ${fault}`);
}
