import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { App, withNode } from "@parley/app-testing";
import { Client, logErrors } from "layr8";
import { expect, it } from "vitest";

const main = fileURLToPath(new URL("../dist/main.js", import.meta.url));
const order = fileURLToPath(new URL("../dist/order.js", import.meta.url));
const DID = "did:web:localhost:orders";

it("writes every order to disk despite repeated kills", async () => {
  const folder = await mkdtemp(join(tmpdir(), "parley-durable-"));
  const file = join(folder, "orders.jsonl");
  try {
    await withNode(async (env, node) => {
      const start = () => new App(main, [file], { ...env, LAYR8_AGENT_DID: DID });
      await using shop = await new Client({ nodeUrl: node.url, apiKey: node.apiKey }, logErrors()).connect();
      const ids = Array.from({ length: 30 }, (_, index) => `order-${index}`);
      let agent = start();
      await agent.said(`taking orders as ${DID}`);
      for (const [index, id] of ids.entries()) {
        await shop.send({ id, type: "https://layr8.io/protocols/order/1.0/created", to: DID, body: { item: "tea" } });
        if (index % 10 !== 5) continue;
        agent.kill("SIGKILL");
        await agent.exit();
        agent = start();
      }
      await agent.said(`stored ${ids.at(-1)}`);
      await using customer = new App(order, [DID, "cake"], env);
      const last = (await customer.said("ordered cake as ")).split(" ").at(-1);
      expect(await customer.exit()).toBe(0);
      await agent.said(`stored ${last}`);
      agent.kill("SIGTERM");
      expect(await agent.exit()).toBe(0);
      const stored = (await readFile(file, "utf8")).trimEnd().split("\n");
      const storedIds = stored.map((line) => (JSON.parse(line) as { id: string }).id);
      expect(new Set(storedIds)).toEqual(new Set([...ids, last]));
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
