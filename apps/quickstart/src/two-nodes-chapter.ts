import { createServer, type AddressInfo } from "node:net";
import { startNode, type Layr8Node } from "@parley/layr8-node";
import { Client, logErrors, ProblemReportError } from "layr8";
import { expect, failureOf, type Story } from "./story.ts";

const BASIC_MESSAGE = "https://didcomm.org/basicmessage/2.0/message";
const ECHO = "https://layr8.io/protocols/echo/1.0";
const ALICE = "did:web:alice-test.localhost:agent";
const BOB = "did:web:bob-test.localhost:agent";
const API_KEY = "a key for this tour alone";

/** Two nodes: agents find each other by their DIDs, and messages are encrypted in transit. */
export async function tellTwoNodes(story: Story): Promise<void> {
  story.chapter("two nodes: messages to agents of another node");
  const [portA, portB] = [await freePort(), await freePort()];
  // On the internet, DNS resolves the host of a DID. On one machine, its origin is configured.
  const hosts = { "alice-test.localhost": `http://127.0.0.1:${portA}`, "bob-test.localhost": `http://127.0.0.1:${portB}` };
  const open = (name: string, port: number): Promise<Layr8Node> =>
    startNode({ port, domain: `${name}-test.localhost`, resolution: { hosts }, apiKeys: [{ key: API_KEY, dids: "any" }], logger: false });
  const [nodeA, nodeB] = [await open("alice", portA), await open("bob", portB)];
  const alice = new Client({ nodeUrl: nodeA.url, apiKey: API_KEY, agentDid: ALICE }, logErrors());
  const bob = new Client({ nodeUrl: nodeB.url, apiKey: API_KEY, agentDid: BOB }, logErrors());
  let heard: (text: string) => void = () => {};
  bob.handle(BASIC_MESSAGE, (message) => heard(String(message.body["content"])));
  bob.handle(`${ECHO}/request`, (message) => ({ type: `${ECHO}/response`, body: message.body }));

  try {
    await Promise.all([alice.connect(), bob.connect()]);

    await story.step("alice sends to bob, whose agent is on a partner's node", async () => {
      const arrived = new Promise<string>((resolve) => (heard = resolve));
      await alice.send({ type: BASIC_MESSAGE, to: BOB, body: { content: "Hello!" } });
      return `her node found his by his DID, and sent it encrypted; bob got "${await arrived}"`;
    });

    await story.step("alice asks across, and bob answers", async () => {
      const answer = await alice.request({ type: `${ECHO}/request`, to: BOB, body: { text: "ping" } }, { timeoutMs: 5000 });
      expect(answer.body["text"] === "ping" && answer.from === BOB, `The echo came back as ${JSON.stringify(answer.body)}`);
      return "his node knew hers by the keys of her DID's document, and the other way round";
    });

    await story.step("a message without a handler comes back as a problem report", async () => {
      const failure = await failureOf(alice.request({ type: "https://layr8.io/protocols/chess/1.0/move", to: BOB }));
      expect(failure instanceof ProblemReportError, `Instead it became ${String(failure)}`);
      return `alice's request() threw "${failure.message}"`;
    });
  } finally {
    await Promise.all([alice.close(), bob.close()]);
    await Promise.all([nodeA.close(), nodeB.close()]);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
