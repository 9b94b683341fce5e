import { fileURLToPath } from "node:url";
import { App, withNode } from "@parley/app-testing";
import { expect, it } from "vitest";

const dist = (name: string) => fileURLToPath(new URL(`../dist/${name}.js`, import.meta.url));
const DID = "did:web:localhost:echo";

it("echoes what it is asked, and ends by itself when told to", async () => {
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

it("says what is missing when it is started without its variables", async () => {
  await using echo = new App(dist("main"), [], { LAYR8_NODE_URL: "", LAYR8_API_KEY: "" });
  expect(await echo.exit()).toBe(1);
  expect(echo.lines.join("\n")).toContain("Config.nodeUrl is missing: pass it or set LAYR8_NODE_URL");
});
