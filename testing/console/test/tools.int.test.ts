import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { Protocol } from "@parley/envelope-and-adapters";
import { A2aAdapter, type A2aPartInput } from "@parley/envelope-and-adapters/a2a";
import { createMemoryChannels } from "@parley/envelope-and-adapters/memory";
import { McpChannelServer } from "@parley/envelope-and-adapters/mcp";
import { describeUnless } from "@parley/test-assertions";
import { type Browser, chromium } from "playwright-core";
import { ProtocolBridge } from "skytale";
import { afterAll, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import { buildConsole, findBrowser, OpenedPage, Stack } from "../src/index.ts";

const [DESK, TOOLS] = ["org/a2a/desk", "org/team/tools"];
const found = findBrowser();

describeUnless(found.missing, "the tools of a bridge", () => {
  let browser: Browser;
  let stack: Stack;
  let bridge: ProtocolBridge;
  let adapter: A2aAdapter;
  let listener: McpChannelServer;
  let serving: Promise<void>;

  beforeAll(async () => {
    buildConsole();
    stack = await Stack.start();
    browser = await chromium.launch({ executablePath: found.path ?? "" });
    const [asker, owner, tools] = createMemoryChannels(["asker", "bridge", "tools"]);
    if (asker === undefined || owner === undefined || tools === undefined) throw new Error("three parties");
    for (const name of [DESK, TOOLS]) await owner.create(name);
    listener = new McpChannelServer(await tools.join(TOOLS, new Uint8Array()), { name: "shop" });
    serving = serve(listener);
    adapter = new A2aAdapter(asker, { agentId: "asker" });
    await asker.join(DESK, new Uint8Array());
    await adapter.openContext("desk");
    bridge = new ProtocolBridge(owner, { lens: stack.lenses, agent: "bridge" });
    await bridge.bridge(DESK, TOOLS, Protocol.A2A, Protocol.MCP);
  });

  afterAll(async () => {
    await browser?.close();
    await bridge?.stop();
    await adapter?.close();
    await listener?.close();
    await serving;
    await stack?.[Symbol.asyncDispose]();
  });

  async function serve(sessions: McpChannelServer): Promise<void> {
    for await (const session of sessions) {
      const server = new McpServer({ name: "shop", version: "1.0.0" });
      const inputSchema = {
        item: z.string().min(2).describe("what is ordered"),
        count: z.number().int().min(1).max(9),
        colour: z.enum(["red", "blue"]).optional(),
        isGift: z.boolean().optional(),
        tags: z.array(z.string()).optional(),
      };
      server.registerTool("order", { description: "Orders an item", inputSchema }, (order) => ({
        content: [{ type: "text", text: JSON.stringify(order) }],
      }));
      await server.connect(session);
    }
  }

  it.each(["light", "dark"] as const)(
    "have a form of their schema, which makes the message that calls them, with %s colours",
    async (scheme) => {
      const opened = await OpenedPage.open(browser, stack.admin.url, scheme);
      const { page } = opened;
      await opened.show("bridges");
      await page.getByText("Orders an item").click();
      const problem = (text: string): Promise<void> => page.getByText(text, { exact: true }).first().waitFor();
      await problem("item is required.");
      await page.getByLabel("item").fill("a");
      await problem("at least 2 characters");
      await page.getByLabel("item").fill("a lamp");
      await problem("count is required.");
      for (const [text, reason] of [
        ["1.5", "must be a whole number"],
        ["ten", "must be a number"],
        ["10", "at most 9"],
      ] as const) {
        await page.getByLabel("count").fill(text);
        await problem(reason);
      }
      await page.getByLabel("count").fill("3");
      await page.getByLabel("tags").fill("lamps");
      await problem("must be JSON");
      await page.getByLabel("tags").fill('["lamps"]');
      await page.getByLabel("colour", { exact: true }).selectOption("blue");
      await page.getByLabel("isGift").selectOption("yes");
      const part = page.getByLabel("Part of an A2A message that calls the tool");
      await part.getByText('"isGift": true').waitFor();
      await part.scrollIntoViewIfNeeded();
      await opened.screenshot(`tools-${scheme}`);
      expect(await opened.violations()).toEqual([]);

      await adapter.sendMessage("desk", [JSON.parse(await part.innerText()) as A2aPartInput]);
      const [answer] = await adapter.receiveMessages("desk", { timeout: 60 });
      const order = { item: "a lamp", count: 3, colour: "blue", isGift: true, tags: ["lamps"] };
      expect(JSON.parse(answer?.parts[0]?.text ?? "")).toEqual(order);
      expect(opened.errors).toEqual([]);
      await opened.close();
    },
  );
});
