import { randomBytes } from "node:crypto";
import { StoreError } from "../store-error.ts";
import { encodeEntries, FILE_ID_BYTES, readEntries, type Entry } from "./entries.ts";
import { headerBytes, readHeader, writeHeader } from "./file-header.ts";
import type { FileSystem, OpenFile } from "./file-system.ts";
import type { NotedEnd } from "./log-end.ts";
import { FrameCodec } from "./frame.ts";
import type { FileKind, StoreKeys } from "./store-keys.ts";

const HEADER_BYTES = headerBytes(FILE_ID_BYTES);
/** The longest header together with the frame of a partition's name. */
const NAME_BYTES = 2048;

/** The location and the owner of a file. */
export interface LogFileInit {
  readonly files: FileSystem;
  readonly keys: StoreKeys;
  readonly path: string;
  readonly kind: FileKind;
  /** The base name of the partition's files. */
  readonly base: string;
  readonly partition: string;
}

/** An append-only file of frames. It starts with its own id and the name of its partition. */
export class LogFile {
  readonly id: Uint8Array;
  readonly path: string;
  readonly #file: OpenFile;
  readonly #codec: FrameCodec;
  #length: number;

  private constructor(path: string, id: Uint8Array, file: OpenFile, codec: FrameCodec, length: number) {
    this.path = path;
    this.id = id;
    this.#file = file;
    this.#codec = codec;
    this.#length = length;
  }

  /** Bytes of the file. */
  get length(): number {
    return this.#length;
  }

  /** Creates a file. It is not durable before {@link LogFile.sync}. */
  static async create(init: LogFileInit, id: Uint8Array = new Uint8Array(randomBytes(FILE_ID_BYTES))): Promise<LogFile> {
    const file = await init.files.create(init.path);
    const log = new LogFile(init.path, id, file, codecFor(init, id), HEADER_BYTES);
    try {
      await file.write(writeHeader(init.kind, id), 0);
      await log.append(encodeEntries([{ type: "name", name: init.partition }]));
      return log;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /**
   * Opens a file, passes its entries to `onEntry`, and cuts off an invalid end. Afterwards, all entries that were read are durable.
   *
   * @param onCut awaited when frames are missing at the end, and before a torn frame is cut off
   * @param noted how far the file was flushed, if that is known
   * @param extent the id of the expected file and its valid length. Default: all of the file except a torn frame at the end
   * @returns `undefined` if the file is missing
   * @throws StoreError `damaged`, `format_unsupported`
   */
  static async open(
    init: LogFileInit,
    onEntry: (entry: Entry) => void,
    extent?: { readonly id: Uint8Array; readonly length: number },
    onCut?: () => Promise<void>,
    noted?: NotedEnd,
  ): Promise<LogFile | undefined> {
    const bytes = await init.files.read(init.path);
    if (bytes === undefined) return undefined;
    const id = new Uint8Array(readHeader(init.kind, bytes, FILE_ID_BYTES));
    if (extent !== undefined && (Buffer.compare(id, extent.id) !== 0 || bytes.length < extent.length)) {
      throw new StoreError("damaged", "A file of the store is not the one that was written");
    }
    const codec = codecFor(init, id);
    const { bodies, end, rest } = codec.readAll(extent === undefined ? bytes : bytes.subarray(0, extent.length), HEADER_BYTES);
    if (rest === "damaged" || (rest === "torn" && extent !== undefined)) {
      throw new StoreError("damaged", `A file of the store is damaged at byte ${end}`);
    }
    if (nameIn(bodies[0]) !== init.partition) throw new StoreError("damaged", "A file of the store belongs to another partition");
    for (const body of bodies) {
      for (const entry of readEntries(body)) onEntry(entry);
      body.fill(0);
    }
    const file = await init.files.open(init.path);
    try {
      const isShort = noted !== undefined && Buffer.compare(id, noted.id) === 0 && end < noted.length;
      if (rest === "torn" || isShort) await onCut?.();
      if (end < bytes.length) await file.truncate(end);
      await file.sync();
    } catch (error) {
      await file.close();
      throw error;
    }
    bytes.fill(0);
    return new LogFile(init.path, id, file, codec, end);
  }

  /** Appends encoded entries as one frame, and erases the given buffers. */
  async append(...entries: readonly Buffer[]): Promise<void> {
    const { frame, body } = this.#codec.blank(entries.reduce((sum, { length }) => sum + length, 0));
    let offset = 0;
    for (const part of entries) {
      offset += part.copy(body, offset);
      part.fill(0);
    }
    this.#codec.seal(frame, this.#length);
    try {
      await this.#file.write(frame, this.#length);
      this.#length += frame.length;
    } finally {
      frame.fill(0);
    }
  }

  /** Makes all appended frames durable. */
  sync(): Promise<void> {
    return this.#file.sync();
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/**
 * The name of the partition that a log belongs to; `undefined` if the file is missing.
 *
 * @throws StoreError `damaged`, `format_unsupported`
 */
export async function partitionOf(init: Omit<LogFileInit, "partition">): Promise<string | undefined> {
  const bytes = await init.files.read(init.path, NAME_BYTES);
  if (bytes === undefined) return undefined;
  const id = new Uint8Array(readHeader(init.kind, bytes, FILE_ID_BYTES));
  const { bodies } = codecFor(init, id).readAll(bytes, HEADER_BYTES);
  const name = nameIn(bodies[0]);
  for (const secrets of [bytes, ...bodies]) secrets.fill(0);
  if (name === undefined || init.keys.fileName(name) !== init.base) {
    throw new StoreError("damaged", "A file of the store belongs to no partition");
  }
  return name;
}

function nameIn(body: Buffer | undefined): string | undefined {
  if (body === undefined) return undefined;
  for (const entry of readEntries(body)) return entry.type === "name" ? entry.name : undefined;
  return undefined;
}

function codecFor({ keys, base, kind }: Omit<LogFileInit, "partition">, id: Uint8Array): FrameCodec {
  return new FrameCodec(keys.cipher(base, kind, id), new DataView(id.buffer, id.byteOffset).getUint32(0));
}
