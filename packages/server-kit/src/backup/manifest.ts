import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { systemReason } from "@parley/core/internal";
import { StorageError } from "@parley/storage";
import { z } from "zod";

/** A file of a backup. */
export interface BackupFile {
  readonly name: string;
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** What a backup holds. A backup without it is incomplete. */
export interface BackupManifest {
  /** Version of this file's form. */
  readonly format: 1;
  /** Name of the database, without `.mdb`: the kind of server. */
  readonly name: string;
  /** Version of the content of the database. */
  readonly schema: number;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly files: readonly BackupFile[];
}

export const MANIFEST = "backup.json";

const manifestSchema: z.ZodType<BackupManifest> = z.strictObject({
  format: z.literal(1),
  name: z.string().regex(/^[a-z0-9-]{1,64}$/),
  schema: z.int(),
  createdAt: z.int(),
  files: z
    .array(z.strictObject({ name: z.string().regex(/^[\w-][\w.-]{0,63}$/), bytes: z.int(), sha256: z.string().regex(/^[0-9a-f]{64}$/) }))
    .max(16),
});

/** Reads what a backup holds. @throws StorageError `data_dir_unusable` if it is not a backup, or not a whole one */
export async function readManifest(directory: string): Promise<BackupManifest> {
  const path = join(directory, MANIFEST);
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw unusable(`${directory} is not a complete backup: ${MANIFEST} cannot be read: ${systemReason(error)}`, error);
  });
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch (error) {
    throw unusable(`${path} is damaged, or was written by a newer version`, error);
  }
}

/** Measures a file. */
export async function describeFile(directory: string, name: string): Promise<BackupFile> {
  const path = join(directory, name);
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return { name, bytes: (await stat(path)).size, sha256: hash.digest("hex") };
}

export function unusable(message: string, cause?: unknown): StorageError {
  return new StorageError("data_dir_unusable", message, cause === undefined ? {} : { cause });
}
