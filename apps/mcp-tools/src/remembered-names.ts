import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/** The names of the channels, stored in a file to open them after a restart. */
export class RememberedNames {
  readonly #path: string | undefined;
  readonly #names: Set<string>;
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string | undefined, names: Iterable<string>) {
    this.#path = path;
    this.#names = new Set(names);
  }

  /** @param path `undefined` stores nothing. */
  static async open(path: string | undefined): Promise<RememberedNames> {
    return new RememberedNames(path, path === undefined ? [] : await read(path));
  }

  [Symbol.iterator](): Iterator<string> {
    return [...this.#names][Symbol.iterator]();
  }

  async add(name: string): Promise<void> {
    if (this.#names.has(name)) return;
    this.#names.add(name);
    await this.#write();
  }

  async delete(name: string): Promise<void> {
    if (this.#names.delete(name)) await this.#write();
  }

  /** Writes in sequence and atomically. */
  async #write(): Promise<void> {
    const path = this.#path;
    if (path === undefined) return;
    const writing = this.#writeAfter(this.#writing, path);
    this.#writing = writing.catch(() => undefined);
    await writing;
  }

  async #writeAfter(earlier: Promise<void>, path: string): Promise<void> {
    await earlier;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(`${path}.part`, JSON.stringify([...this.#names]), { mode: 0o600 });
    await rename(`${path}.part`, path);
  }
}

async function read(path: string): Promise<string[]> {
  try {
    const names: unknown = JSON.parse(await readFile(path, "utf8"));
    return Array.isArray(names) ? names.filter((name) => typeof name === "string") : [];
  } catch (error) {
    // Without the list, a channel is opened by the first tool that uses it.
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
