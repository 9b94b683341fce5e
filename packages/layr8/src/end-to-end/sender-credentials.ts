import { isJsonObject, ParleyError, type JsonObject, type JsonValue, type Message } from "@parley/core";
import { isJsonArray } from "@parley/core/eager";
import { verifyLocally, type ResolutionOptions } from "@parley/credentials-client";
import type { DidResolver } from "@parley/did";
import { SENDER_PRESENTATION } from "../sender-presentation.ts";
import { EndToEndError } from "./end-to-end-error.ts";

/** Credentials in one presentation, as at nodes. */
const MAX_CREDENTIALS = 16;

/** How presentations are verified. */
export interface CredentialVerifier {
  /** Resolves issuers. */
  readonly issuers: DidResolver;
  /** Resolves senders, whose keys are remembered. */
  readonly senders: DidResolver;
  readonly resolution: ResolutionOptions;
}

/**
 * Verifies the credentials that a sender presents with an encrypted message, which no node could do: the presentation is signed by the sender, for the
 * recipient, with the message's id as its nonce, and each credential is about the sender.
 *
 * @returns entries of `sender_credentials` in a context.
 * @throws EndToEndError `presentation_refused`
 */
export async function senderCredentialsOf(
  { id, attachments = [] }: Message,
  { sender, recipient }: { readonly sender: string; readonly recipient: string },
  { issuers, senders, resolution }: CredentialVerifier,
): Promise<readonly JsonObject[]> {
  const [presented, ...others] = attachments.filter(({ format }) => format === SENDER_PRESENTATION);
  if (presented === undefined) return [];
  if (others.length > 0) throw refused("a message has at most one presentation");
  const { base64, json } = presented.data;
  const signed = base64 === undefined ? json : Buffer.from(base64, "base64url").toString();
  if (typeof signed !== "string") throw refused("its attachment needs the signed presentation as base64 or as a json string");
  const resolver: DidResolver = { resolve: (did, options) => (did === sender ? senders : issuers).resolve(did, options) };
  const verified = await verifyLocally(signed, { resolver, resolution, nonce: id, audience: recipient }).catch((error: unknown) => {
    const { code, message, retryable } = ParleyError.from(error);
    throw refused(`${message} (${code})`, retryable);
  });
  if (verified.kind !== "presentation" || verified.holder !== sender) throw refused("its holder is not the sender of the message");
  if (verified.credentials.length > MAX_CREDENTIALS) throw refused(`it may hold ${MAX_CREDENTIALS} credentials`);
  return verified.credentials.map(({ credential, issuer }) => entryOf(credential, issuer, sender));
}

function entryOf(credential: JsonObject, issuer: string, sender: string): JsonObject {
  const subject = listOf(credential["credentialSubject"]).find((one) => isJsonObject(one) && one["id"] === sender);
  if (subject === undefined) throw refused("a credential is not about the sender");
  const entry: Record<string, JsonValue> = { credential_subject: subject, issuer, type: listOf(credential["type"]) };
  // VCDM 1.1 has other names for the dates.
  const texts = {
    id: credential["id"],
    valid_from: credential["validFrom"] ?? credential["issuanceDate"],
    valid_until: credential["validUntil"] ?? credential["expirationDate"],
  };
  for (const [name, value] of Object.entries(texts)) if (typeof value === "string") entry[name] = value;
  return entry;
}

function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  if (value === undefined) return [];
  return isJsonArray(value) ? value : [value];
}

function refused(why: string, retryable = false): EndToEndError {
  return new EndToEndError("presentation_refused", `The credentials of the sender are refused: ${why}`, { retryable });
}
