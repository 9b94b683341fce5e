import { createHash, createHmac, createSecretKey, hkdfSync, timingSafeEqual, type KeyObject } from "node:crypto";
import { aesGcm, checksum, type FrameCipher } from "./frame-cipher.ts";

/** A partition's secret rows with the order of all its batches, or its public rows. */
export type FileKind = "log" | "rows";

/** How a store protects its files, and names them. */
export interface StoreKeys {
  /** Name of a partition's files, without an ending: fit for any file system, whoever chose the partition's name. */
  fileName(partition: string): string;
  /** How one file is protected. `base` is what {@link StoreKeys.fileName} gave for its partition, `id` its own. */
  cipher(base: string, kind: FileKind, id: Uint8Array): FrameCipher;
}

/** Checksums only. */
export const plainKeys: StoreKeys = {
  fileName: (partition) => createHash("sha256").update(partition).digest("hex"),
  cipher: () => checksum,
};

/** Length of a key check, in bytes. */
export const CHECK_BYTES = 16;

/** Keys of a store, derived from the caller's key and the store's salt. Each file has its own, so that no file can stand for another. */
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

  /** Tells this key from another one. Says nothing else about it. */
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
