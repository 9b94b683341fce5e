import { chmod, mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";

/**
 * Stores what an agent that holds its keys itself must not lose: private keys, the keys of other agents, and ids of received messages. Texts by name;
 * names have letters, digits, `.`, `_` and `-` only.
 */
export interface KeyStore {
  /** Resolves to `undefined` for an unknown name. */
  read(name: string): Promise<string | undefined>;
  /** Replaces a text. Resolves when it is durable; a crash leaves the former one. */
  write(name: string, text: string): Promise<void>;
  /** Appends to a text, creating it if necessary. A crash may leave a part of what is appended. */
  append(name: string, text: string): Promise<void>;
}

const OWNER_ONLY = 0o600;

/** A key store in a directory. Only its owner can read it. */
export class DirectoryKeyStore implements KeyStore {
  readonly #directory: string;
  #created: Promise<void> | undefined;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async read(name: string): Promise<string | undefined> {
    try {
      return await readFile(this.#path(name), "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  async write(name: string, text: string): Promise<void> {
    await this.#create();
    const path = this.#path(name);
    const temporary = `${path}.new`;
    const file = await open(temporary, "w", OWNER_ONLY);
    try {
      // A file of that name may be left from before, with other rights.
      await file.chmod(OWNER_ONLY);
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    const directory = await open(this.#directory, "r");
    await directory.sync().catch(() => undefined);
    await directory.close();
  }

  async append(name: string, text: string): Promise<void> {
    await this.#create();
    const file = await open(this.#path(name), "a", OWNER_ONLY);
    try {
      await file.writeFile(text);
    } finally {
      await file.close();
    }
  }

  #create(): Promise<void> {
    this.#created ??= createDirectory(this.#directory);
    return this.#created;
  }

  #path(name: string): string {
    return join(this.#directory, name);
  }
}

/** The directory is the owner's alone, whatever the process's mask is. One that exists is left as it is: its files are the owner's alone too. */
async function createDirectory(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true, mode: 0o700 });
  if (first !== undefined) await chmod(directory, 0o700);
}
