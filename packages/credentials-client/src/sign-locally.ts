import { signCredential, signPresentation, type CredentialFormat, type SigningKey } from "@parley/vc";
import { writeCredential, type Credential } from "./credential.ts";

/** Signs a credential with a key that the program holds. @throws VcError; TypeError naming the member that is wrong. */
export function signCredentialHere(
  credential: Credential,
  { key, issuerDid, format, revocable }: { key: SigningKey; issuerDid: string; format: CredentialFormat; revocable: boolean | undefined },
): Promise<string> {
  if (revocable === true) throw new TypeError("revocable needs a key that the node holds: it publishes the status lists of its own keys");
  return signCredential(writeCredential(credential, issuerDid), { key, format });
}

/** Signs a presentation with a key that the program holds. @throws VcError */
export function signPresentationHere(
  credentials: readonly string[],
  {
    key,
    holderDid,
    format,
    nonce,
    audience,
  }: {
    key: SigningKey;
    holderDid: string;
    format: CredentialFormat;
    nonce: string | undefined;
    audience: string | readonly string[] | undefined;
  },
): Promise<string> {
  return signPresentation(credentials, {
    holder: holderDid,
    key,
    format,
    ...(nonce !== undefined && { nonce }),
    ...(audience !== undefined && { audience }),
  });
}
