import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { StoreError } from "../store-error.ts";
import { headerBytes, readHeader, writeHeader } from "./file-header.ts";
import { STORE_FILE, unfinishedName } from "./file-names.ts";
import type { FileSystem } from "./file-system.ts";
import { CHECK_BYTES, EncryptedKeys, plainKeys, type StoreKeys } from "./store-keys.ts";

const SALT_BYTES = 16;
const PAYLOAD_BYTES = 1 + SALT_BYTES + CHECK_BYTES;

/**
 * Reads the store file: whether the store is encrypted, and the check of its key.
 *
 * @returns `undefined` if the file is missing
 * @throws StoreError `damaged`, `format_unsupported`, `wrong_key`
 */
export async function readStoreFile(files: FileSystem, directory: string, key: Uint8Array | undefined): Promise<StoreKeys | undefined> {
  const bytes = await files.read(join(directory, STORE_FILE), headerBytes(PAYLOAD_BYTES));
  if (bytes === undefined) return undefined;
  const payload = readHeader("store", bytes, PAYLOAD_BYTES);
  const isEncrypted = payload[0] === 1;
  if (!isEncrypted) {
    if (key !== undefined) throw new StoreError("wrong_key", `${directory} is not encrypted, but an encryption key was given`);
    return plainKeys;
  }
  if (key === undefined) throw new StoreError("wrong_key", `${directory} is encrypted, but no encryption key was given`);
  const keys = new EncryptedKeys(key, payload.subarray(1, 1 + SALT_BYTES));
  if (!keys.matches(payload.subarray(1 + SALT_BYTES)))
    throw new StoreError("wrong_key", `${directory} is encrypted under another encryption key`);
  return keys;
}

/** Creates the store file. */
export async function createStoreFile(files: FileSystem, directory: string, key: Uint8Array | undefined): Promise<StoreKeys> {
  const salt = randomBytes(SALT_BYTES);
  const keys = key === undefined ? undefined : new EncryptedKeys(key, salt);
  const payload = Buffer.concat([Buffer.of(keys === undefined ? 0 : 1), salt, keys?.check ?? Buffer.alloc(CHECK_BYTES)]);
  const path = join(directory, STORE_FILE);
  const file = await files.create(unfinishedName(path));
  try {
    await file.write(writeHeader("store", payload), 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await files.rename(unfinishedName(path), path);
  await files.syncDirectory(directory);
  return keys ?? plainKeys;
}
