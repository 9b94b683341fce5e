import type { MessageCrypto } from "../crypto/mls-crypto.ts";
import { splitKey, type MessageKey } from "./message-key.ts";
import type { RatchetType } from "./ratchet.ts";
import { createTreeKdf, type TreeKdf } from "./tree-kdf.ts";

/**
 * Keys for the next messages of one's own, in memory only: on the disk the ratchet is already behind them.
 *
 * After a crash those that are left are skipped, so no key is ever used twice.
 */
export class SendLease {
  readonly type: RatchetType;
  readonly #crypto: MessageCrypto;
  readonly #kdf: TreeKdf;
  readonly #secrets: Uint8Array[];
  #generation: number;

  /** @param secrets of the generations from `first` on, the last one first. They belong to the lease. */
  constructor(crypto: MessageCrypto, type: RatchetType, first: number, secrets: Uint8Array[]) {
    this.type = type;
    this.#crypto = crypto;
    this.#kdf = createTreeKdf(crypto);
    this.#secrets = secrets;
    this.#generation = first;
  }

  /** How many messages can be sent with it. */
  get remaining(): number {
    return this.#secrets.length;
  }

  /** The generation of the next key. */
  get next(): number {
    return this.#generation;
  }

  /** The key of a generation of the lease that isn't taken yet; the lease doesn't change. `undefined` for any other. */
  peek(generation: number): MessageKey | undefined {
    const secret = this.#secrets[this.#secrets.length - 1 - (generation - this.#generation)];
    return secret && splitKey(this.#crypto, generation, this.#kdf.keyAndNonce(secret, generation));
  }

  /** The next key, which is then gone from the lease; `undefined` when none is left. */
  take(): MessageKey | undefined {
    const secret = this.#secrets.pop();
    if (secret === undefined) return undefined;
    const generation = this.#generation++;
    const both = this.#kdf.keyAndNonce(secret, generation);
    secret.fill(0);
    return splitKey(this.#crypto, generation, both);
  }

  /** Erases what is left. */
  erase(): void {
    for (const secret of this.#secrets.splice(0)) secret.fill(0);
  }
}
