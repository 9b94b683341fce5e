import { isJsonObject, type Message } from "@parley/core";
import { didOf } from "@parley/did";

/** Content of a forward message. */
export interface Forward {
  /** The DID to which the envelopes are forwarded. */
  readonly next: string;
  /** The encrypted messages for that DID. */
  readonly envelopes: readonly string[];
}

const FORWARD = "https://didcomm.org/routing/2.0/forward";
/** Messages that one forward may hold. */
const MAX_ENVELOPES = 8;

export function isForward({ type }: Pick<Message, "type">): boolean {
  return type === FORWARD;
}

/**
 * Reads a forward message; `undefined` if it is malformed.
 *
 * @see {@link https://didcomm.org/routing/2.0/ | Routing Protocol 2.0}
 */
export function readForward({ body, attachments = [] }: Message): Forward | undefined {
  const next = typeof body["next"] === "string" ? didOf(body["next"]) : undefined;
  if (next === undefined || attachments.length === 0 || attachments.length > MAX_ENVELOPES) return undefined;
  const envelopes = attachments.map(({ data: { json, base64 } }) => {
    if (isJsonObject(json)) return JSON.stringify(json);
    return base64 === undefined ? undefined : Buffer.from(base64, "base64url").toString();
  });
  const read = envelopes.filter((envelope) => envelope !== undefined);
  return read.length === envelopes.length ? { next, envelopes: read } : undefined;
}
