import { connect } from "node:net";
import { join } from "node:path";
import { startNode, type Layr8Node, type NodeOptions } from "@parley/layr8-node";
import { startSkytale } from "@parley/skytale-server";
import { freePort, readExposition, type Sample, temporaryDirectory } from "@parley/test-assertions";
import { Client } from "layr8";
import { SkytaleChannelManager } from "skytale";
import { Opened } from "./opened.ts";

/** Answers of `/metrics` of servers that have done work. */
export interface ServedMetrics {
  readonly node: readonly Sample[];
  readonly skytale: readonly Sample[];
}

const ECHO = "https://layr8.io/protocols/echo/1.0";
const CHANNEL = "acme/team/general";

/** Connections to the API. One address may have a quarter without a key. */
const MAX_CONNECTIONS = 40;

/** Messages that each agent sends. */
export const MESSAGES = 5;

/** The mediator's DID at the first node, and its protocols. */
const MEDIATOR = "did:web:acme.localhost:inbox";
const MEDIATOR_METRICS = ["mediator_dids", "mediator_live_agents", "mediator_envelopes"].map((name) => `layr8_node_${name}`);
const COORDINATION = "https://didcomm.org/coordinate-mediation/3.0";
const PICKUP = "https://didcomm.org/messagepickup/3.0";

/** Runs two nodes and a skytale server on data directories, has agents use them, and returns what the first node and the server then answer. */
export async function servedMetrics(): Promise<ServedMetrics> {
  await using stack = new Opened();
  const { path } = stack.use(await temporaryDirectory());
  return { node: await usedNode(stack, path), skytale: await usedServer(stack, path) };
}

async function usedNode(stack: Opened, path: string): Promise<readonly Sample[]> {
  const [portA, portB] = [await freePort(), await freePort()];
  const hosts = { "acme.localhost": `http://127.0.0.1:${portA}`, "beta.localhost": `http://127.0.0.1:${portB}` };
  const start = async (name: string, options: NodeOptions): Promise<Layr8Node> =>
    stack.use(
      await startNode({
        domain: `${name}.localhost`,
        dataDir: join(path, name),
        logger: false,
        metricsPort: 0,
        resolution: { hosts },
        ...options,
      }),
    );
  const acme = await start("acme", { port: portA, mediator: MEDIATOR });
  const beta = await start("beta", { port: portB });
  const agent = async (node: Layr8Node, agentDid: string): Promise<Client> => {
    const client = stack.use(new Client({ nodeUrl: node.url, apiKey: node.apiKey ?? "", agentDid }, () => {}));
    client.handle(`${ECHO}/request`, ({ body }) => ({ type: `${ECHO}/response`, body }));
    return client.connect();
  };
  const [alice, bob, carol] = [
    await agent(acme, "did:web:acme.localhost:alice"),
    await agent(acme, "did:web:acme.localhost:bob"),
    await agent(beta, "did:web:beta.localhost:carol"),
  ];
  for (const to of [bob.did, carol.did]) {
    for (let count = 0; count < MESSAGES; count++) await alice.request({ type: `${ECHO}/request`, to, body: {} });
  }
  // Counters with labels appear with their first event: refused, dead-lettered here and for the other node, and a socket without a key.
  await alice.send({ type: "https://layr8.io/protocols/none/1.0/x", to: bob.did, body: {} }).catch(() => {});
  await alice.send({ type: `${ECHO}/unhandled`, to: bob.did, body: {} });
  await alice.send({ type: `${ECHO}/request`, to: "did:web:beta.localhost:nobody", body: {} });
  await alice.send({ type: `${ECHO}/request`, to: bob.did, body: {} }, { until: "handled" });
  await alice.listCredentials();
  await useMediator(alice);
  await new Client({ nodeUrl: acme.url, apiKey: "not-a-key", agentDid: alice.did }, () => {}).connect().catch(() => {});
  const isComplete = (samples: readonly Sample[]): boolean =>
    ["layr8_node_messages_dead_total", "layr8_node_federation_dead_total", ...MEDIATOR_METRICS].every(
      (name) => valueOf(samples, name) > 0,
    ) && valueOf(samples, "layr8_node_message_settled_seconds_count") > 3 * MESSAGES;
  return settled(`${acme.metricsUrl}/metrics`, isComplete);
}

/** Registers an agent with the mediator, turns live delivery on, and leaves an envelope there. */
async function useMediator(agent: Client): Promise<void> {
  const updates = [{ recipient_did: agent.did, action: "add" }];
  await agent.request({ type: `${COORDINATION}/mediate-request`, to: MEDIATOR });
  await agent.request({ type: `${COORDINATION}/recipient-update`, to: MEDIATOR, body: { updates } });
  await agent.request({ type: `${PICKUP}/live-delivery-change`, to: MEDIATOR, body: { live_delivery: true } });
  const attachments = [{ data: { json: { ciphertext: "for the agent only" } } }];
  await agent.send({ type: "https://didcomm.org/routing/2.0/forward", to: MEDIATOR, body: { next: agent.did }, attachments });
}

async function usedServer(stack: Opened, path: string): Promise<readonly Sample[]> {
  const limits = { api: { maxConnections: MAX_CONNECTIONS } };
  const dataDir = join(path, "skytale");
  const server = stack.use(await startSkytale({ port: 0, relayPort: 0, logger: false, metricsPort: 0, dataDir, limits }));
  const { relayUrl: endpoint, apiUrl, apiKey = "" } = server;
  const member = (identity: string): SkytaleChannelManager =>
    stack.use(new SkytaleChannelManager({ endpoint, apiUrl, apiKey, identity, dataDir: join(path, identity) }));
  const [erin, dave] = [member("erin"), member("dave")];
  await erin.create(CHANNEL);
  await dave.joinWithToken(CHANNEL, await erin.invite(CHANNEL));
  for (let count = 0; count < MESSAGES; count++) await erin.send(CHANNEL, "hello");
  await dave.receive(CHANNEL);
  // More connections than one address may have without a key.
  const { port } = new URL(apiUrl);
  const idle = Array.from({ length: MAX_CONNECTIONS }, () => connect(Number(port), "127.0.0.1").on("error", () => {}));
  // Refused: the relay knows no such key.
  const stranger = new SkytaleChannelManager({ endpoint, token: () => "no-token", identity: "stranger", onWarning: () => {} });
  await stranger.connect({ timeoutMs: 2000 }).catch(() => {});
  await stranger.close();
  const isComplete = (samples: readonly Sample[]): boolean =>
    ["skytale_relay_refused_total", "skytale_connections_dropped_total"].every((name) => valueOf(samples, name) > 0);
  const samples = await settled(`${server.metricsUrl}/metrics`, isComplete);
  for (const socket of idle) socket.destroy();
  return samples;
}

/** Reads until a condition holds: servers count some events after their callers have gone on. */
async function settled(url: string, isComplete: (samples: readonly Sample[]) => boolean): Promise<readonly Sample[]> {
  for (;;) {
    const samples = readExposition(await (await fetch(url)).text());
    if (isComplete(samples)) return samples;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function valueOf(samples: readonly Sample[], name: string): number {
  return samples.filter((sample) => sample.name === name).reduce((sum, { value }) => sum + value, 0);
}
