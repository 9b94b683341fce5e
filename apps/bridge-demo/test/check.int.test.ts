import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type App, withSkytalePrograms } from "@parley/app-testing";
import { expect, it } from "vitest";

const RUNS = 3;
const PORTION = 25;

const tokenFor = async (bridge: App, channel: string) => (await bridge.said(`token for ${channel}`)).split(" ").at(-1) ?? "";
const answersOf = (app: App) => app.lines.filter((line) => line.startsWith("bridge answers: ")).map((line) => line.slice(16));
const journalIn = async (directory: string) => (await readFile(join(directory, "tools", "journal"), "utf8")).trim().split("\n");

it("an official A2A client calls an MCP tool and receives its result", async () => {
  await withSkytalePrograms(import.meta.url, async (start) => {
    await using bridge = await start("bridge");
    await using tools = await start("tools", await tokenFor(bridge, "acme/tools/desk"));
    await tools.said("stamping on");
    await using agent = await start("agent", await tokenFor(bridge, "acme/agents/desk"), "erin");
    agent.type("application form");
    await agent.said("bridge answers: stamp 1: application form");
    agent.endInput();
    expect(await agent.exit()).toBe(0);
    for (const app of [bridge, tools]) {
      app.kill("SIGTERM");
      expect(await app.exit()).toBe(0);
    }
  });
});

it("each request is answered once with one tool call while the bridge is killed repeatedly", async () => {
  await withSkytalePrograms(import.meta.url, async (start, directory) => {
    const runs = [await start("bridge")];
    try {
      const first = runs[0] as App;
      await using tools = await start("tools", await tokenFor(first, "acme/tools/desk"));
      await using agent = await start("agent", await tokenFor(first, "acme/agents/desk"));
      await agent.said("you are agent");
      await tools.said("stamping on");
      for (let run = 1; run <= RUNS; run += 1) {
        for (let index = 1; index <= PORTION; index += 1) agent.type(`text ${(run - 1) * PORTION + index}`);
        if (run === RUNS) break;
        // Kill the bridge when some requests of this portion are answered and others are not.
        await expect.poll(() => answersOf(agent).length, { timeout: 120_000, interval: 5 }).toBeGreaterThan((run - 1) * PORTION);
        runs.at(-1)?.kill("SIGKILL");
        await runs.at(-1)?.exit();
        runs.push(await start("bridge"));
      }
      agent.endInput();
      expect(await agent.exit()).toBe(0);
      const stamped = await journalIn(directory);
      expect(stamped.map((line) => line.replace(/^stamp \d+: /, "")).toSorted()).toEqual(
        Array.from({ length: RUNS * PORTION }, (_, index) => `text ${index + 1}`).toSorted(),
      );
      expect(answersOf(agent).toSorted()).toEqual(stamped.toSorted());
    } finally {
      await Promise.all(runs.map((run) => run[Symbol.asyncDispose]()));
    }
  });
}, 240_000);

it("programs print their usage without arguments", async () => {
  await withSkytalePrograms(import.meta.url, async (start) => {
    for (const name of ["tools", "agent"]) {
      await using app = await start(name);
      expect(await app.exit()).toBe(2);
      await app.said("usage:");
    }
  });
});
