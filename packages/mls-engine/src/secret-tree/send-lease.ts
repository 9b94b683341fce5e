import type { CipherSuite } from "../crypto/cipher-suite.ts";
import { splitKey, type MessageKey } from "./message-key.ts";
import type { RatchetType } from "./ratchet.ts";
import { keyAndNonce } from "./tree-kdf.ts";

/**
 * Keys for the next own messages, in memory only. The stored ratchet has already advanced past them.
 *
 * After a crash the remaining generations of the lease are skipped, so no key encrypts two messages, although sending doesn't wait for the
 * disk. Receivers skip the same generations ({@link SecretTree.key}).
 */
export class SendLease {
  readonly type: RatchetType;
  readonly #suite: CipherSuite;
  readonly #secrets: Uint8Array[];
  #generation: number;

  /** @param secrets ratchet secrets of the generations from `first` on, in descending order. The lease owns them. */
  constructor(suite: CipherSuite, type: RatchetType, first: number, secrets: Uint8Array[]) {
    this.type = type;
    this.#suite = suite;
    this.#secrets = secrets;
    this.#generation = first;
  }

  /** The number of messages that the lease can still encrypt. */
  get remaining(): number {
    return this.#secrets.length;
  }

  /** The generation of the next key. */
  get next(): number {
    return this.#generation;
  }

  /** The key of a generation that is still in the lease, without taking it; `undefined` for any other. */
  peek(generation: number): MessageKey | undefined {
    const secret = this.#secrets[this.#secrets.length - 1 - (generation - this.#generation)];
    return secret && splitKey(this.#suite, generation, keyAndNonce(this.#suite, secret, generation));
  }

  /** Takes the next key out of the lease; `undefined` if it is used up. */
  take(): MessageKey | undefined {
    const secret = this.#secrets.pop();
    if (secret === undefined) return undefined;
    const generation = this.#generation++;
    const both = keyAndNonce(this.#suite, secret, generation);
    secret.fill(0);
    return splitKey(this.#suite, generation, both);
  }

  /** Erases the remaining secrets. */
  erase(): void {
    for (const secret of this.#secrets.splice(0)) secret.fill(0);
  }
}
