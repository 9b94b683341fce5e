import assert from "node:assert/strict";
import type { Environment } from "../environment.ts";
import type { Table } from "../table.ts";

/** One requirement on every {@link Environment}. Run each with a new, empty environment. */
export interface EnvironmentCheck {
  /** A statement about the environment, for the name of a test. */
  readonly name: string;
  run(environment: Environment): Promise<void>;
}

/** The compliance suite of {@link Environment}. */
export const ENVIRONMENT_CHECKS: readonly EnvironmentCheck[] = [
  {
    name: "stores, replaces and removes records",
    async run(environment) {
      const table = await filled(environment, { b: "2", a: "1", c: "3" });
      put(environment, table, { a: "4" });
      environment.writes.remove(table, Buffer.from("b"));
      environment.writes.remove(table, Buffer.from("unknown"));
      await environment.writes.flush();
      assert.deepEqual(read(table, {}), ["a=4", "c=3"]);
      assert.equal(table.size, 2);
      assert.deepEqual([table.has(Buffer.from("a")), table.has(Buffer.from("b"))], [true, false]);
      assert.equal(table.get(Buffer.from("b")), undefined);
    },
  },
  {
    name: "iterates in key order, from start up to and without end, within the limit",
    async run(environment) {
      const table = await filled(environment, { d: "", b: "", a: "", bb: "", c: "" });
      const range = { start: Buffer.from("b"), end: Buffer.from("d") };
      assert.deepEqual(read(table, range), ["b=", "bb=", "c="]);
      assert.deepEqual(read(table, { ...range, limit: 2 }), ["b=", "bb="]);
      assert.deepEqual(read(table, { limit: 0 }), []);
      assert.deepEqual(
        Array.from(table.getKeys({ limit: 1 }), (key) => Buffer.from(key).toString()),
        ["a"],
      );
    },
  },
  {
    name: "keeps tables apart",
    async run(environment) {
      const table = await filled(environment, { a: "1" });
      assert.equal(environment.table("others").size, 0);
      assert.deepEqual(read(environment.table("things"), {}), read(table, {}));
    },
  },
  {
    name: "applies the last of several writes of one key",
    async run(environment) {
      const table = environment.table("things");
      put(environment, table, { a: "1" });
      environment.writes.remove(table, Buffer.from("a"));
      put(environment, table, { a: "2" });
      await environment.writes.flush();
      assert.deepEqual(read(table, {}), ["a=2"]);
    },
  },
  {
    name: "moves a record that is set aside to the table of damaged records",
    async run(environment) {
      const table = await filled(environment, { a: "1", b: "2" });
      assert.notEqual(table.setAside(environment.writes, Buffer.from("a")), undefined);
      assert.equal(table.setAside(environment.writes, Buffer.from("unknown")), undefined);
      await environment.writes.flush();
      assert.deepEqual(read(table, {}), ["b=2"]);
      const keys = Array.from(environment.table("damaged").getKeys({}), (key) => Buffer.from(key).toString());
      assert.deepEqual(keys, ["things\0a"]);
    },
  },
  {
    name: "rejects writes after its queue is closed",
    async run(environment) {
      const table = await filled(environment, { a: "1" });
      await environment.writes.close();
      put(environment, table, { a: "2" });
      await assert.rejects(environment.writes.flush(), { name: "StorageError", code: "storage_failed" });
      assert.deepEqual(read(table, {}), ["a=1"]);
    },
  },
];

async function filled(environment: Environment, records: Readonly<Record<string, string>>): Promise<Table> {
  const table = environment.table("things");
  put(environment, table, records);
  await environment.writes.flush();
  return table;
}

function put({ writes }: Environment, table: Table, records: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(records)) writes.put(table, Buffer.from(key), Buffer.from(value));
}

function read(table: Table, range: Parameters<Table["getRange"]>[0]): string[] {
  return Array.from(table.getRange(range), ({ key, value }) => `${Buffer.from(key).toString()}=${Buffer.from(value).toString()}`);
}
