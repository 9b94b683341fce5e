import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withSkytale } from "@parley/app-testing";
import { SkytaleChannelManager } from "skytale";
import { it } from "vitest";
import { expectConformance } from "../../../packages/envelope-and-adapters/test/fixtures/conformance.ts";

const CHANNEL = "acme/tools/conformance";

it("the official MCP conformance suite passes against a server behind an encrypted channel", async () => {
  const directory = await mkdtemp(join(tmpdir(), "mcp-conformance-"));
  try {
    await withSkytale(async ({ SKYTALE_RELAY: endpoint, SKYTALE_API_URL: apiUrl, SKYTALE_API_KEY: apiKey }) => {
      const agent = (identity: string) =>
        new SkytaleChannelManager({ identity, endpoint, apiUrl, apiKey, dataDir: join(directory, identity) });
      await using client = agent("client");
      await using server = agent("server");
      const back = await server.create(CHANNEL);
      const front = await client.joinWithToken(CHANNEL, await server.invite(CHANNEL));
      await expectConformance(front, back);
    });
  } finally {
    await rm(directory, { recursive: true });
  }
});
