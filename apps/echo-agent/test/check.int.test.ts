import { fileURLToPath } from "node:url";
import { App, withNode } from "@parley/app-testing";
import { expect, it } from "vitest";

const dist = (name: string) => fileURLToPath(new URL(`../dist/${name}.js`, import.meta.url));
const DID = "did:web:localhost:echo";

it("echoes a request, and exits on request", async () => {
  await withNode(async (env) => {
    await using echo = new App(dist("main"), [], { ...env, LAYR8_AGENT_DID: DID });
    await echo.said(`echoing as ${DID}`);
    await using ask = new App(dist("ask"), [DID, "hello there"], env);
    expect(await ask.exit()).toBe(0);
    expect(ask.lines).toEqual(['{"text":"hello there"}']);
    await echo.said('says {"text":"hello there"}');
    echo.kill("SIGTERM");
    expect(await echo.exit()).toBe(0);
  });
});

it("names missing variables at start", async () => {
  await using echo = new App(dist("main"), [], { LAYR8_NODE_URL: "", LAYR8_API_KEY: "" });
  expect(await echo.exit()).toBe(1);
  expect(echo.lines.join("\n")).toContain("Config.nodeUrl is missing: pass it or set LAYR8_NODE_URL");
});

it("prints one line for a recipient that is mistyped, unknown or unreachable", async () => {
  await withNode(async (env) => {
    const lines = async (did: string, overrides: Readonly<Record<string, string>> = {}) => {
      await using ask = new App(dist("ask"), [did], { ...env, ...overrides });
      expect(await ask.exit()).toBe(1);
      return ask.lines;
    };
    expect(await lines("did:typo")).toEqual([expect.stringMatching(/^message\.to must be a DID .*"did:typo" is not one$/)]);
    expect(await lines("did:web:localhost:ecco")).toEqual([expect.stringContaining("did:web:localhost:ecco")]);
    const wrongKey = await lines(DID, { LAYR8_API_KEY: "wrong" });
    expect(wrongKey).toEqual([expect.stringContaining("refused the API key (HTTP 403): use a key that this node gave out")]);
  });
});
