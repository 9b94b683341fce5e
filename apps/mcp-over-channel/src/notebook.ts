import { appendFile, readFile, truncate } from "node:fs/promises";

/** A note and its author. */
export interface Note {
  readonly author: string;
  readonly text: string;
}

/** Notes in a file, one JSON object per line. */
export class Notebook {
  readonly #path: string;
  readonly #notes: Note[];

  private constructor(path: string, notes: Note[]) {
    this.#path = path;
    this.#notes = notes;
  }

  static async open(path: string): Promise<Notebook> {
    const content = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return "";
      throw error;
    });
    // A process killed during a write leaves an incomplete last line. Its note was never confirmed.
    const whole = content.slice(0, content.lastIndexOf("\n") + 1);
    if (whole !== content) await truncate(path, Buffer.byteLength(whole));
    const lines = whole.split("\n").slice(0, -1);
    return new Notebook(
      path,
      lines.map((line) => JSON.parse(line) as Note),
    );
  }

  get notes(): readonly Note[] {
    return this.#notes;
  }

  async add(note: Note): Promise<void> {
    await appendFile(this.#path, `${JSON.stringify(note)}\n`);
    this.#notes.push(note);
  }

  find(words: string): Note[] {
    const wanted = words.toLowerCase();
    return this.#notes.filter(({ text }) => text.toLowerCase().includes(wanted));
  }
}

export function show({ author, text }: Note): string {
  return `${author}: ${text}`;
}
