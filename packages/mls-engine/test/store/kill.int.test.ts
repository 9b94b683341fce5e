import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleProgram, gateOrSoak, randomFrom, SEED, temporaryDirectory } from "@parley/test-assertions";
import { expect, it, onTestFinished } from "vitest";
import { openFileStore } from "../../src/node/index.ts";
import { rowsOf } from "./open-files.ts";

const LOAD = await bundleProgram(fileURLToPath(new URL("fixtures/store-load.mjs", import.meta.url)));
const ROUNDS = gateOrSoak(4, 100);
/** Flushes before a kill, at most: each kill hits another state. */
const STEP = 80;

async function start(...parameters: string[]): Promise<{ kill: () => Promise<void> }> {
  const child = spawn(process.execPath, [LOAD, ...parameters], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  onTestFinished(() => void child.kill("SIGKILL"));
  await Promise.race([once(child.stdout, "data"), exited.then(() => expect.unreachable("the process ended too soon"))]);
  const kill = async () => {
    child.kill("SIGKILL");
    const [, signal] = (await exited) as [number | null, NodeJS.Signals | null];
    expect(signal).toBe("SIGKILL");
  };
  return { kill };
}

it.each(["plain", "encrypted"])(`a store that is killed under load keeps its guarantees (%s, seed ${SEED})`, async (kind) => {
  const random = randomFrom(SEED);
  await using directory = await temporaryDirectory();
  const data = join(directory.path, "data");
  const key = randomBytes(32);
  const parameters = kind === "encrypted" ? [key.toString("hex")] : [];
  const encryptionKey = kind === "encrypted" ? { encryptionKey: key } : {};
  for (let round = 0; round < ROUNDS; round += 1) {
    const logFile = join(directory.path, `${round}.log`);
    const { kill } = await start(data, logFile, ...parameters);
    const flushes = async () => (await readFile(logFile, "utf8")).split("\ndurable ").length - 1;
    await expect.poll(flushes, { interval: 5 }).toBeGreaterThan(25 + random(STEP));
    await kill();
    const notes = (await readFile(logFile, "utf8")).split("\n").slice(0, -1);
    await using store = await openFileStore(data, encryptionKey);
    for (const name of ["a", "b"]) {
      const numbers = (what: string) =>
        notes.filter((note) => note.startsWith(`${what} ${name} `)).map((note) => Number(note.split(" ")[2]));
      const durable = Math.max(0, ...numbers("durable"));
      const rows = rowsOf(await store.open(name));
      const last = Number.parseInt(rows["last"] ?? "0", 10);
      expect(last).toBeGreaterThanOrEqual(durable);
      expect(last).toBeLessThanOrEqual(Math.max(durable, last, ...numbers("wrote")));
      // Everything up to the last batch is there, and nothing of a later one.
      expect(rows).toEqual(rowsAfter(last));
    }
  }
});

it("a store cannot be opened while another process has it open", async () => {
  await using directory = await temporaryDirectory();
  const data = join(directory.path, "data");
  const { kill } = await start(data, join(directory.path, "log"));
  await expect(openFileStore(data)).rejects.toMatchObject({ code: "locked" });
  await kill();
  await (await openFileStore(data)).close();
});

/** The rows after a number of batches of the load. */
function rowsAfter(last: number): Record<string, string> {
  const value = (number: number) => String(number).padEnd(66, ".");
  const rows: Record<string, string> = last === 0 ? {} : { last: value(last) };
  for (let number = Math.max(1, last - 49); number <= last; number += 1) rows[`ring/${number % 50}`] = value(number);
  if (last >= 10) rows["tree"] = value(last - (last % 10));
  return rows;
}
