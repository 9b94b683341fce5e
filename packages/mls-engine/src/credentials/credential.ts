import { Reader } from "../codec/reader.ts";

/** The types of credentials that this package reads (RFC 9420 §17.5). */
export const BASIC_CREDENTIAL = 1;
export const X509_CREDENTIAL = 2;
/** More than any chain has. */
const MAX_CERTIFICATES = 16;

/** Who a member says that it is (RFC 9420 §5.3). */
export interface MlsCredential {
  /** The number of its type; 1 is a basic credential, 2 an X.509 one. */
  readonly type: number;
  /** What stands in it: the identity in a basic one, a list of certificates in an X.509 one. */
  readonly content: Uint8Array;
}

/** A basic credential: an identity in the application's own terms, such as a name or a DID, as bytes. Text is taken as UTF-8. */
export function basicCredential(identity: Uint8Array | string): MlsCredential {
  const content = typeof identity === "string" ? new TextEncoder().encode(identity) : identity.slice();
  return { type: BASIC_CREDENTIAL, content };
}

/** The identity in a basic credential; `undefined` for any other. */
export function basicIdentity(credential: MlsCredential): Uint8Array | undefined {
  return credential.type === BASIC_CREDENTIAL ? credential.content : undefined;
}

/** A credential's identity, for errors. */
export function shownIdentity({ content }: MlsCredential): string {
  const text = new TextDecoder().decode(content);
  return /^[\x20-\x7e\u00a0-\uffef]{1,64}$/.test(text) ? JSON.stringify(text) : `${content.length} bytes`;
}

/**
 * The certificates in an X.509 credential, in DER, the member's own first (RFC 9420 §5.3); `undefined` for any other credential, and for
 * one that holds no list of certificates.
 *
 * The engine accepts an X.509 credential only if its first certificate is for the member's signature key. Who issued the certificates, and
 * for whom, is for `authenticate` to check.
 */
export function certificatesOf(credential: MlsCredential): Uint8Array[] | undefined {
  if (credential.type !== X509_CREDENTIAL) return undefined;
  const reader = new Reader(credential.content);
  const certificates: Uint8Array[] = [];
  try {
    while (reader.offset < credential.content.length && certificates.length <= MAX_CERTIFICATES) certificates.push(reader.vector());
  } catch {
    return undefined;
  }
  const isList = certificates.length > 0 && certificates.length <= MAX_CERTIFICATES && certificates.every(({ length }) => length > 0);
  return isList ? certificates : undefined;
}
