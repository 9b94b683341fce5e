import { type App, withSkytalePrograms } from "@parley/app-testing";
import { expect, it } from "vitest";

async function finish(app: App): Promise<readonly string[]> {
  app.endInput();
  expect(await app.exit()).toBe(0);
  return app.lines;
}

it("lists and calls tools, with progress, and reads a resource", async () => {
  await withSkytalePrograms(import.meta.url, async (start) => {
    await using server = await start("server");
    await using client = await start("client", await server.said("skt_inv_"), "erin");
    for (const line of ["add buy tea", "add the tea is out", "find TEA", "count", "all", "add", "find milk"]) client.type(line);
    const lines = await finish(client);
    expect(lines.filter((line) => line.startsWith("tool ")).map((line) => line.split(":")[0])).toEqual([
      "tool add_note",
      "tool find_notes",
      "tool count_words",
    ]);
    expect(lines.slice(lines.indexOf("stored as number 1"), -2)).toEqual([
      "stored as number 1",
      "stored as number 2",
      "erin: buy tea",
      "erin: the tea is out",
      "(1 of 2)",
      "(2 of 2)",
      "6 words in 2 notes",
      "erin: buy tea",
      "erin: the tea is out",
    ]);
    expect(lines.at(-2)).toContain("(refused: MCP error -32602");
    expect(lines.at(-1)).toBe("(nothing)");
    await server.said("(erin disconnected)");
    server.kill("SIGTERM");
    expect(await server.exit()).toBe(0);
  });
});

it("serves several clients concurrently, each under its name on the channel", async () => {
  await withSkytalePrograms(import.meta.url, async (start) => {
    await using server = await start("server");
    const token = await server.said("skt_inv_");
    const names = ["erin", "frank", "grace"];
    const apps = await Promise.all(names.map((name) => start("client", token, name)));
    try {
      await Promise.all(apps.map((app, index) => app.said(`you are ${names[index]}`)));
      for (const app of apps) for (let count = 1; count <= 5; count += 1) app.type(`add note ${count}`);
      await Promise.all(apps.map(finish));
    } finally {
      await Promise.all(apps.map((app) => app[Symbol.asyncDispose]()));
    }
    for (const app of apps) expect(app.lines.filter((line) => line.startsWith("stored as"))).toHaveLength(5);
    await using reader = await start("client", token, "erin");
    reader.type("all");
    const notes = (await finish(reader)).filter((line) => /^\w+: note/.test(line));
    expect(notes.toSorted()).toEqual(names.flatMap((name) => [1, 2, 3, 4, 5].map((count) => `${name}: note ${count}`)));
  });
});

it("reports a call during which the server was killed, and continues with the next one", async () => {
  await withSkytalePrograms(import.meta.url, async (start) => {
    await using first = await start("server");
    await using client = await start("client", await first.said("skt_inv_"), "erin");
    await client.said("you are erin");
    client.type("add before");
    await client.said("stored as number 1");
    first.kill("SIGKILL");
    await first.exit();
    client.type("add meanwhile");
    await using second = await start("server");
    await client.said("(no answer: MCP error -32000: Connection closed)");
    client.type("add afterwards");
    await client.said("stored as number 2");
    client.type("all");
    const lines = await finish(client);
    expect(lines.slice(-2)).toEqual(["erin: before", "erin: afterwards"]);
    await second.said("(erin connected)");
  });
});

it("prints its usage, and the problem with a token", async () => {
  await withSkytalePrograms(import.meta.url, async (start) => {
    await using bare = await start("client");
    expect(await bare.exit()).toBe(2);
    await bare.said("usage:");
    await using wrong = await start("client", "skt_inv_nonsense");
    expect(await wrong.exit()).toBe(1);
    await wrong.said("runtime error:");
  });
});
