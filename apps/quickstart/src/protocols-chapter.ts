import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TaskState } from "@a2a-js/sdk";
import { ClientFactory, DefaultAgentCardResolver } from "@a2a-js/sdk/client";
import { DefaultRequestHandler, InMemoryTaskStore } from "@a2a-js/sdk/server";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { A2aAdapter, A2aChannelTransportFactory, serveA2a } from "@parley/envelope-and-adapters/a2a";
import { McpChannelTransport } from "@parley/envelope-and-adapters/mcp";
import { ProtocolBridge } from "@parley/protocol-bridge";
import { startSkytale } from "@parley/skytale-server";
import { type EnvelopePort, Protocol, SkytaleChannelManager } from "skytale";
import { ask, BREWER, Brewer, textOf } from "./brewer.ts";
import { expect, type Story } from "./story.ts";
import { TeaServer } from "./tea-server.ts";

const CHANNEL = "acme/kitchen/tea";
const CONTEXT = "orders";
const SECONDS = 20;

/** MCP and A2A over encrypted channels, with the official SDKs. */
export async function tellProtocols(story: Story): Promise<void> {
  story.chapter("MCP and A2A: official SDKs over an encrypted channel");
  const directory = await mkdtemp(join(tmpdir(), "quickstart-"));
  const server = await startSkytale({ port: 0, relayPort: 0, logger: false });
  const { relayUrl: endpoint, apiUrl, apiKey } = server;
  const agent = (identity: string) => new SkytaleChannelManager({ identity, endpoint, apiUrl, apiKey, dataDir: join(directory, identity) });
  const alice = agent("alice");
  const bob = agent("bob");
  const bridge = agent("bridge");
  try {
    const theirs = await bob.create(CHANNEL);
    const ours = await alice.joinWithToken(CHANNEL, await bob.invite(CHANNEL), { timeout: SECONDS });
    await tellMcp(story, ours, theirs);
    await tellA2a(story, ours, theirs);
    await bridge.joinWithToken(CHANNEL, await bob.invite(CHANNEL), { timeout: SECONDS });
    await bridge.create(`acme/a2a/${CONTEXT}`);
    await alice.joinWithToken(`acme/a2a/${CONTEXT}`, await bridge.invite(`acme/a2a/${CONTEXT}`), { timeout: SECONDS });
    await tellBridge(story, { alice, bridge, theirs });
  } finally {
    await Promise.all([alice.close(), bob.close(), bridge.close()]);
    await server.close();
    await rm(directory, { recursive: true, force: true });
  }
}

async function tellMcp(story: Story, ours: EnvelopePort, theirs: EnvelopePort): Promise<void> {
  const server = new TeaServer(theirs);
  const client = new Client({ name: "quickstart", version: "1.0.0" });
  await story.step("bob serves an MCP tool over a channel, and alice's official client calls it", async () => {
    await client.connect(new McpChannelTransport(ours, { server: "tea" }));
    const { tools } = await client.listTools();
    const { content } = await client.callTool({ name: "teas" });
    expect(tools.length === 1 && JSON.stringify(content).includes("for alice: assam, sencha"), `Instead: ${JSON.stringify(content)}`);
    return "no HTTP, no open port: the relay carried ciphertext, and bob's tool knew that it was alice who called";
  });
  await client.close();
  await server.close();
}

async function tellA2a(story: Story, ours: EnvelopePort, theirs: EnvelopePort): Promise<void> {
  const serving = await serveA2a(theirs, new DefaultRequestHandler(BREWER, new InMemoryTaskStore(), new Brewer()));
  const calls = new A2aChannelTransportFactory(ours);
  await story.step("on the same channel, bob's A2A agent works on a task for alice, and streams it", async () => {
    const cardResolver = new DefaultAgentCardResolver({ fetchImpl: calls.fetch });
    const client = await new ClientFactory({ transports: [calls], cardResolver }).createFromUrl("a2a-channel://brewer");
    const request = { tenant: "", message: ask("assam"), configuration: undefined, metadata: undefined };
    const heard: string[] = [];
    let state: TaskState | undefined;
    for await (const { payload } of client.sendMessageStream(request)) {
      if (payload?.$case === "artifactUpdate" && payload.value.artifact !== undefined) heard.push(textOf(payload.value.artifact));
      if (payload?.$case === "statusUpdate") state = payload.value.status?.state;
    }
    expect(state === TaskState.TASK_STATE_COMPLETED && heard.at(-1) === "a cup of assam for alice", `She heard ${heard.join(", ")}`);
    return `she heard: ${heard.join(", ")}`;
  });
  await calls.close();
  await serving.close();
}

interface BridgeCast {
  readonly alice: SkytaleChannelManager;
  readonly bridge: SkytaleChannelManager;
  readonly theirs: EnvelopePort;
}

async function tellBridge(story: Story, { alice, bridge, theirs }: BridgeCast): Promise<void> {
  const server = new TeaServer(theirs);
  const crossing = new ProtocolBridge(bridge);
  const adapter = new A2aAdapter(alice, { agentId: "alice", org: "acme" });
  await story.step("a bridge lets alice, who says it in A2A on another channel, use bob's MCP tool", async () => {
    await adapter.openContext(CONTEXT);
    await crossing.bridge(`acme/a2a/${CONTEXT}`, CHANNEL, Protocol.A2A, Protocol.MCP);
    await adapter.sendMessage(CONTEXT, [{ text: "Which teas are there?" }]);
    const [answer] = await adapter.receiveMessages(CONTEXT, { timeout: SECONDS });
    expect(answer !== undefined && textOf(answer) === "for bridge: assam, sencha", `Instead: ${JSON.stringify(answer)}`);
    return `the tool's result came back as an A2A message: "${textOf(answer)}"`;
  });
  await adapter.close();
  await crossing.stop();
  await server.close();
}
