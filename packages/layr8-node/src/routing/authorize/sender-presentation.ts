import { isJsonObject, ParleyError, type Attachment, type JsonObject, type JsonValue, type Message } from "@parley/core";
import type { VerifiedCredential, VerifiedPresentation } from "@parley/vc";
import { rejected, type Rejected } from "../rejection.ts";

/** `format` of the attachment that presents credentials to the recipient's node. */
const SENDER_PRESENTATION = "sender_presentation/1";

/** Maximum number of credentials in one presentation. */
const MAX_CREDENTIALS = 16;

/** A credential that a sender presented about itself, verified. */
export interface SenderCredential {
  readonly issuer: string;
  readonly types: readonly string[];
  /** The claims, about the sender. */
  readonly subject: JsonObject;
  readonly id?: string | undefined;
  readonly validFrom?: string | undefined;
  readonly validUntil?: string | undefined;
}

/** Credentials as the JSON of `sender_credentials` in a message's context. */
export function senderCredentialsJson(credentials: readonly SenderCredential[]): string {
  return JSON.stringify(
    credentials.map(({ issuer, types, subject, id, validFrom, validUntil }) => ({
      ...subjectOf(subject),
      type: types,
      issuer,
      id,
      valid_from: validFrom,
      valid_until: validUntil,
    })),
  );
}

/**
 * The claims, as SDKs of layr8 decode them: those in Go lose a message whose `name` is not text. Then `claims` has all of them.
 *
 * @see layr8/go-sdk, message.go
 */
function subjectOf(subject: JsonObject): JsonObject {
  const { name, ...others } = subject;
  if (name === undefined || typeof name === "string") return { credential_subject: subject };
  const text = isJsonObject(name) ? name["@value"] : undefined;
  return { credential_subject: { ...others, ...(typeof text === "string" && { name: text }) }, claims: subject };
}

/** Result of {@link verifySender}. */
export type SenderVerification = { readonly ok: true; readonly credentials: readonly SenderCredential[] } | Rejected;

/** Verifies presentations. */
export interface PresentationVerifier {
  verifyPresentation(
    signed: string,
    options: { owner: string; audience: string; nonce: string; waits: true },
  ): Promise<VerifiedPresentation>;
}

/** The presentation attachments of a message; `undefined` for nearly all messages. */
export function presentationsOf({ attachments }: Message): readonly Attachment[] | undefined {
  if (attachments === undefined) return undefined;
  const found = attachments.filter(({ format }) => format === SENDER_PRESENTATION);
  return found.length === 0 ? undefined : found;
}

/**
 * Verifies a sender's presentation: it must be signed by the sender, for each of the recipients, with the message id as nonce, and each
 * credential in it must be about the sender.
 *
 * @param owner charged for the work.
 */
export async function verifySender(
  message: Message,
  attachments: readonly Attachment[],
  recipients: readonly string[],
  { verifier, owner }: { readonly verifier: PresentationVerifier; readonly owner: string },
): Promise<SenderVerification> {
  const [attachment, ...others] = attachments;
  if (attachment === undefined || others.length > 0) return presentationRejected("a message has at most one presentation");
  const signed = signedText(attachment);
  if (signed === undefined) return presentationRejected("its attachment needs the signed presentation as base64 or as a json string");
  let verified: SenderVerification = { ok: true, credentials: [] };
  for (const audience of new Set(recipients)) {
    // Sequential, so that a message with many recipients uses one verification slot of its sender.
    verified = await verifyFor(message, signed, audience, { verifier, owner });
    if (!verified.ok) return verified;
  }
  return verified;
}

async function verifyFor(
  message: Message,
  signed: string,
  audience: string,
  { verifier, owner }: { readonly verifier: PresentationVerifier; readonly owner: string },
): Promise<SenderVerification> {
  let presentation: VerifiedPresentation;
  try {
    presentation = await verifier.verifyPresentation(signed, { owner, audience, nonce: message.id, waits: true });
  } catch (error) {
    const { code, message: why, retryable } = ParleyError.from(error);
    return retryable
      ? presentationRejected(`${why} (${code}); send it again later`, "e.p.me.res.net")
      : presentationRejected(`${why} (${code})`);
  }
  const { holder, credentials } = presentation;
  if (holder !== message.from) return presentationRejected("its holder is not the sender of the message (holder_mismatch)");
  if (credentials.length > MAX_CREDENTIALS) {
    return presentationRejected(`it may hold ${MAX_CREDENTIALS} credentials (too_many_credentials)`);
  }
  const read = credentials.map((credential) => aboutSender(credential, holder));
  const other = read.indexOf(undefined);
  if (other >= 0) return presentationRejected(`credential ${other} is not about the sender (subject_mismatch)`);
  return { ok: true, credentials: read.filter((credential) => credential !== undefined) };
}

function aboutSender({ credential, issuer }: VerifiedCredential, sender: string): SenderCredential | undefined {
  const subject = listOf(credential["credentialSubject"]).find(
    (candidate): candidate is JsonObject => isJsonObject(candidate) && candidate["id"] === sender,
  );
  if (subject === undefined) return undefined;
  return {
    issuer,
    types: listOf(credential["type"]).filter((type) => typeof type === "string"),
    subject,
    id: textOf(credential["id"]),
    // VCDM 1.1 has other names for these dates.
    validFrom: textOf(credential["validFrom"] ?? credential["issuanceDate"]),
    validUntil: textOf(credential["validUntil"] ?? credential["expirationDate"]),
  };
}

function signedText({ data }: Attachment): string | undefined {
  if (data.base64 !== undefined) return Buffer.from(data.base64, "base64url").toString();
  return typeof data.json === "string" ? data.json : undefined;
}

function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? (value as readonly JsonValue[]) : [value];
}

function textOf(value: JsonValue | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function presentationRejected(why: string, code = "e.p.trust.presentation"): Rejected {
  return rejected({ label: "presentation", reason: `presentation refused: ${why}`, code });
}
