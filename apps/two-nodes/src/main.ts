// Two nodes on this machine with agents on each, exchanging messages while both nodes are killed and restarted.
// node dist/main.js   Starts all processes, prints each step, and exits with 0 if no message was lost or handled twice.
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { Client, ProblemReportError, ServerRejectError, type MessageInit } from "layr8";
import { NodeProcess } from "./node-process.ts";

const ECHO = "https://layr8.io/protocols/echo/1.0";
const ORDER = "https://layr8.io/protocols/order/1.0";
const NOTE = "https://layr8.io/protocols/note/1.0";
const [ACME, ALICE, BOB] = ["did:web:alice-test.localhost:acme", "did:web:alice-test.localhost:agent", "did:web:bob-test.localhost:agent"];
const NOTES = 60;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function expect(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Error(otherwise);
}

const folder = await mkdtemp(join(tmpdir(), "parley-two-nodes-"));
const apiKey = randomBytes(24).toString("base64url");
const [portA, portB] = [await freePort(), await freePort()];

// Bob's node accepts orders only with a credential issued by Acme, which is on the other node.
const config = join(folder, "bob.json");
const policies = [{ did: BOB, protocols: [ORDER], credentials: [{ type: "EmployeeCredential", issuers: [ACME] }] }];
await writeFile(config, JSON.stringify({ policies }));

const nodeA = new NodeProcess(portA, apiKey, [
  "--domain=alice-test.localhost",
  `--data-dir=${join(folder, "a")}`,
  `--peer=bob-test.localhost=http://127.0.0.1:${portB}`,
]);
const nodeB = new NodeProcess(portB, apiKey, [
  "--domain=bob-test.localhost",
  `--data-dir=${join(folder, "b")}`,
  `--peer=alice-test.localhost=http://127.0.0.1:${portA}`,
  `--config=${config}`,
]);
// The agents report lost connections, which are expected here.
const agent = (node: NodeProcess, agentDid: string) => new Client({ nodeUrl: node.nodeUrl, apiKey, agentDid }, () => {});
const [acme, alice, bob] = [agent(nodeA, ACME), agent(nodeA, ALICE), agent(nodeB, BOB)];

const notes: string[] = [];
let allHere: () => void = () => {};
const arrived = new Promise<void>((resolve) => (allHere = resolve));
bob.handle(`${ECHO}/request`, (message) => ({ type: `${ECHO}/response`, body: message.body }));
bob.handle(`${ORDER}/create`, (message) => ({
  type: `${ORDER}/created`,
  body: { for: message.context?.senderCredentials[0]?.credentialSubject["name"] ?? null },
}));
bob.handle(`${NOTE}/note`, (message) => {
  notes.push(message.id);
  if (new Set(notes).size === NOTES) allHere();
});

/** Retries until the message is acknowledged. Messages with the same id are deduplicated. */
async function surely(message: MessageInit): Promise<void> {
  for (;;) {
    try {
      await alice.send(message);
      return;
    } catch (error) {
      if (error instanceof ServerRejectError) throw error;
      await setTimeout(100);
    }
  }
}

try {
  await Promise.all([nodeA.start(), nodeB.start()]);
  await Promise.all([acme.connect(), alice.connect(), bob.connect()]);
  console.log(`${alice.did} is on one node, ${bob.did} on another`);

  const echo = await alice.request({ type: `${ECHO}/request`, to: BOB, body: { message: "ping" } });
  expect(echo.body["message"] === "ping" && echo.from === BOB, `The echo came back as ${JSON.stringify(echo)}`);
  console.log("request to the other node answered");

  const order = { type: `${ORDER}/create`, to: BOB, body: { item: "tea" } };
  const denied = await alice.request(order).catch((error: unknown) => error);
  expect(denied instanceof ProblemReportError && denied.code === "e.m.authz.denied", `Without a credential: ${String(denied)}`);
  console.log(`order without a credential denied: ${denied.message}`);

  const credential = await acme.signCredential({ type: ["EmployeeCredential"], credentialSubject: { id: ALICE, name: "Alice" } });
  const created = await alice.request(await alice.present(order, [credential]));
  expect(created.body["for"] === "Alice", `The order is for ${JSON.stringify(created.body)}`);
  console.log("order with a credential from the other node accepted");

  const ids = Array.from({ length: NOTES }, (_, index) => `note-${index}`);
  let restarted: Promise<unknown> = Promise.resolve();
  for (const [index, id] of ids.entries()) {
    // Bob's node first, while notes are in flight; then Alice's node, with notes in its outbound queue.
    if (index === 20) restarted = nodeB.kill("SIGKILL");
    if (index === 40) restarted = nodeA.kill("SIGKILL").then(() => Promise.all([nodeA.start(), nodeB.start()]));
    await surely({ id, type: `${NOTE}/note`, to: BOB, body: { index } });
  }
  await restarted;
  console.log(`${NOTES} notes acknowledged, while both nodes were killed`);

  const tooLate = setTimeout(60_000, undefined, { ref: false }).then(() => {
    throw new Error(`Only ${new Set(notes).size} of ${NOTES} notes have arrived`);
  });
  await Promise.race([arrived, tooLate]);
  expect(notes.length === NOTES, `${notes.length - NOTES} notes were handled twice`);
  expect(notes.join() === ids.join(), `The notes arrived in a different order: ${notes.join()}`);
  console.log("all notes handled exactly once, in order");
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  await Promise.all([acme.close(), alice.close(), bob.close()]);
  await Promise.all([nodeA.kill("SIGTERM"), nodeB.kill("SIGTERM")]);
  await rm(folder, { recursive: true, force: true });
}
