import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNode } from "@parley/layr8-node";
import { Client, logErrors, ProblemReportError, type SDKError, ServerRejectError } from "layr8";
import { ChildAgent } from "./child-agent.ts";
import { expect, failureOf, type Story } from "./story.ts";

const BASIC_MESSAGE = "https://didcomm.org/basicmessage/2.0/message";
const ECHO = "https://layr8.io/protocols/echo/1.0";
const DIVISION = "https://layr8.io/protocols/division/1.0";
const ORDER = "https://layr8.io/protocols/order/1.0";
const ALICE = "did:web:localhost:alice";

/** layr8: two agents and a node, with errors, crashes and restarts. */
export async function tellLayr8(story: Story): Promise<void> {
  story.chapter("layr8: agents that exchange DIDComm messages through a node");
  const dataDir = await mkdtemp(join(tmpdir(), "parley-quickstart-"));
  let node = await startNode({ port: 0, dataDir, logger: false });
  const { port, url: nodeUrl } = node;
  const apiKey = node.apiKey ?? "";
  const heard: SDKError[] = [];
  const alice = new Client({ nodeUrl, apiKey, agentDid: ALICE }, (error) => void heard.push(error));
  const bob = new Client({ nodeUrl, apiKey }, logErrors());

  const inbox: string[] = [];
  let wake: () => void = () => {};
  alice.handle(BASIC_MESSAGE, (message) => {
    inbox.push(String(message.body["content"]));
    wake();
  });
  alice.handle(`${ECHO}/request`, (message) => ({ type: `${ECHO}/response`, body: message.body }));
  alice.handle(`${DIVISION}/request`, (message) => {
    if (message.body["by"] === 0)
      throw new ProblemReportError("e.p.msg.division-by-zero", "Can't divide {1} by zero", [String(message.body["number"])]);
    return { type: `${DIVISION}/response`, body: { result: Number(message.body["number"]) / Number(message.body["by"]) } };
  });
  const echo = async (text: string) => {
    const answer = await bob.request({ type: `${ECHO}/request`, to: ALICE, body: { text } }, { timeoutMs: 5000 });
    expect(answer.body["text"] === text, `The echo came back as ${JSON.stringify(answer.body)}`);
  };

  try {
    await story.step("a node runs inside this process", async () => `it listens at ${nodeUrl} and keeps its data in ${dataDir}`);

    await story.step("alice connects with a DID of her own", async () => {
      await alice.connect();
      expect(alice.did === ALICE, `Alice is ${alice.did}`);
      return `the node knows her as ${alice.did}`;
    });

    await story.step("bob connects without one, and is given an ephemeral DID", async () => {
      await bob.connect();
      return `he is ${bob.did}`;
    });

    await story.step("bob sends a message, and the node acknowledges it", async () => {
      const arrived = new Promise<void>((resolve) => (wake = resolve));
      await bob.send({ type: BASIC_MESSAGE, to: ALICE, body: { content: "Hello!" } });
      await arrived;
      return `send() returned once it was safe; alice's handler got "${inbox.at(-1)}"`;
    });

    await story.step("bob asks, alice answers", async () => {
      await echo("ping");
      return "request() found the response by its thread";
    });

    await story.step("a request that alice's handler rejects becomes a problem report", async () => {
      const failure = await failureOf(bob.request({ type: `${DIVISION}/request`, to: ALICE, body: { number: 7, by: 0 } }));
      expect(failure instanceof ProblemReportError, `Instead it became ${String(failure)}`);
      const kind = heard.at(-1)?.kind;
      expect(kind === "refused", `Alice's error handler heard ${kind ?? "nothing"}`);
      return `bob's request() threw "${failure.message}", and alice's error handler heard of a ${kind}`;
    });

    await story.step("a message to an unknown DID is rejected", async () => {
      const failure = await failureOf(bob.send({ type: BASIC_MESSAGE, to: "did:web:localhost:unknown", body: {} }));
      expect(failure instanceof ServerRejectError, `Instead: ${String(failure)}`);
      return `bob's send() threw: ${failure.message}`;
    });

    await story.step("a durable handler is killed before it acknowledged, and gets the order again", async () => {
      const env = { LAYR8_NODE_URL: nodeUrl, LAYR8_API_KEY: apiKey, LAYR8_AGENT_DID: "did:web:localhost:orders" };
      const first = new ChildAgent({ ...env, DIE_BEFORE_ACK: "1" });
      await first.said("ready");
      const id = "order-1";
      await bob.send({ id, type: `${ORDER}/created`, to: env.LAYR8_AGENT_DID, body: { item: "tea" } });
      await first.said(`got ${id}`);
      expect((await first.exit()) === "SIGKILL", "The agent was to be killed");
      const second = new ChildAgent(env);
      await second.said(`acknowledged ${id}`);
      await second.stop();
      return "the node kept it until the agent came back and acknowledged it";
    });

    await story.step("the node restarts, and the agents reconnect automatically", async () => {
      const back = Promise.all([alice, bob].map((client) => new Promise<void>((resolve) => void client.onReconnect(resolve))));
      const before = bob.did;
      await node.close();
      node = await startNode({ port, dataDir, logger: false });
      await back;
      expect(bob.did === before, `Bob is now ${bob.did}`);
      await echo("still there?");
      return `bob is still ${bob.did}, and alice still answers him`;
    });
  } finally {
    await Promise.all([alice.close(), bob.close()]);
    await node.close();
    await rm(dataDir, { recursive: true, force: true });
  }
}
