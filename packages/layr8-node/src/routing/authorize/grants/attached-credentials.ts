import type { Attachment, Message } from "@parley/core";

/** Media type of an attached credential, compared exactly: layr8's SDKs and nodes do the same. */
const CREDENTIAL_MEDIA_TYPE = "application/vc+jwt";

/** A credential as a sender attached it. Nothing in it is verified. */
export interface AttachedCredential {
  /** Id of the attachment, or `attachments[<index>]` without one. */
  readonly id: string;
  /** The compact JWS; `undefined` if the attachment has none. */
  readonly signed: string | undefined;
}

/** Whether a message has credentials attached. False for nearly all messages. */
export function hasAttachedCredentials({ attachments }: Message): boolean {
  return attachments !== undefined && attachments.some(isCredential);
}

/** The credentials attached to a message, in its order: `data.jws`, or `data.base64` without one. */
export function attachedCredentials({ attachments = [] }: Message): readonly AttachedCredential[] {
  return attachments.flatMap((attachment, index) =>
    isCredential(attachment) ? [{ id: attachment.id ?? `attachments[${index}]`, signed: signedText(attachment) }] : [],
  );
}

function isCredential({ mediaType }: Attachment): boolean {
  return mediaType === CREDENTIAL_MEDIA_TYPE;
}

function signedText({ data }: Attachment): string | undefined {
  if (typeof data.jws === "string") return data.jws;
  return data.base64 === undefined ? undefined : Buffer.from(data.base64, "base64url").toString();
}
