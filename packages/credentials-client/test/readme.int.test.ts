import { readFileSync } from "node:fs";
import { runInThisContext } from "node:vm";
import { startNode } from "@parley/layr8-node";
import { expect, it, onTestFinished } from "vitest";
import { CredentialsClient } from "../src/index.ts";

const README = readFileSync(new URL("../README.md", import.meta.url), "utf8");

type Program = (client: typeof CredentialsClient, console: { log(...values: unknown[]): void }) => Promise<void>;

it("the smallest program of the README runs against a node, line by line as it stands there", async () => {
  const node = await startNode({ port: 0, logger: false });
  onTestFinished(() => node.close());
  const did = `did:web:localhost%3A${node.port}:my-agent`;
  const program = (/```ts\n([^]*?)```/.exec(README)?.[1] ?? "")
    .replace(/^import .*$/m, "")
    .replace("wss://your-node.layr8.cloud/plugin_socket/websocket", node.url)
    .replace("your-api-key", node.apiKey ?? "")
    .replace("did:web:your-node.layr8.cloud:my-agent", did);
  const printed: unknown[][] = [];
  const run = runInThisContext(`(async (CredentialsClient, console) => {${program}})`) as Program;
  await run(CredentialsClient, { log: (...values) => printed.push(values) });
  expect(printed).toEqual([[{ id: "did:web:partner.example:agent", name: "Acme Corp" }, "EdDSA"], [1, true], [did]]);
});
