import type { Authenticate } from "../credentials/authentication.ts";
import type { MlsCredential } from "../credentials/credential.ts";
import type { CipherSuite, KeyPair } from "../crypto/cipher-suite.ts";
import type { GroupStore } from "../store/group-store.ts";
import type { MlsLimits } from "./limits.ts";

/** The options of {@link createMlsEngine}. */
export interface MlsEngineOptions {
  /**
   * The identity of this engine in all its groups, in the application's terms (text is encoded as UTF-8), or a whole credential. A store
   * belongs to the identity that it was created with.
   */
  readonly identity: string | Uint8Array | MlsCredential;
  /** The store for keys and groups. The engine owns it, and closes it. */
  readonly store: GroupStore;
  /** Decides which credentials are accepted. Required, since MLS can't decide it; see {@link Authenticate}. */
  readonly authenticate: Authenticate;
  /** The cipher suite. Default: `createCipherSuite()`, which is suite 1. */
  readonly cipherSuite?: CipherSuite;
  /** The signature key pair for a new store. Default: a new key pair, which is stored. */
  readonly signatureKey?: KeyPair;
  /** Returns a pre-shared key by id, or `undefined`. Default: no key is known. */
  readonly psk?: (id: Uint8Array) => Uint8Array | undefined;
  /**
   * Sizes that messages are padded to, in ascending order: the first that is large enough; beyond the last one, its multiples. Default
   * `[256, 1024, 4096]`. `[]` disables padding.
   */
  readonly padding?: readonly number[];
  /**
   * How commits and proposals are sent: encrypted as PrivateMessage, or signed in the clear as PublicMessage (RFC 9420 §6.2), which shows the
   * added and removed members to every server on the way. Some implementations, such as core-crypto, accept only PublicMessage. Both are
   * accepted in any case. Default `"private"`.
   */
  readonly handshakes?: "private" | "public";
  /** See {@link MlsLimits}. */
  readonly limits?: Partial<MlsLimits>;
  /**
   * Whether members are rejected if their key package has expired since they were added, on joining and in the commits of others. Default
   * `false`: they are members until they are removed. The key packages that this engine adds must be valid in any case.
   */
  readonly strictLifetimes?: boolean;
  /**
   * Whether several members of a group may have the same identity, each with its own signature key. By default a commit that adds a second key
   * for an identity is rejected with `identity_taken`, by the committer, by every member and by the new member. All members of a group must use
   * the same setting: otherwise some of them reject commits that others accept. Default `false`.
   */
  readonly allowSameIdentity?: boolean;
  /** The current time in milliseconds since 1970. Default: `Date.now`. */
  readonly now?: () => number;
}

/** The options of {@link MlsEngine.keyPackage}. */
export interface KeyPackageOptions {
  /** Whether it may be used more than once, if no other is left. Default `false`. */
  readonly lastResort?: boolean;
  /** Milliseconds until it expires. Default: 84 days. */
  readonly lifetimeMs?: number;
}

/** The options of {@link MlsEngine.joinGroup}. */
export interface JoinOptions {
  /** The group's tree (`ratchet_tree`, RFC 9420 §12.4.3.3), if the Welcome doesn't contain it. */
  readonly ratchetTree?: Uint8Array;
}
