import { readSync } from "node:fs";
import { StorageError } from "@parley/storage";

const REMEDY = "Restore the data directory from a backup";

/** Creates the error for a damaged file. */
export function damagedFile(path: string, what: string): StorageError {
  return new StorageError("data_dir_unusable", `${path} is damaged: ${what}. ${REMEDY}`);
}

/** Creates the error for a truncated file. */
export function truncatedFile(path: string, bytes: number, needed: bigint): StorageError {
  return new StorageError("data_dir_unusable", `${path} is cut short: it has ${bytes} bytes of ${needed}. ${REMEDY}`);
}

/** A page in memory, with views of its numbers. Little-endian, like the files on all supported machines. */
export class Page {
  readonly bytes: Buffer;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  number = 0;

  constructor(pageSize: number) {
    const memory = new ArrayBuffer(pageSize);
    this.bytes = Buffer.from(memory);
    this.u16 = new Uint16Array(memory);
    this.u32 = new Uint32Array(memory);
  }
}

/** Reads pages of an LMDB file with `pread`, without mapping it into memory. */
export class PageFile {
  readonly path: string;
  readonly pageSize: number;
  /** Number of the last page in use. */
  readonly lastPage: number;
  readonly #fd: number;

  constructor(fd: number, path: string, { pageSize, lastPage }: { readonly pageSize: number; readonly lastPage: number }) {
    this.#fd = fd;
    this.path = path;
    this.pageSize = pageSize;
    this.lastPage = lastPage;
  }

  /** Reads a page, or its first `length` bytes. */
  read(into: Page, number: number, length: number = this.pageSize): void {
    into.number = number;
    this.readBytes(into.bytes, number * this.pageSize, length);
    if (into.u32[0] !== number % 2 ** 32 || into.u32[1] !== Math.floor(number / 2 ** 32)) {
      throw this.damaged(number, `it has the number ${into.bytes.readBigUInt64LE(0)}`);
    }
  }

  readBytes(into: Uint8Array, position: number, length: number = into.length): void {
    let done = 0;
    while (done < length) {
      const count = readSync(this.#fd, into, done, length - done, position + done);
      if (count === 0) throw truncatedFile(this.path, position + done, BigInt(position + length));
      done += count;
    }
  }

  damaged(page: number, what: string): StorageError {
    return damagedFile(this.path, `page ${page}: ${what}`);
  }
}
