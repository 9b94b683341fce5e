import type { JsonObject } from "@parley/core";
import { DidcommCryptoError, readEnvelopeAddresses, unwrapEnvelope, WRAPPER_TYPE } from "@parley/didcomm-crypto";
import { didOf } from "@parley/did";
import type { RoutedMessage } from "../routed-message.ts";
import { rejected, type Rejected } from "../rejection.ts";

/** Result of {@link checkWrapper}. */
export type WrapperResult = { readonly ok: true; readonly envelope: JsonObject; readonly recipient: string } | Rejected;

/** Problem codes of messages that are encrypted although the node holds the keys, or are not although it does not. */
const KEYS_AT_NODE = "e.m.authz.keys-at-node";
const NOT_ENCRYPTED = "e.m.authz.not-encrypted";

/**
 * Checks a message of an agent that holds its keys itself: an envelope whose headers name the agent as the sender, and the recipient as the only one. The
 * node can't verify more of it.
 */
export function checkWrapper({ sender, recipients, message, type }: RoutedMessage, holdsKeys: boolean): WrapperResult {
  if (!holdsKeys) return unauthorized(KEYS_AT_NODE, `the node holds the keys of ${sender}, and encrypts its messages`);
  if (type !== WRAPPER_TYPE) return unauthorized(NOT_ENCRYPTED, `the agent of ${sender} holds its keys itself: it encrypts its messages`);
  const envelope = unwrapEnvelope(message);
  const [recipient] = recipients;
  if (envelope === undefined || recipient === undefined || recipients.length > 1) {
    return malformed("an encrypted message has one envelope for one recipient");
  }
  try {
    const { senderKid, recipientDid } = readEnvelopeAddresses(envelope);
    if (didOf(senderKid ?? "") !== sender) return malformed("the envelope is not authcrypt of its sender");
    if (recipientDid !== didOf(recipient)) return malformed("the envelope is not for its recipient");
  } catch (error) {
    if (error instanceof DidcommCryptoError) return malformed(`the envelope can't be read: ${error.message}`);
    throw error;
  }
  return { ok: true, envelope, recipient };
}

function unauthorized(code: string, comment: string): Rejected {
  return rejected({ label: "unauthorized", reason: "unauthorized", code, comment });
}

function malformed(why: string): Rejected {
  return rejected({ label: "malformed", reason: `malformed message: ${why}` });
}
