import { chmod, open, readdir, rename, rm, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { checkRegularFile, createDirectory, LockError } from "@parley/storage/directory-lock";
import { StoreError } from "../store-error.ts";

/** A file that is open for writing. */
export interface OpenFile {
  /** Writes all of the bytes. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  truncate(length: number): Promise<void>;
  /** Makes content and length durable. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The file operations of the store. Tests replace them by a simulated disk that fails and crashes on command. */
export interface FileSystem {
  /** Creates a directory for its owner only, or makes an existing one so. The path is absolute. */
  makeDirectory(path: string): Promise<void>;
  /** Makes the names in a directory durable. */
  syncDirectory(path: string): Promise<void>;
  list(directory: string): Promise<string[]>;
  /** The content of a file, or its first bytes; `undefined` if the file is missing. */
  read(path: string, maxBytes?: number): Promise<Buffer | undefined>;
  /** Creates an empty file for its owner only, or replaces the existing one. */
  create(path: string): Promise<OpenFile>;
  /** Opens an existing file for writing. */
  open(path: string): Promise<OpenFile>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file, if it exists. */
  remove(path: string): Promise<void>;
}

export const nodeFileSystem: FileSystem = {
  async makeDirectory(path) {
    const first = await createDirectory(path);
    await chmod(path, 0o700);
    if (first === undefined) return;
    // A new directory is durable when its parent was flushed.
    for (let each = path; each.length >= first.length; each = dirname(each)) await syncDirectory(dirname(each));
  },
  syncDirectory,
  list: (directory) => readdir(directory),
  async read(path, maxBytes) {
    try {
      await using handle = await openFile(path, "r");
      return maxBytes === undefined ? await handle.readFile() : await readStart(handle, maxBytes);
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
      throw error;
    }
  },
  create: async (path) => new NodeFile(await openFile(path, "w")),
  open: async (path) => new NodeFile(await openFile(path, "r+")),
  rename,
  remove: (path) => rm(path, { force: true }),
};

async function openFile(path: string, flags: "r" | "r+" | "w"): Promise<FileHandle> {
  await checkRegularFile(path).catch((error: unknown) => {
    throw error instanceof LockError ? new StoreError("unusable", error.message, { cause: error }) : error;
  });
  return open(path, flags, 0o600);
}

async function syncDirectory(path: string): Promise<void> {
  await using handle = await open(path, "r");
  await handle.sync();
}

async function readStart(handle: FileHandle, maxBytes: number): Promise<Buffer> {
  const buffer = Buffer.alloc(maxBytes);
  let length = 0;
  while (length < maxBytes) {
    const { bytesRead } = await handle.read(buffer, length, maxBytes - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return buffer.subarray(0, length);
}

class NodeFile implements OpenFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, position + done);
      done += bytesWritten;
    }
  }

  truncate(length: number): Promise<void> {
    return this.#handle.truncate(length);
  }

  sync(): Promise<void> {
    return this.#handle.datasync();
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}
