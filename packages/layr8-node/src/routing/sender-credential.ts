import type { JsonObject } from "@parley/core";

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
      credential_subject: subject,
      type: types,
      issuer,
      id,
      valid_from: validFrom,
      valid_until: validUntil,
    })),
  );
}
