import type { MlsCredential } from "./credential.ts";

/** The context in which a credential is presented. */
export interface AuthenticationContext {
  readonly groupId: Uint8Array;
  /** `"add"`: a member that is added. `"update"`: a member that replaces its leaf. `"join"`: a member of a group that this engine joins. */
  readonly reason: "add" | "update" | "join";
  /** With `"update"`: the replaced credential. The application decides whether the new one may succeed it. */
  readonly previous?: MlsCredential;
  /** With `"update"`: the replaced signature key. MLS permits a member to change it. */
  readonly previousKey?: Uint8Array;
}

/**
 * Decides whether a credential belongs to the holder of a signature key: the Authentication Service of
 * [RFC 9420 §5.3.1](https://www.rfc-editor.org/rfc/rfc9420.html#section-5.3.1).
 *
 * MLS proves only that a member holds its signature key; without this decision, anyone can claim any identity. A rejected credential rejects
 * the whole commit or Welcome. An exception counts as a rejection.
 *
 * @example
 * ```ts
 * import { basicIdentity, type Authenticate } from "@parley/mls-engine";
 *
 * declare const directory: { keyOf(identity: string): Promise<Uint8Array | undefined> };
 *
 * const authenticate: Authenticate = async (credential, signatureKey) => {
 *   const identity = basicIdentity(credential);
 *   const known = identity && (await directory.keyOf(new TextDecoder().decode(identity)));
 *   return known !== undefined && known.length === signatureKey.length && known.every((byte, i) => byte === signatureKey[i]);
 * };
 * ```
 */
export type Authenticate = (
  credential: MlsCredential,
  signatureKey: Uint8Array,
  context: AuthenticationContext,
) => boolean | Promise<boolean>;

/** Accepts every credential without a check. For tests, and for applications that verify identities elsewhere. */
export const unsafeAcceptAnyCredential: Authenticate = () => true;
