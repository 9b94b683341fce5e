import type { Attachment } from "@parley/core";
import { readClaims } from "./credential-claims.ts";

/** Media type of an attached credential. Nodes of layr8 compare it exactly, and ignore any other. */
const CREDENTIAL_MEDIA_TYPE = "application/vc+jwt";

/** Attaches a signed credential so that the recipient's node finds it. */
export function credentialAttachment(id: string, signed: string): Attachment {
  return { id, mediaType: CREDENTIAL_MEDIA_TYPE, data: { jws: signed } };
}

/**
 * Makes the attachment that tells a recipient's node who the sender is: a credential without a scope, such as an employee's. A credential with a scope is a
 * grant, which the client attaches itself.
 *
 * @param signed the credential as a compact JWS, such as `credentialJwt` of a stored credential.
 * @throws TypeError if it isn't a compact JWS whose claims can be read, or is a grant.
 * @see layr8/node-sdk, src/identity.ts
 * @example
 * ```ts
 * import { identityAttachment, type Client } from "layr8";
 *
 * async function introduce(client: Client, shop: string): Promise<void> {
 *   const [credential] = await client.listCredentials();
 *   if (credential === undefined) return;
 *   const attachments = [identityAttachment(credential.credentialJwt)];
 *   await client.send({ type: "https://shop.example/visits/1.0/hello", to: shop, attachments });
 * }
 * ```
 */
export function identityAttachment(signed: string): Attachment {
  const claims = readClaims(signed);
  if (claims === undefined)
    throw new TypeError("An identity attachment needs a compact JWS: three parts with dots between, and claims as JSON");
  if (claims.scope.length > 0) {
    throw new TypeError(
      "This credential has a scope: it is a Verifiable Grant, which permits its holder to send messages, and does not identify it",
    );
  }
  return credentialAttachment(claims.id, signed);
}

/** Whether an attachment is a credential that identifies the sender. One that can't be read is not. */
export function isIdentityAttachment({ mediaType, data }: Attachment): boolean {
  if (mediaType !== CREDENTIAL_MEDIA_TYPE || typeof data.jws !== "string") return false;
  return readClaims(data.jws)?.scope.length === 0;
}
