import { Reader } from "../codec/reader.ts";

/** The credential types that this package knows (RFC 9420 §17.5). */
export const BASIC_CREDENTIAL = 1;
export const X509_CREDENTIAL = 2;
/** Limit of a certificate chain. */
const MAX_CERTIFICATES = 16;

/** The identity that a member claims ([RFC 9420 §5.3](https://www.rfc-editor.org/rfc/rfc9420.html#section-5.3)). */
export interface MlsCredential {
  /** The credential type: 1 for basic, 2 for X.509. */
  readonly type: number;
  /** The identity (basic), or the encoded list of certificates (X.509). */
  readonly content: Uint8Array;
}

/** Creates a basic credential from an identity in the application's terms, such as a name or a DID. Text is encoded as UTF-8. */
export function basicCredential(identity: Uint8Array | string): MlsCredential {
  const content = typeof identity === "string" ? new TextEncoder().encode(identity) : identity.slice();
  return { type: BASIC_CREDENTIAL, content };
}

/** The identity of a basic credential; `undefined` for any other type. */
export function basicIdentity(credential: MlsCredential): Uint8Array | undefined {
  return credential.type === BASIC_CREDENTIAL ? credential.content : undefined;
}

/** A credential's identity for error messages. */
export function shownIdentity({ content }: MlsCredential): string {
  const text = new TextDecoder().decode(content);
  return /^[\x20-\x7e\u00a0-\uffef]{1,64}$/.test(text) ? JSON.stringify(text) : `${content.length} bytes`;
}

/**
 * The certificates of an X.509 credential in DER, the member's own first (RFC 9420 §5.3); `undefined` for any other credential type and for
 * malformed content.
 *
 * The engine accepts an X.509 credential only if its first certificate is for the member's signature key. `authenticate` must verify the chain
 * and the names in it.
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
