import { createHash, createHmac, createSecretKey, hkdfSync, timingSafeEqual, type KeyObject } from "node:crypto";
import { aesGcm, checksum, type FrameCipher } from "./frame-cipher.ts";

/** The file with the secret rows and the order of all batches, or the file with the public rows. */
export type FileKind = "log" | "rows";

/** The protection and the names of a store's files. */
export interface StoreKeys {
  /** The base name of a partition's files. It is valid on every file system, whatever the partition's name. */
  fileName(partition: string): string;
  /** The cipher of one file. `base` is the base name of its partition, `id` its own id. */
  cipher(base: string, kind: FileKind, id: Uint8Array): FrameCipher;
}

/** No encryption, only checksums. */
export const plainKeys: StoreKeys = {
  fileName: (partition) => createHash("sha256").update(partition).digest("hex"),
  cipher: () => checksum,
};

/** Length of a key check, in bytes. */
export const CHECK_BYTES = 16;

/** The keys of an encrypted store, derived from the caller's key and the store's salt. Each file has its own key, so files can't be swapped. */
export class EncryptedKeys implements StoreKeys {
  readonly #names: KeyObject;
  readonly #files: KeyObject;
  readonly #check: Buffer;

  constructor(encryptionKey: Uint8Array, salt: Uint8Array) {
    const key = createSecretKey(encryptionKey);
    this.#names = derive(key, salt, "names", 32);
    this.#files = derive(key, salt, "files", 32);
    this.#check = derive(key, salt, "check", CHECK_BYTES).export();
  }

  /** Identifies the key without revealing it. */
  get check(): Uint8Array {
    return this.#check;
  }

  matches(check: Uint8Array): boolean {
    return timingSafeEqual(this.#check, check);
  }

  fileName(partition: string): string {
    return createHmac("sha256", this.#names).update(partition).digest("hex");
  }

  cipher(base: string, kind: FileKind, id: Uint8Array): FrameCipher {
    return aesGcm(derive(this.#files, id, `${kind} ${base}`, 32));
  }
}

function derive(key: KeyObject, salt: Uint8Array, what: string, length: number): KeyObject {
  const derived = new Uint8Array(hkdfSync("sha256", key, salt, `parley group store 1 ${what}`, length));
  try {
    return createSecretKey(derived);
  } finally {
    derived.fill(0);
  }
}
