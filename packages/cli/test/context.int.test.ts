import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { OUTPUT_SCHEMAS } from "../src/schemas/index.ts";
import { Workplace } from "./parley.ts";

const ONE = { LAYR8_NODE_URL: "ws://127.0.0.1:9/plugin_socket/websocket", LAYR8_API_KEY: "the-key-of-one" };
const TWO = "SKYTALE_API_URL=http://127.0.0.1:9\nSKYTALE_API_KEY=the-key-of-two\nOTHER=1\n";

let place: Workplace;

beforeEach(async () => {
  place = await Workplace.create();
});

afterEach(() => place.remove());

describe("parley context", () => {
  it("adds contexts from the environment and from standard input, lists them without keys, and keeps them private", async () => {
    expect((await place.run(["context", "add", "one"], { env: ONE })).code).toBe(0);
    expect((await place.run(["context", "add", "two", "--from", "-"], { input: TWO })).code).toBe(0);
    const { stdout, stderr } = await place.run(["context", "list", "--json"]);
    expect(OUTPUT_SCHEMAS["contexts"]?.safeParse(JSON.parse(stdout))).toMatchObject({ success: true });
    expect(JSON.parse(stdout)).toEqual({
      contexts: [
        { name: "one", current: true, nodeUrl: ONE.LAYR8_NODE_URL, variables: ["LAYR8_NODE_URL", "LAYR8_API_KEY"] },
        { name: "two", current: false, apiUrl: "http://127.0.0.1:9", variables: ["SKYTALE_API_URL", "SKYTALE_API_KEY"] },
      ],
    });
    expect(stdout + stderr).not.toContain("the-key");
    const file = join(place.path, "config/parley/contexts.json");
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readFile(file, "utf8")).not.toContain("OTHER");
  });

  it("chooses the context that other commands use, by use, --context and PARLEY_CONTEXT", async () => {
    await place.run(["context", "add", "one"], { env: ONE });
    await writeFile(join(place.path, "two.env"), TWO);
    await place.run(["context", "add", "two", "--from", "two.env"]);
    const used = async (args: readonly string[] = [], env = {}): Promise<string | undefined> => {
      const { stdout } = await place.run(["doctor", ...args], { env });
      return /URLs and keys \(settings\): (.*)/.exec(stdout)?.[1];
    };
    expect(await used()).toBe("from context one");
    await place.run(["context", "use", "two"]);
    expect(await used()).toBe("from context two");
    expect(await used([], { PARLEY_CONTEXT: "one" })).toBe("from context one");
    expect(await used(["--context", "one"], { PARLEY_CONTEXT: "two" })).toBe("from context one");
    expect(await used(["--context", "none"])).toContain("no server is known");
    await place.run(["context", "remove", "two"]);
    expect(await used()).toContain("no server is known");
    expect((await place.run(["context", "list"])).stdout).toBe(`  one ${ONE.LAYR8_NODE_URL}\n`);
  });

  it("rejects unknown names, names that mean something else, and contexts without a server", async () => {
    await place.run(["context", "add", "production"], { env: ONE });
    const unknown = await place.run(["context", "use", "prodution"]);
    expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining("Did you mean production?") as string });
    for (const name of ["none", "a b", "__proto__"]) expect((await place.run(["context", "add", name], { env: ONE })).code).toBe(2);
    expect(await place.run(["context", "add", "empty"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("the environment has no URL of a server") as string,
    });
    expect(await place.run(["context"])).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("remove") as string });
  });
});
