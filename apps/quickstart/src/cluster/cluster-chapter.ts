import { setTimeout as delay } from "node:timers/promises";
import { Cluster, DOMAIN, type Ledger, Orders } from "@parley/test-cluster";
import { Client } from "layr8";
import { expect, type Story } from "../story.ts";
import { Conversation } from "./conversation.ts";

const ECHO = "https://layr8.io/protocols/echo/1.0";
const ALICE = `did:web:${DOMAIN}:alice`;
const BOB = `did:web:${DOMAIN}:bob`;
const NODE = "LAYR8_NODE_URL";
const RELAY = "SKYTALE_RELAY";
const PAIRS = 2;
/** Messages of each kind that are acknowledged before and after each failure. */
const BETWEEN = 30;
const CHECK_EVERY_MS = 20;
const REQUEST_TIMEOUT_MS = 60_000;

/** Servers that share their data, and agents that use them while servers are killed. */
export async function tellCluster(story: Story): Promise<void> {
  story.chapter("a cluster: three NATS servers, two nodes, two skytale servers, and a load balancer in front of each kind");
  const agents = new Agents();
  try {
    await story.step("the servers start, each a process of its own", async () => {
      const { nats, nodeUrl, relayUrl, apiUrl } = await agents.startCluster();
      return `NATS at ${nats.urls.join(", ")}; nodes behind ${nodeUrl}; relays behind ${relayUrl}, their APIs behind ${apiUrl}`;
    });
    if (!agents.hasCluster) return;
    await tellUse(story, agents);
    story.chapter("failures, while orders and channel messages continue");
    await tellFailures(story, agents);
    story.chapter("what held");
    await tellBooks(story, agents);
  } finally {
    await agents.close();
  }
}

async function tellUse(story: Story, agents: Agents): Promise<void> {
  await story.step("alice and bob connect by the load balancer, to different nodes", () => agents.connect());

  await story.step("bob asks, alice answers", async () => {
    await agents.echo("ping");
    return "the request went from his node to hers by NATS, and the response came back";
  });

  await story.step("customers send orders, and durable handlers acknowledge them", async () => {
    await agents.startOrders();
    await agents.more();
    return `${agents.orders.ledger.acknowledged} orders so far, from ${PAIRS} customers to ${PAIRS} shops`;
  });

  await story.step("alice creates an encrypted channel, bob joins by an invite, and she writes to him", async () => {
    await agents.startConversation();
    await agents.more();
    return `${agents.conversation.ledger.acknowledged} messages so far`;
  });
}

async function tellFailures(story: Story, agents: Agents): Promise<void> {
  await story.step("a node is killed (SIGKILL), and started again", () =>
    agents.through(async ({ nodes }) => {
      const index = nodes.busiest(NODE);
      await nodes.end(index, "SIGKILL");
      await agents.more();
      await nodes.start(index);
    }),
  );

  await story.step("a relay is killed (SIGKILL), and started again", () =>
    agents.through(async ({ relays }) => {
      const index = relays.busiest(RELAY);
      await relays.end(index, "SIGKILL");
      await agents.more();
      await relays.start(index);
    }),
  );

  for (const [prefix, kind] of [
    ["PN", "nodes"],
    ["PS", "relays"],
  ] as const) {
    await story.step(`the NATS server that leads most streams of the ${kind} is killed, and started again`, () =>
      agents.through(async (cluster) => {
        const leader = await cluster.leader(prefix);
        await leader.signal("SIGKILL");
        await agents.more();
        await leader.start();
      }),
    );
  }

  await story.step("bob asks, and carol joins the channel by an invite, as before", async () => {
    await agents.echo("still there?");
    await agents.conversation.invite("carol");
    await agents.more();
    return `alice answered him; the channel's members are ${agents.conversation.members}`;
  });
}

async function tellBooks(story: Story, agents: Agents): Promise<void> {
  await agents.stop();
  await story.step("every order that a node acknowledged was handled, once", async () => describe(await settled(agents.orders.ledger)));

  await story.step("every message that a relay acknowledged was received, once, and by all members in one order", async () => {
    const books = describe(await settled(agents.conversation.ledger));
    const [bob = [], carol = []] = await agents.conversation.receivedByAll();
    expect(carol.length > 0 && bob.join().endsWith(carol.join()), "Carol received the messages in another order than bob");
    return `${books}; carol has the last ${carol.length} of them`;
  });
}

/** The cluster and everything that is connected to it. */
class Agents {
  #cluster: Cluster | undefined;
  #orders: Orders | undefined;
  #conversation: Conversation | undefined;
  readonly #clients: Client[] = [];

  get hasCluster(): boolean {
    return this.#cluster !== undefined;
  }

  get orders(): Orders {
    if (this.#orders === undefined) throw new Error("No orders are sent");
    return this.#orders;
  }

  get conversation(): Conversation {
    if (this.#conversation === undefined) throw new Error("The channel was not created");
    return this.#conversation;
  }

  async startCluster(): Promise<Cluster> {
    this.#cluster = await Cluster.start({ nodes: 2, relays: 2 });
    return this.#cluster;
  }

  async connect(): Promise<string> {
    const { nodeUrl, nodeKey: apiKey, nodes } = this.#use();
    const balancer = nodes.balancer(NODE);
    for (const agentDid of [ALICE, BOB]) this.#clients.push(new Client({ nodeUrl, apiKey, agentDid }, ignoreErrors));
    const [alice] = this.#clients;
    alice?.handle(`${ECHO}/request`, ({ body }) => ({ type: `${ECHO}/response`, body }));
    for (const client of this.#clients) await client.connect();
    const counts = nodes.running.map((index) => balancer.connectionsTo({ host: "127.0.0.1", port: nodes.server(index).portOf(NODE) }));
    expect(
      counts.every((count) => count === 1),
      `The nodes have ${counts.join(" and ")} connections`,
    );
    return `each node has one connection; ${ALICE} and ${BOB}`;
  }

  async echo(text: string): Promise<void> {
    const [, bob] = this.#clients;
    const deadline = performance.now() + REQUEST_TIMEOUT_MS;
    for (;;) {
      try {
        const answer = await bob?.request({ type: `${ECHO}/request`, to: ALICE, body: { text } }, { timeoutMs: 5000 });
        return expect(answer?.body["text"] === text, `The echo came back as ${JSON.stringify(answer?.body)}`);
      } catch (error) {
        if ((error as { readonly retryable?: boolean }).retryable !== true || performance.now() > deadline) throw error;
        await delay(CHECK_EVERY_MS);
      }
    }
  }

  async startOrders(): Promise<void> {
    const { nodeUrl, nodeKey: apiKey } = this.#use();
    this.#orders = await Orders.start({ nodeUrl, apiKey, pairs: PAIRS, pauseMs: 10, onError: ignoreErrors });
  }

  async startConversation(): Promise<void> {
    const { relayUrl: endpoint, apiUrl, relayKey: apiKey } = this.#use();
    this.#conversation = await Conversation.open({ endpoint, apiUrl, apiKey });
    await this.#conversation.create("alice");
    await this.#conversation.invite("bob");
  }

  /** Waits until more messages of each kind have been acknowledged. */
  async more(): Promise<void> {
    const goals = this.#ledgers().map((ledger) => ({ ledger, goal: ledger.acknowledged + BETWEEN }));
    while (goals.some(({ ledger, goal }) => ledger.acknowledged < goal)) await delay(CHECK_EVERY_MS);
  }

  /** Runs a failure under load. @returns what the senders noticed. */
  async through(fail: (cluster: Cluster) => Promise<void>): Promise<string> {
    const { ledger: orders } = this.orders;
    const { ledger: messages } = this.conversation;
    const before = [orders.acknowledged, messages.acknowledged] as const;
    for (const ledger of this.#ledgers()) ledger.takeLongestWaitMs();
    await fail(this.#use());
    await this.more();
    const seconds = (ledger: Ledger): string => `${(ledger.takeLongestWaitMs() / 1000).toFixed(1)} s`;
    return [
      `${orders.acknowledged - before[0]} orders acknowledged, each after ${seconds(orders)} at most`,
      `${messages.acknowledged - before[1]} channel messages, each after ${seconds(messages)} at most`,
    ].join("; ");
  }

  /** Ends sending. */
  async stop(): Promise<void> {
    await Promise.all([this.#orders?.stop(), this.#conversation?.stop()]);
  }

  async close(): Promise<void> {
    await this.#conversation?.[Symbol.asyncDispose]();
    await this.#orders?.[Symbol.asyncDispose]();
    await Promise.all(this.#clients.map((client) => client.close()));
    await this.#cluster?.[Symbol.asyncDispose]();
  }

  #use(): Cluster {
    if (this.#cluster === undefined) throw new Error("The cluster did not start");
    return this.#cluster;
  }

  #ledgers(): readonly Ledger[] {
    return [this.#orders, this.#conversation].flatMap((load) => load?.ledger ?? []);
  }
}

/** Waits until everything that was acknowledged has been handled. */
async function settled(ledger: Ledger): Promise<Ledger> {
  for (const deadline = performance.now() + REQUEST_TIMEOUT_MS; ledger.lost.length > 0 && performance.now() < deadline;)
    await delay(CHECK_EVERY_MS);
  return ledger;
}

/** @throws Error if a message was lost, repeated or invented. */
function describe({ acknowledged, lost, twice, unknown }: Ledger): string {
  const counts = `${acknowledged} acknowledged, lost ${lost.length}, twice ${twice.length}`;
  expect(lost.length === 0 && twice.length === 0 && unknown.length === 0, `${counts}, unknown ${unknown.length}`);
  return counts;
}

/** Agents report failures of connections that they repair themselves. */
function ignoreErrors(): void {}
