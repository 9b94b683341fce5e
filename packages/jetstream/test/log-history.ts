import { SharedLog, type JetstreamConnection, type LogApplication, type LogPlace, type LogRecord } from "../src/index.ts";

/** An application that keeps the texts of all entries: what a log's readers see. */
export class History implements LogApplication {
  /** By number: the first is at index 0. Undefined where only the head was read. */
  readonly texts: (string | undefined)[] = [];
  readonly records: LogRecord[] = [];
  restored: string | undefined;
  log!: SharedLog;

  static async open(connection: JetstreamConnection, place: LogPlace): Promise<History> {
    const history = new History();
    history.log = await SharedLog.open(connection, place, history);
    return history;
  }

  restore(state: Uint8Array): void {
    this.restored = Buffer.from(state).toString();
  }

  apply(record: LogRecord): void {
    this.records.push(record);
    for (let index = 0; index < record.count; index++) {
      const entry = record.entries?.[index];
      this.texts[record.first - 1 + index] = entry === undefined ? undefined : Buffer.from(entry).toString();
    }
  }

  state(): Uint8Array {
    return Buffer.from(`before ${this.log.next}`);
  }

  now(): number {
    return Date.now();
  }

  /** Appends texts as one record. Returns the number of the first. */
  async append(...texts: readonly string[]): Promise<number> {
    const record = await this.log.append(() => ({ entries: texts.map((text) => Buffer.from(text)) }));
    if (record === undefined) throw new Error("a draft with entries leads to a record");
    return record.first;
  }

  /** All texts, those of which only heads were read from the stream. */
  async all(): Promise<string[]> {
    await this.log.catchUp();
    const texts: string[] = [];
    for (const { seq, entries } of this.records) {
      for (const entry of entries ?? (await this.log.read(seq)) ?? []) texts.push(Buffer.from(entry).toString());
    }
    return texts;
  }
}
