import type { FileSystem, OpenFile } from "../../src/store/file/file-system.ts";

/** A source of numbers from 0 up to 1. */
export type Random = () => number;

/** What happens at the operation that a disk is told to fail at. */
export type Fault = "crash" | "kill" | "EIO" | "ENOSPC";

type Change = { readonly write: Buffer; readonly position: number } | { readonly truncate: number };
type NameChange = { readonly removed?: string; readonly added?: { readonly name: string; readonly inode: Inode } };

/** A file: what is on disk of it, and what was written since. */
interface Inode {
  durable: Buffer;
  current: Buffer;
  pending: Change[];
}

/**
 * A disk in memory that counts operations, and fails or loses power at the one that it is told to. After a crash there is what was synced,
 * and any part of what was not: each write whole, in part, or not at all, in any order, with zeros where a file has grown past it.
 */
export class CrashingFiles implements FileSystem {
  #durable: Map<string, Inode>;
  #current: Map<string, Inode>;
  #pendingNames: NameChange[] = [];
  #fault: { readonly at: number; readonly kind: Fault } | undefined;
  #hasCrashed = false;
  /** Operations so far that change something. */
  operations = 0;

  constructor(files: ReadonlyMap<string, Buffer> = new Map()) {
    this.#durable = new Map(Array.from(files, ([name, bytes]) => [name, { durable: bytes, current: bytes, pending: [] }]));
    this.#current = new Map(this.#durable);
  }

  /** Makes the operation that is the `at`-th from now fail. */
  failAt(at: number, kind: Fault): void {
    this.#fault = { at: this.operations + at, kind };
  }

  /** The files as they can be read now, by name. */
  contents(): Map<string, Buffer> {
    return new Map(Array.from(this.#current, ([name, { current }]) => [name, Buffer.from(current)]));
  }

  /** The process is dead, the system is not: another process finds everything that was written, on disk or not. */
  afterKill(): this {
    this.#hasCrashed = false;
    this.#fault = undefined;
    return this;
  }

  /** The power has failed. Ends everything, and gives a disk with what has remained. */
  afterCrash(random: Random): CrashingFiles {
    this.#hasCrashed = true;
    const names = new Map(this.#durable);
    for (const change of this.#pendingNames) if (random() < 0.5) rename(names, change);
    return new CrashingFiles(new Map(Array.from(names, ([name, inode]) => [name, remains(inode, random)])));
  }

  async makeDirectory(): Promise<void> {}

  async syncDirectory(): Promise<void> {
    this.#operate();
    for (const change of this.#pendingNames.splice(0)) rename(this.#durable, change);
  }

  async list(): Promise<string[]> {
    this.#alive();
    return Array.from(this.#current.keys(), (path) => path.slice(path.lastIndexOf("/") + 1));
  }

  async read(path: string, maxBytes?: number): Promise<Buffer | undefined> {
    this.#alive();
    const inode = this.#current.get(path);
    return inode && Buffer.from(inode.current.subarray(0, maxBytes));
  }

  async create(path: string): Promise<OpenFile> {
    this.#operate();
    const inode: Inode = { durable: Buffer.alloc(0), current: Buffer.alloc(0), pending: [] };
    this.#name({ added: { name: path, inode } });
    return this.#opened(inode);
  }

  async open(path: string): Promise<OpenFile> {
    this.#alive();
    const inode = this.#current.get(path);
    if (inode === undefined) throw errno("ENOENT");
    return this.#opened(inode);
  }

  async rename(from: string, to: string): Promise<void> {
    this.#operate();
    const inode = this.#current.get(from);
    if (inode === undefined) throw errno("ENOENT");
    this.#name({ removed: from, added: { name: to, inode } });
  }

  async remove(path: string): Promise<void> {
    this.#operate();
    if (this.#current.has(path)) this.#name({ removed: path });
  }

  #opened(inode: Inode): OpenFile {
    const change = (made: Change): void => {
      inode.pending.push(made);
      inode.current = applied(inode.current, made);
    };
    return {
      write: async (bytes, position) => {
        const write = Buffer.from(bytes);
        // A full disk takes what fits. A crash may come when all is written, or nothing.
        this.#operate(() => change({ write: write.subarray(0, write.length >> 1), position }));
        change({ write, position });
      },
      truncate: async (length) => {
        this.#operate();
        change({ truncate: length });
      },
      sync: async () => {
        // After a failure the system may take what it could not write for written, and show it until the power fails.
        this.#operate(() => (inode.pending = []));
        for (const made of inode.pending.splice(0)) inode.durable = applied(inode.durable, made);
      },
      close: async () => this.#alive(),
    };
  }

  #name(change: NameChange): void {
    this.#pendingNames.push(change);
    rename(this.#current, change);
  }

  #operate(onFailure?: () => void): void {
    this.#alive();
    this.operations += 1;
    if (this.operations !== this.#fault?.at) return;
    const { kind } = this.#fault;
    this.#hasCrashed = kind === "crash" || kind === "kill";
    if (kind !== "crash" && kind !== "kill") onFailure?.();
    throw errno(kind);
  }

  #alive(): void {
    if (this.#hasCrashed) throw errno("crash");
  }
}

function errno(code: string): Error {
  return Object.assign(new Error(`simulated ${code}`), { code });
}

function rename(names: Map<string, Inode>, { removed, added }: NameChange): void {
  if (removed !== undefined) names.delete(removed);
  if (added !== undefined) names.set(added.name, added.inode);
}

function applied(bytes: Buffer, change: Change): Buffer {
  if ("truncate" in change) return Buffer.concat([bytes], change.truncate);
  const result = Buffer.concat([bytes], Math.max(bytes.length, change.position + change.write.length));
  change.write.copy(result, change.position);
  return result;
}

/** A possible content of a file after a crash. */
function remains({ durable, pending }: Inode, random: Random): Buffer {
  let bytes = durable;
  for (const change of pending) {
    const dice = random();
    if (dice < 0.4) bytes = applied(bytes, change);
    else if ("write" in change && dice < 0.8) {
      const from = random() < 0.5 ? 0 : Math.floor(random() * (change.write.length + 1));
      const to = from + Math.floor(random() * (change.write.length - from + 1));
      const hasGrown = random() < 0.5;
      if (hasGrown) bytes = applied(bytes, { truncate: Math.max(bytes.length, change.position + change.write.length) });
      if (to > from) bytes = applied(bytes, { write: change.write.subarray(from, to), position: change.position + from });
    }
  }
  return bytes;
}
