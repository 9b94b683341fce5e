import type { MlsCredential } from "./credential.ts";

/** Where a credential is met. */
export interface AuthenticationContext {
  readonly groupId: Uint8Array;
  /** `"add"`: of a member that a commit adds. `"update"`: of one whose leaf is replaced. `"join"`: of one that was there before us. */
  readonly reason: "add" | "update" | "join";
  /** With `"update"`: the credential that is replaced. Whether one may follow the other is the application's to say. */
  readonly previous?: MlsCredential;
  /** With `"update"`: the signature key that is replaced. The same as the new one unless the member changes it, which MLS permits. */
  readonly previousKey?: Uint8Array;
}

/**
 * Decides whether a credential belongs to the holder of a signature key (the Authentication Service of RFC 9420 §5.3.1).
 *
 * MLS itself proves that a member holds its signature key, and nothing more: without this answer, anybody can claim any identity.
 * Whatever it refuses, the whole commit or Welcome is refused; a throw counts as no.
 */
export type Authenticate = (
  credential: MlsCredential,
  signatureKey: Uint8Array,
  context: AuthenticationContext,
) => boolean | Promise<boolean>;

/** Accepts whatever a member claims to be. For tests, and where identities are checked elsewhere. */
export const unsafeAcceptAnyCredential: Authenticate = () => true;
