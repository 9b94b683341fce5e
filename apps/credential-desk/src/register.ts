import { readFile, rename, writeFile } from "node:fs/promises";
import type { JsonObject } from "layr8";

/** An issued credential: whom it is about, and what is needed to revoke it. */
export type Entry = { readonly name: string; readonly did: string; readonly credentialStatus: JsonObject | readonly JsonObject[] };

/** The register of issued credentials, stored in a file. */
export class Register {
  readonly #path: string;
  readonly #entries: Entry[];
  #saved: Promise<void> = Promise.resolve();

  private constructor(path: string, entries: readonly Entry[]) {
    this.#path = path;
    this.#entries = [...entries];
  }

  static async open(path: string): Promise<Register> {
    return new Register(path, (await read(path)) ?? []);
  }

  /** Adds a credential. Resolves when it is on disk. */
  async add(entry: Entry): Promise<void> {
    this.#entries.push(entry);
    await this.#save();
  }

  /** The credentials of a name. */
  entriesOf(name: string): readonly Entry[] {
    return this.#entries.filter((entry) => entry.name === name);
  }

  /** Writes in sequence, each time the complete register. */
  #save(): Promise<void> {
    this.#saved = this.#saved.then(
      () => this.#write(),
      () => this.#write(),
    );
    return this.#saved;
  }

  async #write(): Promise<void> {
    await writeFile(`${this.#path}.new`, JSON.stringify(this.#entries), { mode: 0o600, flush: true });
    await rename(`${this.#path}.new`, this.#path);
  }
}

async function read(path: string): Promise<readonly Entry[] | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as readonly Entry[];
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
