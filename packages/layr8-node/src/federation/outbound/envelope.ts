import { randomUUID } from "node:crypto";
import { decodePlaintext } from "@parley/core";
import { DidcommCryptoError, unwrapEnvelope, WRAPPER_TYPE } from "@parley/didcomm-crypto";
import type { OutboundOptions } from "./outbound.ts";
import type { OutboundMessage } from "./outbound-message.ts";
import { UndeliverableError } from "./undeliverable-error.ts";

const FORWARD = "https://didcomm.org/routing/2.0/forward";

/**
 * Encrypts a message for its recipient, unless its agent has done that, and wraps the result for each mediator, from the inside outwards.
 *
 * @param mediators DIDs, the first of which gets the message first.
 * @throws UndeliverableError `no_key`, `unresolved` or `failed`; DidcommCryptoError when it is worth another try.
 * @see {@link https://identity.foundation/didcomm-messaging/spec/v2.1/#routing-protocol-20 | DIDComm v2.1, Routing Protocol 2.0}
 */
export async function seal(
  { sender, recipient, type, plaintext, expiresAt }: OutboundMessage,
  mediators: readonly string[],
  crypto: OutboundOptions["crypto"],
  signal: AbortSignal,
): Promise<string> {
  try {
    let packed = type === WRAPPER_TYPE ? envelopeIn(plaintext) : await crypto.pack(plaintext, { from: sender, to: recipient, signal });
    let next = recipient;
    for (const mediator of mediators.toReversed()) {
      const forward = JSON.stringify({
        id: randomUUID(),
        type: FORWARD,
        to: [mediator],
        expires_time: Math.floor(expiresAt / 1000),
        body: { next },
        attachments: [
          { id: randomUUID(), media_type: "application/didcomm-encrypted+json", data: { json: JSON.parse(packed) as unknown } },
        ],
      });
      // Each envelope wraps the previous one.
      packed = await crypto.pack(forward, { from: "anonymous", to: mediator, signal });
      next = mediator;
    }
    return packed;
  } catch (error) {
    signal.throwIfAborted();
    throw undeliverable(error) ?? error;
  }
}

/** The envelope that an agent has encrypted itself. */
function envelopeIn(plaintext: string): string {
  const envelope = unwrapEnvelope(decodePlaintext(JSON.parse(plaintext)).message);
  if (envelope === undefined) throw new TypeError("The message has no envelope");
  return JSON.stringify(envelope);
}

/** @returns `undefined` for errors that may be transient. */
function undeliverable(error: unknown): UndeliverableError | undefined {
  if (error instanceof TypeError) return new UndeliverableError("failed", "The message can't be encrypted as it is", { cause: error });
  if (!(error instanceof DidcommCryptoError) || error.retryable) return undefined;
  const options = { cause: error, lookAgain: true };
  if (error.code === "resolution_failed") return new UndeliverableError("unresolved", error.message, options);
  return new UndeliverableError("no_key", `The message can't be encrypted for its recipient: ${error.message}`, options);
}
