import { readFile, rename, writeFile } from "node:fs/promises";
import { BitstringStatusList } from "@parley/vc";

/** A credential: the name of its subject, and its index in the status list. */
type Entry = { readonly name: string; readonly did: string; readonly index: number };

type Saved = { readonly encodedList: string; readonly entries: readonly Entry[] };

/** The register of issued and revoked credentials, stored in a file. */
export class Register {
  readonly list: BitstringStatusList;
  readonly #path: string;
  readonly #entries: Entry[];
  #saved: Promise<void> = Promise.resolve();

  private constructor(path: string, list: BitstringStatusList, entries: readonly Entry[]) {
    this.#path = path;
    this.list = list;
    this.#entries = [...entries];
  }

  /** @param id URL at which the status list is published. */
  static async open(path: string, id: string): Promise<Register> {
    const saved = await read(path);
    if (saved === undefined) return new Register(path, BitstringStatusList.create({ id, statusPurpose: "revocation" }), []);
    return new Register(path, await BitstringStatusList.decode(saved.encodedList, { id, statusPurpose: "revocation" }), saved.entries);
  }

  /** Assigns a random index to a new credential: consecutive indexes would reveal the order of issuance. */
  async add(name: string, did: string): Promise<number> {
    const taken = new Set(this.#entries.map(({ index }) => index));
    let index: number;
    do index = Math.floor(Math.random() * this.list.length);
    while (taken.has(index));
    this.#entries.push({ name, did, index });
    await this.#save();
    return index;
  }

  /** Revokes every credential of a name. @returns their number. */
  async revoke(name: string): Promise<number> {
    const theirs = this.#entries.filter((entry) => entry.name === name);
    for (const { index } of theirs) this.list.set(index, true);
    await this.#save();
    return theirs.length;
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
    const saved: Saved = { encodedList: await this.list.encode(), entries: this.#entries };
    await writeFile(`${this.#path}.new`, JSON.stringify(saved), { mode: 0o600, flush: true });
    await rename(`${this.#path}.new`, this.#path);
  }
}

async function read(path: string): Promise<Saved | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as Saved;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
