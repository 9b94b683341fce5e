import type { JsonValue } from "@parley/core";
import { Envelope, type Protocol } from "@parley/envelope-and-adapters";
import { A2A_VERSION } from "@parley/envelope-and-adapters/internal";
import { BridgeError } from "../bridge-error.ts";

/**
 * Creates the envelope of a translated message.
 *
 * @throws BridgeError `message_too_large`: the metadata, which contains data of other parties, does not fit the header
 */
export function translatedEnvelope(
  protocol: Protocol,
  {
    contentType,
    payload,
    metadata,
    extraHeaders,
  }: Pick<Envelope, "contentType" | "payload"> & Partial<Pick<Envelope, "metadata" | "extraHeaders">>,
): Envelope {
  try {
    return new Envelope(protocol, contentType, payload, metadata, extraHeaders);
  } catch (cause) {
    throw new BridgeError("message_too_large", "Metadata of the translated message is nested too deeply", { cause });
  }
}

/** Metadata of an A2A message that the bridge creates. */
export function a2aMetadata(agent: string): Record<string, JsonValue> {
  return { "A2A-Version": A2A_VERSION, a2a: { agent } };
}
