import type { HpkeCiphertext } from "../cipher-suite.ts";
import type { CipherSuiteName } from "../suites.ts";

/** A plaintext to encrypt to several public keys, as it is sent to another thread. */
export interface SealJob {
  readonly suite: CipherSuiteName;
  readonly info: Uint8Array;
  readonly plaintext: Uint8Array;
  readonly publicKeys: readonly Uint8Array[];
}

/** The thread's answer: a ciphertext for each public key; `undefined` if some bytes are not a public key. */
export type SealAnswer = readonly HpkeCiphertext[] | undefined;
