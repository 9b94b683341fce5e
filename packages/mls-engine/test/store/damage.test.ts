import { describe, expect, it } from "vitest";
import { StoreError } from "../../src/index.ts";
import { CrashingFiles } from "./crashing-files.ts";
import { openOn, put, rowsOf } from "./open-files.ts";

const KEY = new Uint8Array(32).fill(1);
const KINDS = [
  { name: "plain", options: {} },
  { name: "encrypted", options: { encryptionKey: KEY } },
];
type Options = (typeof KINDS)[number]["options"];
type State = Record<string, string>;

/** A partition's history: five flushes, with secret rows and public ones. */
const BATCHES = [
  [put("ratchet", "0"), put("tree/0", "leaf", true)],
  [put("ratchet", "1"), put("skipped/7", "secret")],
  [put("tree/0", "another leaf", true), put("tree/1", "leaf", true), put("epoch", "1")],
  [put("ratchet", "2"), { key: "skipped/7", value: undefined }],
  [put("ratchet", "3")],
];
const STATES: readonly State[] = [
  {},
  { ratchet: "0", "tree/0": "leaf" },
  { ratchet: "1", "tree/0": "leaf", "skipped/7": "secret" },
  { ratchet: "1", "tree/0": "another leaf", "tree/1": "leaf", epoch: "1", "skipped/7": "secret" },
  { ratchet: "2", "tree/0": "another leaf", "tree/1": "leaf", epoch: "1" },
  { ratchet: "3", "tree/0": "another leaf", "tree/1": "leaf", epoch: "1" },
];

interface Written {
  readonly contents: ReadonlyMap<string, Buffer>;
  readonly log: string;
  readonly rows: string;
  /** Length of the log after each batch. */
  readonly lengths: readonly number[];
}

async function written(options: Options): Promise<Written> {
  const files = new CrashingFiles();
  const store = await openOn(files, options);
  const partition = await store.open("p");
  const lengths: number[] = [];
  for (const batch of BATCHES) {
    await partition.write(batch, "durable");
    lengths.push(named(files.contents(), ".log").bytes.length);
  }
  await store.close();
  const contents = files.contents();
  return { contents, log: named(contents, ".log").name, rows: named(contents, ".rows").name, lengths };
}

function named(contents: ReadonlyMap<string, Buffer>, ending: string): { name: string; bytes: Buffer } {
  for (const [name, bytes] of contents) if (name.endsWith(ending)) return { name, bytes };
  throw new Error(`no file ends in ${ending}`);
}

/** What opening gives: rows, or the code of the rejection. */
async function read(contents: ReadonlyMap<string, Buffer>, options: Options): Promise<{ found: State | string; files: CrashingFiles }> {
  const files = new CrashingFiles(contents);
  try {
    const store = await openOn(files, options);
    const found = rowsOf(await store.open("p"));
    await store.close();
    return { found, files };
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return { found: error.code, files };
  }
}

function changed({ contents }: Written, name: string, change: (bytes: Buffer) => Buffer): Map<string, Buffer> {
  return new Map(contents).set(name, change(Buffer.from(contents.get(name) ?? [])));
}

function flip(at: number, bit: number): (bytes: Buffer) => Buffer {
  return (bytes) => {
    bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << bit), at);
    return bytes;
  };
}

describe.each(KINDS)("A store in files ($name)", ({ options }) => {
  it("cuts a torn tail at every length, and continues from the last complete flush", async () => {
    const store = await written(options);
    const first = store.lengths[0] ?? 0;
    for (let length = first; length < (store.lengths.at(-1) ?? 0); length += 1) {
      const whole = store.lengths.filter((each) => each <= length).length;
      const { found, files } = await read(
        changed(store, store.log, (bytes) => bytes.subarray(0, length)),
        options,
      );
      expect(found).toEqual(STATES[whole]);
      expect(files.contents().get(store.log)).toHaveLength(store.lengths[whole - 1] ?? 0);
    }
  });

  it("reports every flush that is missing at the end of the log, and none if the record of its end is missing or damaged", async () => {
    const store = await written(options);
    const { name: note, bytes } = named(store.contents, ".end");
    const wasCut = async (length: number, noted: Buffer | undefined): Promise<boolean | undefined> => {
      const contents = changed(store, store.log, (log) => log.subarray(0, length));
      if (noted === undefined) contents.delete(note);
      else contents.set(note, noted);
      await using opened = await openOn(new CrashingFiles(contents), options);
      return (await opened.open("p")).wasCut;
    };
    const end = store.lengths.at(-1) ?? 0;
    for (const length of store.lengths) {
      expect(await wasCut(length, bytes)).toBe(length < end);
      expect(await wasCut(length, undefined)).toBe(false);
      for (let at = 0; at < bytes.length; at += 1) expect(await wasCut(length, flip(at, at % 8)(Buffer.from(bytes)))).toBe(false);
      expect(await wasCut(length, bytes.subarray(0, -1))).toBe(false);
    }
  });

  it("cuts a tail that was allocated but not completely written", async () => {
    const store = await written(options);
    const [start = 0, end = 0] = store.lengths.slice(-2);
    for (let from = start; from < end; from += 1) {
      const { found } = await read(
        changed(store, store.log, (bytes) => bytes.fill(0, from, end)),
        options,
      );
      expect(found).toEqual(STATES[4]);
      const { found: foundToo } = await read(
        changed(store, store.log, (bytes) => bytes.fill(0, start, from + 1)),
        options,
      );
      expect(foundToo).toEqual(STATES[4]);
    }
  });

  it("reports every flipped bit of the log before the last flush, and cuts at most that one", async () => {
    const store = await written(options);
    const [last = 0, end = 0] = store.lengths.slice(-2);
    for (let at = 0; at < end; at += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const { found } = await read(changed(store, store.log, flip(at, bit)), options);
        expect(at < last ? ["damaged", "format_unsupported"] : [STATES[4]]).toContainEqual(found);
      }
    }
  });

  it("reports every flipped bit and every truncation of the public rows and the store file", async () => {
    const store = await written(options);
    const names = [store.rows, "/store/store"];
    for (const name of names) {
      for (let at = 0; at < (store.contents.get(name)?.length ?? 0); at += 1) {
        const { found } = await read(changed(store, name, flip(at, at % 8)), options);
        expect(["damaged", "format_unsupported"]).toContain(found);
        const { found: shortened } = await read(
          changed(store, name, (bytes) => bytes.subarray(0, at)),
          options,
        );
        expect(shortened).toBe("damaged");
      }
    }
  });

  it("reports removed, duplicated and swapped frames", async () => {
    const store = await written(options);
    const [a = 0, b = 0, c = 0, d = 0] = store.lengths;
    const part = (bytes: Buffer, from: number, to?: number) => bytes.subarray(from, to);
    const changes: ((bytes: Buffer) => Buffer)[] = [
      (bytes) => Buffer.concat([part(bytes, 0, a), part(bytes, b)]),
      (bytes) => Buffer.concat([part(bytes, 0, b), part(bytes, a)]),
      (bytes) => Buffer.concat([part(bytes, 0, a), part(bytes, b, c), part(bytes, a, b), part(bytes, c)]),
      (bytes) => Buffer.concat([part(bytes, 0, c), Buffer.alloc(40), part(bytes, c)]),
    ];
    const found = await Promise.all(changes.map(async (change) => (await read(changed(store, store.log, change), options)).found));
    // A frame is invalid at another position. So if no frame at its own position follows, the rest counts as a torn tail.
    for (const each of found) expect(["damaged", ...STATES]).toContainEqual(each);
    expect(found[2]).toBe("damaged");
    const again = await read(
      changed(store, store.log, (bytes) => Buffer.concat([bytes, part(bytes, d)])),
      options,
    );
    expect(again.found).toEqual(STATES[5]);
  });

  it("reports missing files and those of another partition", async () => {
    const store = await written(options);
    const without = (name: string) => new Map(Array.from(store.contents).filter(([each]) => each !== name));
    expect((await read(without(store.rows), options)).found).toBe("damaged");
    expect((await read(without("/store/store"), options)).found).toBe("damaged");

    const files = new CrashingFiles(store.contents);
    const opened = await openOn(files, options);
    const other = await opened.open("other");
    await other.write([put("ratchet", "other's"), put("tree/0", "other's", true)], "durable");
    await opened.close();
    const contents = files.contents();
    const others = Array.from(contents.keys()).filter((name) => !store.contents.has(name));
    const othersLog = others.find((name) => name.endsWith(".log")) ?? "";
    const othersRows = others.find((name) => name.endsWith(".rows")) ?? "";
    const swapped = new Map(contents).set(store.log, contents.get(othersLog) ?? Buffer.alloc(0));
    expect((await read(swapped, options)).found).toBe("damaged");
    const swappedRows = new Map(contents).set(store.rows, contents.get(othersRows) ?? Buffer.alloc(0));
    expect((await read(swappedRows, options)).found).toBe("damaged");
    await expect((await openOn(new CrashingFiles(swapped), options)).partitions()).rejects.toMatchObject({ code: "damaged" });
  });

  it("reports a later format version", async () => {
    const store = await written(options);
    for (const name of ["/store/store", store.log, store.rows]) {
      const { found } = await read(
        changed(store, name, (bytes) => bytes.fill(2, 7, 8)),
        options,
      );
      expect(found).toBe("format_unsupported");
    }
  });
});
