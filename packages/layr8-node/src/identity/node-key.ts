import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { link, open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { isPassingSystemError, systemReason } from "@parley/core/internal";
import { StorageError } from "@parley/storage";

const KEY_LENGTH = 32;
const NONCE_LENGTH = 12;
const TAG_LENGTH = 16;

/** Encrypts a node's private keys at rest (AES-256-GCM). Each sealed text is bound to its purpose: it opens for no other. */
export class NodeKey {
  readonly #key: Uint8Array;

  /** @throws TypeError unless the key has 32 bytes. */
  constructor(key: Uint8Array) {
    if (key.length !== KEY_LENGTH) throw new TypeError(`A node key must have ${KEY_LENGTH} bytes`);
    this.#key = Uint8Array.from(key);
  }

  /** A key that ends with the process, for a node without a data directory. */
  static random(): NodeKey {
    return new NodeKey(randomBytes(KEY_LENGTH));
  }

  seal(secret: Uint8Array, purpose: string): string {
    const nonce = randomBytes(NONCE_LENGTH);
    const cipher = createCipheriv("aes-256-gcm", this.#key, nonce).setAAD(Buffer.from(purpose));
    const sealed = Buffer.concat([cipher.update(secret), cipher.final()]);
    return Buffer.concat([nonce, sealed, cipher.getAuthTag()]).toString("base64url");
  }

  /** @throws StorageError `data_dir_unusable` when it was sealed with another key or for another purpose, or is damaged. */
  open(sealed: string, purpose: string): Uint8Array {
    const bytes = Buffer.from(sealed, "base64url");
    try {
      const decipher = createDecipheriv("aes-256-gcm", this.#key, bytes.subarray(0, NONCE_LENGTH), { authTagLength: TAG_LENGTH });
      decipher.setAAD(Buffer.from(purpose)).setAuthTag(bytes.subarray(-TAG_LENGTH));
      return Buffer.concat([decipher.update(bytes.subarray(NONCE_LENGTH, -TAG_LENGTH)), decipher.final()]);
    } catch (error) {
      throw new StorageError(
        "data_dir_unusable",
        "A private key can't be decrypted: the node key is another one, or the record is damaged",
        {
          cause: error,
        },
      );
    }
  }
}

/**
 * Reads the node key of a data directory from its file `node.key` (mode 0600), which the first start creates. Keep a copy of it apart
 * from the data: anyone holding both has the private keys of all DIDs, and without it they are lost.
 *
 * @param isRequired the directory holds private keys that are encrypted: a missing file is an error, and none is created.
 * @throws StorageError `data_dir_unusable`, `storage_failed` (the disk is full or failing)
 */
export async function loadNodeKey(directory: string, isRequired: boolean): Promise<NodeKey> {
  const path = join(directory, "node.key");
  try {
    const text = await readIfPresent(path);
    if (text !== undefined) return new NodeKey(Buffer.from(text.trim(), "base64url"));
    if (isRequired) {
      const message =
        `node.key is missing in ${directory}, and the private keys there are encrypted with it: ` +
        "put back the copy that belongs to this directory, or give its content as LAYR8_NODE_KEY (nodeKey of startNode)";
      throw new StorageError("data_dir_unusable", message);
    }
    const key = randomBytes(KEY_LENGTH);
    await createDurably(directory, path, `${key.toString("base64url")}\n`);
    return new NodeKey(key);
  } catch (error) {
    if (error instanceof StorageError) throw error;
    const code = isPassingSystemError(error) ? "storage_failed" : "data_dir_unusable";
    throw new StorageError(code, `${path} cannot be read or created, or is not a key: ${systemReason(error)}`, { cause: error });
  }
}

async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** The key is on disk, whole, before anything is encrypted with it. */
async function createDurably(directory: string, path: string, text: string): Promise<void> {
  const draft = `${path}.new`;
  await rm(draft, { force: true });
  const file = await open(draft, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await link(draft, path);
  await rm(draft);
  const folder = await open(directory, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
