import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createMessage, encodePlaintext } from "@parley/core";
import { bundleProgram, gateOrSoak, randomFrom, SEED, temporaryDirectory } from "@parley/test-assertions";
import { expect, it } from "vitest";
import { backupNode, restoreNode } from "../src/backup.ts";
import { startNode } from "../src/node.ts";
import { RawAgent } from "./raw-agent.ts";

const LOOP = await bundleProgram(fileURLToPath(new URL("fixtures/backup-loop.mjs", import.meta.url)));
const ROUNDS = gateOrSoak(4, 100);
const ALICE = "did:web:localhost:alice";
const MESSAGES = 100;

/** Fills the inbox of an agent, so that a backup takes a moment. */
async function fill(dataDir: string): Promise<void> {
  const node = await startNode({ port: 0, dataDir, logger: false });
  const alice = await RawAgent.join(node, { did: ALICE, protocols: ["https://example.com/p/1.0"] });
  const text = "x".repeat(50_000);
  for (let id = 0; id < MESSAGES; id++) {
    const message = createMessage({ id: String(id), type: "https://example.com/q/1.0/do", from: ALICE, to: ALICE, body: { text } });
    await alice.send(encodePlaintext(message));
  }
  alice.close();
  await node.close();
}

/** Bytes of all files of a folder that is being written. */
async function bytesIn(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true });
  // A file may have another name by now.
  const sizes = names.map((name) =>
    stat(join(folder, name)).then(
      (found) => (found.isFile() ? found.size : 0),
      () => 0,
    ),
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

it(
  `a process that is killed during a backup leaves no half backup that passes for a whole one (seed ${SEED})`,
  { timeout: 600_000 },
  async () => {
    const random = randomFrom(SEED);
    const directory = await temporaryDirectory();
    await fill(join(directory.path, "data"));
    const outcomes: (readonly [kind: string, outcome: string])[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const folder = join(directory.path, `round-${round}`);
      await mkdir(folder);
      await backupNode({ dataDir: join(directory.path, "data"), backup: join(folder, "seed") });
      await restoreNode({ backup: join(folder, "seed"), dataDir: join(folder, "data") });
      const [before, backupBytes] = [await bytesIn(folder), await bytesIn(join(folder, "seed"))];
      const child = spawn(process.execPath, [LOOP, folder], { stdio: ["ignore", "pipe", "inherit"] });
      const exited = once(child, "exit");
      await once(child.stdout, "data");
      // At any place of the first backup or of the second one.
      const goal = before + random(2 * backupBytes);
      await expect.poll(() => bytesIn(folder), { interval: 1 }).toBeGreaterThan(goal);
      child.kill("SIGKILL");
      await exited;
      const names = (await readdir(folder)).filter((name) => name.startsWith("backup-"));
      for (const name of names) {
        const dataDir = join(directory.path, `restored-${round}-${outcomes.length}`);
        const outcome = await restoreNode({ backup: join(folder, name), dataDir }).then(
          () => "restored",
          (error: unknown) => (error as { code?: string }).code ?? String(error),
        );
        outcomes.push([name.includes(".partial-") ? "partial" : "whole", outcome]);
      }
      expect((await readdir(directory.path)).filter((name) => name.includes(".partial-"))).toEqual([]);
    }
    expect(outcomes.length).toBeGreaterThan(0);
    expect(outcomes.filter(([kind]) => kind === "whole").map(([, outcome]) => outcome)).toEqual(
      outcomes.filter(([kind]) => kind === "whole").map(() => "restored"),
    );
    // A process that is killed between the last write and the rename leaves a whole one under the other name.
    const known = new Set(["restored", "data_dir_unusable"]);
    expect(outcomes.filter(([, outcome]) => !known.has(outcome))).toEqual([]);
    await directory.remove();
  },
);

it("refuses a directory with other files, and a backup of another kind of server", async () => {
  const directory = await temporaryDirectory();
  const [dataDir, backup] = [join(directory.path, "data"), join(directory.path, "backup")];
  await fill(dataDir);
  await mkdir(backup);
  await backupNode({ dataDir, backup });
  const busy = join(directory.path, "busy");
  await mkdir(busy);
  await writeFile(join(busy, "notes.txt"), "mine");
  await expect(restoreNode({ backup, dataDir: busy })).rejects.toThrow(/is not empty/);
  await expect(backupNode({ dataDir, backup: busy })).rejects.toThrow(/is not empty/);
  expect(await readdir(busy)).toEqual(["notes.txt"]);
  const manifest = JSON.stringify({ format: 1, name: "skytale", schema: 1, createdAt: 0, files: [] });
  await writeFile(join(backup, "backup.json"), manifest);
  await expect(restoreNode({ backup, dataDir: join(directory.path, "new") })).rejects.toThrow(/another kind of server/);
  await writeFile(join(backup, "backup.json"), manifest.replace('"skytale"', '"node"').replace('"schema":1', '"schema":99'));
  await expect(restoreNode({ backup, dataDir: join(directory.path, "new") })).rejects.toThrow(/version 99|not a complete backup/);
  await directory.remove();
});
