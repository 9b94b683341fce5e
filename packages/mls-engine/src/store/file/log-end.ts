import * as zlib from "node:zlib";
import { closeQuietly } from "@parley/core/internal";
import { FILE_ID_BYTES } from "./entries.ts";
import type { FileSystem, OpenFile } from "./file-system.ts";

const LENGTH_BYTES = 6;
const CRC_AT = FILE_ID_BYTES + LENGTH_BYTES;
const BYTES = CRC_AT + 4;

/** How far a log was flushed. */
export interface NotedEnd {
  readonly id: Uint8Array;
  readonly length: number;
}

/**
 * Records the length of a partition's log in a second file. A log that was cut between two frames looks complete; this record reveals that frames
 * are missing, such as the one that advances the own ratchet. It is written after each flush of the log, so it is never ahead of it. It is not
 * flushed itself, so it costs no wait for the disk.
 */
export class LogEnd {
  readonly #files: FileSystem;
  readonly #path: string;
  #exists = false;
  #file: OpenFile | undefined;

  constructor(files: FileSystem, path: string) {
    this.#files = files;
    this.#path = path;
  }

  /** The last record; `undefined` if it is missing or damaged. */
  async read(): Promise<NotedEnd | undefined> {
    const bytes = await this.#files.read(this.#path, BYTES);
    this.#exists = bytes !== undefined;
    if (bytes?.length !== BYTES || bytes.readUInt32LE(CRC_AT) !== zlib.crc32(bytes.subarray(0, CRC_AT))) return undefined;
    return { id: new Uint8Array(bytes.subarray(0, FILE_ID_BYTES)), length: bytes.readUIntLE(FILE_ID_BYTES, LENGTH_BYTES) };
  }

  /** Called after each flush. A failure is ignored, since the previous record stays valid. */
  async note({ id, length }: NotedEnd): Promise<void> {
    const bytes = Buffer.alloc(BYTES);
    bytes.set(id);
    bytes.writeUIntLE(length, FILE_ID_BYTES, LENGTH_BYTES);
    bytes.writeUInt32LE(zlib.crc32(bytes.subarray(0, CRC_AT)), CRC_AT);
    try {
      this.#file ??= await (this.#exists ? this.#files.open(this.#path) : this.#files.create(this.#path));
      this.#exists = true;
      await this.#file.write(bytes, 0);
    } catch {
      await this.close();
    }
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await closeQuietly(() => file?.close());
  }
}
