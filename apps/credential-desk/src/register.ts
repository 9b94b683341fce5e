import { readFile, rename, writeFile } from "node:fs/promises";
import { BitstringStatusList } from "@parley/vc";

/** Who was given which place in the status list. */
type Entry = { readonly name: string; readonly did: string; readonly index: number };

type Saved = { readonly encodedList: string; readonly entries: readonly Entry[] };

/** The desk's register: whom it issued credentials to, and which of them it has revoked. Kept in a file. */
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

  /** @param id URL at which the status list will be published. */
  static async open(path: string, id: string): Promise<Register> {
    const saved = await read(path);
    if (saved === undefined) return new Register(path, BitstringStatusList.create({ id, statusPurpose: "revocation" }), []);
    return new Register(path, await BitstringStatusList.decode(saved.encodedList, { id, statusPurpose: "revocation" }), saved.entries);
  }

  /** Gives a new credential its place, at random: places in a row would tell who came when. */
  async add(name: string, did: string): Promise<number> {
    const taken = new Set(this.#entries.map(({ index }) => index));
    let index: number;
    do index = Math.floor(Math.random() * this.list.length);
    while (taken.has(index));
    this.#entries.push({ name, did, index });
    await this.#save();
    return index;
  }

  /** Revokes every credential of somebody. @returns how many there were. */
  async revoke(name: string): Promise<number> {
    const theirs = this.#entries.filter((entry) => entry.name === name);
    for (const { index } of theirs) this.list.set(index, true);
    await this.#save();
    return theirs.length;
  }

  /** One write at a time, each with everything so far. */
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
