import type { Authenticate } from "../credentials/authentication.ts";
import type { MlsCredential } from "../credentials/credential.ts";
import type { MlsCrypto } from "../crypto/mls-crypto.ts";
import type { SignatureKeyPair } from "./identity-rows.ts";
import type { MlsLimits } from "./limits.ts";
import type { PaddingBuckets } from "../framing/padding.ts";
import type { GroupStore } from "../store/group-store.ts";

/** What an engine is made of. */
export interface MlsEngineOptions {
  /**
   * Who this engine is in all its groups: an identity in the application's own terms (text is taken as UTF-8), or a whole credential.
   * A store belongs to the identity that it was first used with.
   */
  readonly identity: string | Uint8Array | MlsCredential;
  /** Where keys and groups are kept. The engine owns it from now on, and closes it. */
  readonly store: GroupStore;
  /** Whose credential is accepted. There is no default; `unsafeAcceptAnyCredential` says what it does. */
  readonly authenticate: Authenticate;
  /** A cipher suite's cryptography. Default: `createCrypto()`, which is suite 1. */
  readonly crypto?: MlsCrypto;
  /** A signature key pair to use with a new store. Default: a fresh one, which is kept in the store. */
  readonly signatureKey?: SignatureKeyPair;
  /** Pre-shared keys by id, for commits and Welcomes that mix them in. Default: none is known. */
  readonly psk?: (id: Uint8Array) => Uint8Array | undefined;
  /** Sizes that messages are padded to. Default: 256, 1024, and multiples of 4096. `[]`: none. */
  readonly padding?: PaddingBuckets;
  /**
   * How commits and proposals of this engine are sent: encrypted as PrivateMessage, or signed in the clear as PublicMessage (RFC 9420
   * §6.2), which shows who is added and removed to whoever carries it. Some implementations, such as core-crypto, take no other. Both kinds
   * are read in any case. Default `"private"`.
   */
  readonly handshakes?: "private" | "public";
  readonly limits?: Partial<MlsLimits>;
  /**
   * Whether members whose key package has expired since it was added are refused when joining and processing. Default `false`: they are
   * members, whatever their first leaf says, until somebody removes them. What is added here must be valid now in any case.
   */
  readonly strictLifetimes?: boolean;
  /**
   * Whether several members of a group, with a signature key each, may have one identity. By default an identity belongs to one key:
   * whatever adds another is refused with `identity_taken`, by the member that would commit it, by every member that receives the commit,
   * and by the joiner itself. All members of a group must have the same setting: those with `false` refuse commits that the others accept.
   * Default `false`.
   */
  readonly allowSameIdentity?: boolean;
  /** Milliseconds since 1970. Default: `Date.now`. */
  readonly now?: () => number;
}

export interface KeyPackageOptions {
  /** Whether it may be used more than once, when no other is left. Default `false`. */
  readonly lastResort?: boolean;
  /** Milliseconds until it expires. Default 84 days. */
  readonly lifetimeMs?: number;
}

export interface JoinOptions {
  /** The group's tree (`ratchet_tree`), when the Welcome comes without it. */
  readonly ratchetTree?: Uint8Array;
}
