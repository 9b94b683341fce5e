import type { PskId } from "../codec/structures.ts";
import type { Authenticate } from "../credentials/authentication.ts";
import type { CipherSuite } from "../crypto/cipher-suite.ts";
import { MlsEngineError } from "../errors.ts";
import type { Signer } from "../join/key-package.ts";
import type { Pause } from "./pause.ts";

/** Everything that the protocol's steps take from outside the group's state. */
export interface Environment {
  readonly suite: CipherSuite;
  readonly signer: Signer;
  readonly authenticate: Authenticate;
  /** Pre-shared keys by id; `undefined` if unknown. */
  readonly findPsk: (id: PskId) => Uint8Array | undefined;
  readonly limits: ProtocolLimits;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly pause: Pause;
}

export interface ProtocolLimits {
  /** Most members of a group. */
  readonly maxMembers: number;
  /** Longest lifetime of a key package that is added here, in milliseconds. */
  readonly maxLifetimeMs: number;
  /** How far in the future a key package may become valid, in milliseconds. */
  readonly maxClockSkewMs: number;
  /** Whether a member is rejected if its key package has expired since another member added it. */
  readonly strictLifetimes: boolean;
  /** Whether an identity belongs to one signature key of a group. Default `false`. */
  readonly uniqueIdentities?: boolean;
}

/** Throws an {@link MlsEngineError} unless a rule of RFC 9420 holds. */
export function assertRule(
  condition: boolean,
  code: "invalid_commit" | "invalid_proposal" | "invalid_welcome",
  message: string,
): asserts condition {
  if (!condition) throw new MlsEngineError(code, message);
}
