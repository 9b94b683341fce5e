import type { Authenticate } from "../credentials/authentication.ts";
import { MlsError } from "../errors.ts";
import type { Signer } from "../join/key-package.ts";
import type { Suite } from "../crypto/labels.ts";
import type { Pause } from "./pause.ts";
import type { PskId } from "../codec/structures.ts";

/** What the protocol needs from outside. */
export interface Environment {
  readonly suite: Suite;
  readonly signer: Signer;
  readonly authenticate: Authenticate;
  /** Pre-shared keys by id; `undefined` for what isn't known. */
  readonly findPsk: (id: PskId) => Uint8Array | undefined;
  readonly limits: CoreLimits;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly pause: Pause;
}

export interface CoreLimits {
  /** Members of a group. */
  readonly maxMembers: number;
  /** Milliseconds between the ends of the lifetime of a key package that is added here. */
  readonly maxLifetimeMs: number;
  /** Milliseconds by which a key package may be valid only later. */
  readonly maxClockSkewMs: number;
  /** Whether members are refused whose key package has expired since, when others add them or were there before. */
  readonly strictLifetimes: boolean;
  /** Whether an identity belongs to one signature key of a group. Default `false`. */
  readonly uniqueIdentities?: boolean;
}

/** Throws {@link MlsError} of a code unless a condition holds. */
export function must(condition: boolean, code: "invalid_commit" | "invalid_proposal" | "invalid_welcome", why: string): asserts condition {
  if (!condition) throw new MlsError(code, why);
}
