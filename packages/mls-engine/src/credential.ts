/** The type of basic credentials (RFC 9420 §17.5). */
export const BASIC_CREDENTIAL = 1;

/** Who a member says that it is (RFC 9420 §5.3). */
export interface MlsCredential {
  /** The number of its type; 1 is a basic credential. */
  readonly type: number;
  /** What stands in it: the identity in a basic one. */
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
