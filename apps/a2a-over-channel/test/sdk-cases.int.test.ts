import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Message } from "@a2a-js/sdk";
import { ClientFactory, DefaultAgentCardResolver, type Client } from "@a2a-js/sdk/client";
import { startSkytale, type SkytaleServer } from "@parley/skytale-server";
import { A2aChannelTransportFactory, serveA2a, type A2aServing } from "@parley/envelope-and-adapters/a2a";
import { SkytaleChannelManager } from "skytale";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { request, testCard, TestAgent, textOf } from "../../../packages/envelope-and-adapters/test/a2a/agent.ts";
import { officialSdkCases } from "../../../packages/envelope-and-adapters/test/a2a/official-sdk-cases.ts";

const CHANNEL = "acme/agents/cases";

let directory: string;
let skytale: SkytaleServer;
let managers: SkytaleChannelManager[];
let calls: A2aChannelTransportFactory;
let client: Client;
let agent: TestAgent;
let serving: A2aServing;
let port: Parameters<typeof serveA2a>[0];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "a2a-cases-"));
  skytale = await startSkytale({ port: 0, relayPort: 0, logger: false });
  const { relayUrl: endpoint, apiUrl, apiKey } = skytale;
  managers = ["client", "agent"].map(
    (identity) => new SkytaleChannelManager({ identity, endpoint, apiUrl, apiKey, dataDir: join(directory, identity) }),
  );
  const [ours, theirs] = managers as [SkytaleChannelManager, SkytaleChannelManager];
  port = await theirs.create(CHANNEL);
  calls = new A2aChannelTransportFactory(await ours.joinWithToken(CHANNEL, await theirs.invite(CHANNEL)));
});

afterAll(async () => {
  await calls.close();
  await serving.close();
  await Promise.all(managers.map((manager) => manager.close()));
  await skytale.close();
  await rm(directory, { recursive: true });
});

beforeEach(async () => {
  await (serving as A2aServing | undefined)?.close();
  agent = new TestAgent(testCard("agent-1"));
  serving = await serveA2a(port, agent.handler);
  const factory = new ClientFactory({ transports: [calls], cardResolver: new DefaultAgentCardResolver({ fetchImpl: calls.fetch }) });
  client = await factory.createFromUrl("a2a-channel://agent-1");
});

describe("the official client and request handler over an encrypted channel", () => {
  officialSdkCases(() => ({ client, agent }));

  it("identifies the caller by the key that the channel proves", async () => {
    const caller = managers[1]?.members(CHANNEL).find(({ name }) => name === "client");
    const key = Buffer.from(caller?.signatureKey ?? []).toString("base64url");
    expect(key).not.toBe("");
    expect(textOf((await client.sendMessage(request("who"))) as Message)).toBe(`true ${key}`);
  });
});
