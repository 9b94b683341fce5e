import { isJsonObject, type JsonObject, type JsonValue, type Message, type MessageContext, type SenderCredential } from "@parley/core";

import type { Mutable } from "./mutable.ts";

/** Credentials of one sender that are read. */
const MAX_CREDENTIALS = 64;

/**
 * Reads the node's context of a message. A malformed member counts as absent, and the message is still handled: `authorized` is
 * set by an explicit `true` or `false` only.
 */
export function readContext(value: unknown): Mutable<MessageContext> | undefined {
  if (!isJsonObject(value)) return undefined;
  const { recipient, authorized, sender_credentials: credentials, attempt } = value;
  const context: Mutable<MessageContext> = { senderCredentials: readCredentials(credentials) };
  if (typeof recipient === "string" && recipient !== "") context.recipient = recipient;
  if (typeof authorized === "boolean") context.authorized = authorized;
  if (typeof attempt === "number" && Number.isSafeInteger(attempt) && attempt > 0) context.attempt = attempt;
  return context;
}

/** Header that requests have: the sender waits for a response. */
const REPLY_EXPECTED = "reply_expected";
/** The headers of a request. */
export const EXPECTS_REPLY: Readonly<Record<string, JsonValue>> = Object.freeze({ [REPLY_EXPECTED]: true });

/** Adds what the sender's client says about a response. */
export function withReplyExpected(context: Mutable<MessageContext> | undefined, { headers }: Message): MessageContext | undefined {
  if (headers?.[REPLY_EXPECTED] !== true) return context;
  if (context === undefined) return { senderCredentials: [], replyExpected: true };
  context.replyExpected = true;
  return context;
}

function readCredentials(value: unknown): readonly SenderCredential[] {
  if (!Array.isArray(value) || value.length === 0) return [];
  const credentials: SenderCredential[] = [];
  for (const entry of value.slice(0, MAX_CREDENTIALS)) {
    const credential = isJsonObject(entry) ? readCredential(entry) : undefined;
    if (credential !== undefined) credentials.push(credential);
  }
  return credentials;
}

function readCredential(entry: JsonObject): SenderCredential | undefined {
  const { credential_subject: subject, claims, issuer, type, id, valid_from: validFrom, valid_until: validUntil } = entry;
  // Set where `credential_subject` has other forms of some claims, for SDKs of layr8.
  const credentialSubject = isJsonObject(claims) ? claims : subject;
  if (!isJsonObject(credentialSubject)) return undefined;
  const credential: Mutable<SenderCredential> = { credentialSubject };
  if (typeof issuer === "string") credential.issuer = issuer;
  if (Array.isArray(type)) credential.type = type.filter((name) => typeof name === "string");
  if (typeof id === "string") credential.id = id;
  if (typeof validFrom === "string") credential.validFrom = validFrom;
  if (typeof validUntil === "string") credential.validUntil = validUntil;
  return credential;
}
