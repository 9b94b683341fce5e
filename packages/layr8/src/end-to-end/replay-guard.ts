import { createHash } from "node:crypto";
import { placeOf } from "./directory-key-store.ts";
import type { KeyStore } from "./key-store.ts";
import { damaged, isOwner, ownerLine, readLines, type OwnFile } from "./own-file.ts";

/** Handled messages that are remembered. */
const MAX_REMEMBERED = 50_000;
/** Senders whose limit is remembered. */
const MAX_SENDERS = 100_000;
/** Stands for what a message does not have. */
const NONE = "-";

/** Whether a message may be handled. `too_old`: others of its sender, which were encrypted at its time or later, are no longer remembered. */
export type Freshness = "new" | "handled" | "too_old";

/** A message, as the guard knows it. */
export interface GuardedMessage {
  readonly sender: string;
  readonly id: string;
  /** When it was encrypted, in seconds since 1970 by its sender's clock. Absent on messages of other implementations. */
  readonly sealedTime: number | undefined;
}

/** What the receipt of a handled message says, if the message asks for one. */
interface HandledOutcome {
  /** Problem code of a failed message. */
  readonly failure?: string | undefined;
  /** Digest of the text that was handled: see `receiptDigest`. */
  readonly digest?: string | undefined;
}

interface Remembered extends HandledOutcome {
  readonly sender: string;
  readonly sealedTime: number | undefined;
}

/**
 * Remembers handled messages, so that a node can't make an agent handle one twice, also after a restart. The oldest ones are forgotten; then messages of the
 * same sender that are not newer are rejected.
 */
export class ReplayGuard {
  readonly #store: KeyStore;
  readonly #file: OwnFile;
  readonly #max: number;
  /** By sender and id, oldest first. */
  readonly #handled = new Map<string, Remembered>();
  /** By sender: what was encrypted until then may be forgotten. */
  readonly #floors = new Map<string, number>();
  #lines = 0;
  #isEmpty = true;
  /** Whether remembered messages may not be in the file, which may end with a part of a line: a write has failed. */
  #isIncomplete = false;
  #writing: Promise<void> = Promise.resolve();
  #waiting: string[] = [];

  private constructor(store: KeyStore, file: OwnFile, max: number) {
    this.#store = store;
    this.#file = file;
    this.#max = max;
  }

  /** @throws EndToEndError `key_store_invalid`; the errors of the store. */
  static async open(store: KeyStore, file: OwnFile, max: number = MAX_REMEMBERED): Promise<ReplayGuard> {
    const guard = new ReplayGuard(store, file, max);
    const place = placeOf(store, file.name);
    const { lines, isCut } = readLines((await store.read(file.name)) ?? "");
    for (const [index, line] of lines.entries()) {
      if (index === 0 && isOwner(line, file, place)) continue;
      if (!guard.#read(line))
        throw damaged(place, index, "It has the messages that were handled: without them, repeated ones would be handled again");
    }
    guard.#isEmpty = lines.length === 0;
    if (guard.#lines > 2 * max || isCut) await guard.#rewrite();
    return guard;
  }

  /** Resolves when nothing is being written. */
  async idle(): Promise<void> {
    await this.#writing.catch(ignore);
  }

  check({ sender, id, sealedTime }: GuardedMessage): Freshness {
    const from = hash(sender);
    if (this.#handled.has(keyOf(from, id))) return "handled";
    const floor = this.#floors.get(from);
    return floor !== undefined && sealedTime !== undefined && sealedTime <= floor ? "too_old" : "new";
  }

  /** The outcome with which a message was recorded. */
  outcomeOf({ sender, id }: GuardedMessage): HandledOutcome {
    return this.#handled.get(keyOf(hash(sender), id)) ?? {};
  }

  /**
   * Remembers a message that was handled. Resolves when it is written, so that it can be acknowledged. Can be repeated if that fails.
   *
   * @param outcome what its receipt reports. The first one counts.
   */
  record({ sender, id, sealedTime }: GuardedMessage, { failure, digest }: HandledOutcome = {}): Promise<void> {
    const from = hash(sender);
    const key = keyOf(from, id);
    if (this.#handled.has(key)) return this.#isIncomplete ? this.#write() : this.#writing;
    const remembered = { sender: from, sealedTime, failure, digest };
    this.#remember(key, remembered);
    return this.#waiting.push(lineOf(key, remembered)) === 1 ? this.#write() : this.#writing;
  }

  #write(): Promise<void> {
    this.#writing = this.#writing.catch(ignore).then(() => this.#flush());
    return this.#writing;
  }

  /** Messages that are handled in one turn of the event loop share a write. */
  async #flush(): Promise<void> {
    const lines = this.#waiting;
    this.#waiting = [];
    const isIncomplete = this.#isIncomplete;
    if (lines.length === 0 && !isIncomplete) return;
    this.#lines += lines.length;
    this.#isIncomplete = true;
    if (isIncomplete || this.#lines > 2 * this.#max) await this.#rewrite();
    else await this.#store.append(this.#file.name, `${this.#isEmpty ? ownerLine(this.#file) : ""}${lines.join("")}`);
    this.#isEmpty = false;
    this.#isIncomplete = false;
  }

  #remember(key: string, remembered: Remembered): void {
    this.#handled.set(key, remembered);
    if (this.#handled.size <= this.#max) return;
    for (const [oldest, { sender, sealedTime }] of this.#handled) {
      this.#handled.delete(oldest);
      if (sealedTime !== undefined) this.#raise(sender, sealedTime);
      return;
    }
  }

  #raise(sender: string, sealedTime: number): void {
    const floor = Math.max(sealedTime, this.#floors.get(sender) ?? 0);
    this.#floors.delete(sender);
    this.#floors.set(sender, floor);
    if (this.#floors.size <= MAX_SENDERS) return;
    for (const [oldest] of this.#floors) {
      this.#floors.delete(oldest);
      return;
    }
  }

  /** @returns whether it is a line of this file. */
  #read(line: string): boolean {
    const [sender = "", id = "", time = "", end, ...outcome] = line.split(" ");
    const sealedTime = time === NONE ? undefined : Number(time);
    const read = readOutcome(outcome);
    if (end !== "." || read === undefined || sender === "" || id === "" || time === "" || Number.isNaN(sealedTime)) return false;
    this.#lines += 1;
    if (id === "*") this.#raise(sender, sealedTime ?? 0);
    else this.#remember(`${sender} ${id}`, { sender, sealedTime, ...read });
    return true;
  }

  async #rewrite(): Promise<void> {
    const floors = Array.from(this.#floors, ([sender, time]) => lineOf(`${sender} *`, { sealedTime: time }));
    const handled = Array.from(this.#handled, ([key, remembered]) => lineOf(key, remembered));
    await this.#store.write(this.#file.name, [ownerLine(this.#file), ...floors, ...handled].join(""));
    this.#isEmpty = false;
    this.#lines = handled.length;
  }
}

/** A line without the parts of an outcome at its end that are absent. Each part ends with a dot, which shows that it is complete. */
function lineOf(key: string, { sealedTime, failure, digest }: Pick<Remembered, "sealedTime"> & HandledOutcome): string {
  const code = failure === undefined ? NONE : Buffer.from(failure).toString("base64url");
  const outcome = digest !== undefined ? ` ${code} . ${digest} .` : failure !== undefined ? ` ${code} .` : "";
  return `${key} ${sealedTime ?? NONE} .${outcome}\n`;
}

/** @returns `undefined` if it is not what `lineOf` writes */
function readOutcome([code, codeEnd, digest, digestEnd, ...more]: readonly string[]): HandledOutcome | undefined {
  if (code === undefined) return {};
  if (codeEnd !== "." || more.length > 0 || (digest !== undefined && digestEnd !== ".")) return undefined;
  return { failure: code === NONE ? undefined : Buffer.from(code, "base64url").toString(), digest };
}

function keyOf(sender: string, id: string): string {
  return `${sender} ${hash(id)}`;
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("base64url").slice(0, 22);
}

function ignore(): void {}
