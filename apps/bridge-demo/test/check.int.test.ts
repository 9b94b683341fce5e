import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { App, withSkytale } from "@parley/app-testing";
import { afterEach, beforeEach, expect, it } from "vitest";

const script = (name: string) => fileURLToPath(new URL(`../dist/${name}.js`, import.meta.url));
const LIVES = 3;
const PORTION = 25;

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "bridge-demo-"));
});
afterEach(() => rm(directory, { recursive: true }));

async function within(check: (start: (name: string, ...args: string[]) => App) => Promise<void>): Promise<void> {
  await withSkytale((servers) => {
    const env = { ...servers, SKYTALE_DATA_DIR: directory };
    return check((name, ...args) => new App(script(name), args, env));
  });
}

const tokenFor = async (bridge: App, channel: string) => (await bridge.said(`token for ${channel}`)).split(" ").at(-1) ?? "";
const answersOf = (app: App) => app.lines.filter((line) => line.startsWith("bridge answers: ")).map((line) => line.slice(16));
const journal = async () => (await readFile(join(directory, "tools", "journal"), "utf8")).trim().split("\n");

it("gets an official A2A client's question to an MCP tool, and the result back", async () => {
  await within(async (start) => {
    await using bridge = start("bridge");
    await using tools = start("tools", await tokenFor(bridge, "acme/tools/desk"));
    await tools.said("stamping on");
    await using agent = start("agent", await tokenFor(bridge, "acme/agents/desk"), "erin");
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

it("loses nothing and doubles nothing when the bridge is killed in the middle, again and again", async () => {
  await within(async (start) => {
    const lives = [start("bridge")];
    try {
      const first = lives[0] as App;
      await using tools = start("tools", await tokenFor(first, "acme/tools/desk"));
      await using agent = start("agent", await tokenFor(first, "acme/agents/desk"));
      await agent.said("you are agent");
      await tools.said("stamping on");
      for (let life = 1; life <= LIVES; life += 1) {
        for (let index = 1; index <= PORTION; index += 1) agent.type(`text ${(life - 1) * PORTION + index}`);
        if (life === LIVES) break;
        // Under way: some of this portion are answered, others aren't.
        await expect.poll(() => answersOf(agent).length, { timeout: 120_000, interval: 5 }).toBeGreaterThan((life - 1) * PORTION);
        lives.at(-1)?.kill("SIGKILL");
        await lives.at(-1)?.exit();
        lives.push(start("bridge"));
      }
      agent.endInput();
      expect(await agent.exit()).toBe(0);
      const stamped = await journal();
      expect(stamped.map((line) => line.replace(/^stamp \d+: /, "")).toSorted()).toEqual(
        Array.from({ length: LIVES * PORTION }, (_, index) => `text ${index + 1}`).toSorted(),
      );
      expect(answersOf(agent).toSorted()).toEqual(stamped.toSorted());
    } finally {
      await Promise.all(lives.map((life) => life[Symbol.asyncDispose]()));
    }
  });
}, 240_000);

it("says how it is used", async () => {
  await within(async (start) => {
    for (const name of ["tools", "agent"]) {
      await using app = start(name);
      expect(await app.exit()).toBe(2);
      await app.said("usage:");
    }
  });
});
