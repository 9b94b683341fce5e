import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleProgram, gateOrSoak, randomFrom, SEED, temporaryDirectory } from "@parley/test-assertions";
import { expect, onTestFinished, test } from "vitest";
import type { MlsGroup } from "../src/index.ts";
import { MlsEngineError } from "../src/index.ts";
import { openFileStore } from "../src/node/index.ts";
import { agreement, GROUP_ID, groupOf, joined, newEngine, utf8 } from "./world.ts";

const MEMBER = await bundleProgram(fileURLToPath(new URL("fixtures/member.mjs", import.meta.url)));
/** Kills; more by request, to search longer. */
const KILLS = gateOrSoak(4, 120);
/** Bytes that the member publishes before a kill, at most: each kill hits another state. */
const STEP = 50_000;

test(`a member that is killed repeatedly loses no epoch, and uses no key twice (seed ${SEED})`, { timeout: 60_000 * KILLS }, async () => {
  await using directory = await temporaryDirectory();
  const data = join(directory.path, "bob");
  const order = join(directory.path, "order");
  const random = randomFrom(SEED);
  const [alice] = await groupOf(1);
  const bob = await newEngine("bob", { store: await openFileStore(data) });
  const staged = await alice.group.stageAdd([await bob.keyPackage()]);
  await staged.confirm();
  await joined(bob, staged);
  await bob.close();
  await writeFile(order, "");

  let seen = 0;
  let read = 0;
  for (let round = 0; round < KILLS; round++) {
    await runUntilKilled(data, order, (await stat(order)).size + random(STEP));
    const lines = (await readFile(order, "utf8")).split("\n").slice(0, -1);
    for (; seen < lines.length; seen++) if (await take(alice.group, lines[seen] ?? "")) read++;
    const message = await alice.group.encrypt(utf8(`round ${round}`));
    await appendFile(order, `${Buffer.from(message).toString("hex")}\n`);
    seen++;
  }
  expect(read).toBeGreaterThan(KILLS);

  const again = await newEngine("bob", { store: await openFileStore(data) });
  const group = await again.loadGroup(GROUP_ID);
  const { pending } = group;
  const lines = (await readFile(order, "utf8")).split("\n").slice(0, -1);
  if (pending && !lines.includes(Buffer.from(pending.commit).toString("hex"))) await pending.discard();
  for (const line of lines) await take(group, line);
  expect(await agreement(group)).toBe(await agreement(alice.group));
  await again.close();
});

/** Processes a message; only what is of oneself, known or long over may be rejected. */
async function take(group: MlsGroup, line: string): Promise<boolean> {
  try {
    await group.process(new Uint8Array(Buffer.from(line, "hex")));
    return true;
  } catch (error) {
    const isOver =
      error instanceof MlsEngineError &&
      group.ownLeaf === 1 &&
      ["own_message", "epoch_mismatch", "generation_consumed"].includes(error.code);
    if (!isOver) throw error;
    return false;
  }
}

/** Runs the member until the file with the messages has more bytes. */
async function runUntilKilled(data: string, order: string, bytes: number): Promise<void> {
  const child = spawn(process.execPath, [MEMBER, data, order], { stdio: ["ignore", "ignore", "inherit"] });
  const exited = once(child, "exit");
  onTestFinished(() => void child.kill("SIGKILL"));
  const published = async (): Promise<void> => {
    await expect.poll(async () => (await stat(order)).size, { interval: 5 }).toBeGreaterThan(bytes);
  };
  await Promise.race([published(), exited.then(() => expect.unreachable("the process failed"))]);
  child.kill("SIGKILL");
  await exited;
}
