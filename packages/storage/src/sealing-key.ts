import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { link, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { isPassingSystemError, systemReason } from "@parley/core/internal";
import { LockError } from "./directory-lock/lock-error.ts";
import { checkRegularFile } from "./directory-lock/regular-file.ts";
import { writeDurably } from "./directory-lock/replace-file.ts";
import { StorageError } from "./storage-error.ts";

const KEY_LENGTH = 32;
const NONCE_LENGTH = 12;
const TAG_LENGTH = 16;

/** Encrypts a server's secrets at rest with AES-256-GCM. Each sealed text is bound to its purpose and can't be opened for another one. */
export class SealingKey {
  readonly #key: Uint8Array;

  /** @throws TypeError unless the key has 32 bytes */
  constructor(key: Uint8Array) {
    if (key.length !== KEY_LENGTH) throw new TypeError(`A sealing key must have ${KEY_LENGTH} bytes`);
    this.#key = Uint8Array.from(key);
  }

  /** Creates a random key that is not stored, for a server without a data directory. */
  static random(): SealingKey {
    return new SealingKey(randomBytes(KEY_LENGTH));
  }

  seal(secret: Uint8Array, purpose: string): string {
    const nonce = randomBytes(NONCE_LENGTH);
    const cipher = createCipheriv("aes-256-gcm", this.#key, nonce).setAAD(Buffer.from(purpose));
    const sealed = Buffer.concat([cipher.update(secret), cipher.final()]);
    return Buffer.concat([nonce, sealed, cipher.getAuthTag()]).toString("base64url");
  }

  /** @throws StorageError `data_dir_unusable` if it was sealed with another key or for another purpose, or is damaged */
  open(sealed: string, purpose: string): Uint8Array {
    const bytes = Buffer.from(sealed, "base64url");
    try {
      const decipher = createDecipheriv("aes-256-gcm", this.#key, bytes.subarray(0, NONCE_LENGTH), { authTagLength: TAG_LENGTH });
      decipher.setAAD(Buffer.from(purpose)).setAuthTag(bytes.subarray(-TAG_LENGTH));
      return Buffer.concat([decipher.update(bytes.subarray(NONCE_LENGTH, -TAG_LENGTH)), decipher.final()]);
    } catch (error) {
      const message = "A secret can't be decrypted: the sealing key is a different one, or the record is damaged";
      throw new StorageError("data_dir_unusable", message, { cause: error });
    }
  }
}

/** Options of {@link loadSealingKey}. */
export interface SealingKeyFile {
  readonly directory: string;
  /** Name of the file in the directory. */
  readonly file: string;
  /** Whether stored secrets need the key: then a missing file is an error, and no key is created. */
  readonly isRequired: boolean;
  /** The remedy for a missing file, for the error's message. */
  readonly remedy: string;
  /**
   * Whether a key opens the stored secrets. Asked if a rotation was cut short, and both the former and the next key are there. Absent without stored
   * secrets.
   */
  readonly opens?: ((key: SealingKey) => boolean) | undefined;
}

/**
 * Loads the key of a data directory from its file (mode 0600), which the first start creates. Operators should keep a copy elsewhere.
 *
 * @throws StorageError `data_dir_unusable`, `storage_failed` (the disk is full or failing)
 */
export async function loadSealingKey({ directory, file, isRequired, remedy, opens }: SealingKeyFile): Promise<SealingKey> {
  const path = join(directory, file);
  try {
    await finishRotation(directory, path, opens);
    const text = await readIfPresent(path);
    if (text !== undefined) return new SealingKey(Buffer.from(text.trim(), "base64url"));
    if (isRequired)
      throw new StorageError("data_dir_unusable", `${file} is missing in ${directory}, and secrets there are encrypted with it: ${remedy}`);
    const key = randomBytes(KEY_LENGTH);
    await createDurably(directory, path, `${key.toString("base64url")}\n`);
    return new SealingKey(key);
  } catch (error) {
    if (error instanceof StorageError) throw error;
    if (error instanceof LockError) throw new StorageError("data_dir_unusable", error.message, { cause: error });
    const code = isPassingSystemError(error) ? "storage_failed" : "data_dir_unusable";
    throw new StorageError(code, `${path} cannot be read or created, or is not a key: ${systemReason(error)}. ${remedyFor(code, remedy)}`, {
      cause: error,
    });
  }
}

/**
 * Replaces the key of a data directory. The next key is on disk before any secret is encrypted with it; {@link loadSealingKey} finishes or
 * undoes a rotation that was cut short.
 *
 * @param reseal encrypts all secrets with the next key, in one commit.
 * @throws as `reseal`: the former key stays; StorageError `storage_failed`
 */
export async function rotateSealingKey(directory: string, file: string, reseal: (next: SealingKey) => Promise<void>): Promise<void> {
  const path = join(directory, file);
  const key = randomBytes(KEY_LENGTH);
  try {
    await rm(nextOf(path), { force: true });
    await createDurably(directory, nextOf(path), `${key.toString("base64url")}\n`);
    await reseal(new SealingKey(key));
    await replaceKey(directory, path);
  } catch (error) {
    if (error instanceof StorageError || error instanceof TypeError) throw error;
    throw new StorageError("storage_failed", `${path} cannot be replaced: ${systemReason(error)}`, { cause: error });
  } finally {
    key.fill(0);
  }
}

/** The file of the next key during a rotation. */
function nextOf(path: string): string {
  return `${path}.next`;
}

async function replaceKey(directory: string, path: string): Promise<void> {
  await rename(nextOf(path), path);
  await syncDirectory(directory);
}

/** Keeps the key that opens the secrets, if a rotation was cut short. */
async function finishRotation(directory: string, path: string, opens: SealingKeyFile["opens"]): Promise<void> {
  const text = await readIfPresent(nextOf(path));
  if (text === undefined) return;
  if (opens?.(new SealingKey(Buffer.from(text.trim(), "base64url"))) === true) await replaceKey(directory, path);
  else await rm(nextOf(path));
}

function remedyFor(code: "storage_failed" | "data_dir_unusable", remedy: string): string {
  return code === "storage_failed" ? "Free some space, or repair the disk" : `Check its owner and mode, or ${remedy}`;
}

async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    await checkRegularFile(path, { mayBeLink: true });
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** Writes the file atomically and durably, so that nothing is encrypted with a key that could be lost. */
async function createDurably(directory: string, path: string, text: string): Promise<void> {
  const draft = `${path}.new`;
  await rm(draft, { force: true });
  await writeDurably(draft, text);
  await link(draft, path);
  await rm(draft);
  await syncDirectory(directory);
}

async function syncDirectory(directory: string): Promise<void> {
  const folder = await open(directory, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
