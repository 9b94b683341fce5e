import { startNode, type Layr8Node } from "@parley/layr8-node";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Client, PhoenixTransport, RequestTimeoutError, type Config, type MessageInit, type SDKError } from "../src/index.ts";

const ORDER = "https://layr8.io/protocols/order/1.0";
const SHOP = "did:web:localhost:shop";

let node: Layr8Node;
let clients: Client[];
let errors: SDKError[];

function client(config: Config = {}): Client {
  const made = new Client({ nodeUrl: node.url, apiKey: node.apiKey, ...config }, (error) => void errors.push(error));
  clients.push(made);
  return made;
}

/** A shop, not connected yet, and the ids of the orders that it has begun with. */
function shop(): { readonly agent: Client; readonly begun: string[] } {
  const begun: string[] = [];
  const agent = client({ agentDid: SHOP });
  agent.handle(`${ORDER}/create`, ({ id }) => {
    begun.push(id);
    return { type: `${ORDER}/created` };
  });
  agent.handle(`${ORDER}/ping`, () => ({ type: `${ORDER}/pong` }));
  return { agent, begun };
}

/** The failure of a request without a handler, with a timeout long enough for this machine to receive the node's answer. */
async function unanswered(
  customer: Client,
  order: MessageInit,
): Promise<{ readonly failure: RequestTimeoutError; readonly timeoutMs: number }> {
  for (let timeoutMs = 50; ; timeoutMs *= 2) {
    const failure = await customer.request(order, { timeoutMs }).catch((error: unknown) => error);
    if (failure instanceof RequestTimeoutError && failure.away.length > 0) return { failure, timeoutMs };
    expect(timeoutMs).toBeLessThan(60_000);
  }
}

beforeEach(async () => {
  [clients, errors] = [[], []];
  node = await startNode({ port: 0, logger: false });
});

afterEach(async () => {
  await Promise.all(clients.map((made) => made.close()));
  await node.close();
});

describe("a request to an agent that is away", () => {
  it("fails with the recipient in `away`, and never reaches the handler", async () => {
    await (await shop().agent.connect()).close();
    const customer = await client({ agentDid: "did:web:localhost:customer" }).connect();
    const order = { type: `${ORDER}/create`, to: SHOP };
    for (let n = 0; n < 3; n++) {
      const { failure, timeoutMs } = await unanswered(customer, order);
      expect(failure).toMatchObject({ accepted: true, away: [SHOP], retryable: true });
      const what = `No response from ${SHOP} to ${ORDER}/create within ${timeoutMs} ms`;
      expect(failure.message).toBe(`${what}; ${SHOP}: no agent is connected`);
    }
    // By the node's clock, in whole seconds.
    const expired = Date.now() + 2000;
    await expect.poll(() => Date.now()).toBeGreaterThan(expired);
    const { agent, begun } = shop();
    await agent.connect();
    await customer.request({ type: `${ORDER}/ping`, to: SHOP });
    expect(begun).toEqual([]);
    expect(errors).toEqual([]);
  });

  it("is handled once when it is tried again under its id until the agent is back", async () => {
    await (await shop().agent.connect()).close();
    const customer = await client().connect();
    const order = { id: "order-1", type: `${ORDER}/create`, to: SHOP };
    for (let n = 0; n < 2; n++) await unanswered(customer, order);
    const last = customer.request(order, { timeoutMs: 20_000 });
    const { agent, begun } = shop();
    await agent.connect();
    expect((await last).type).toBe(`${ORDER}/created`);
    await customer.request({ type: `${ORDER}/ping`, to: SHOP });
    expect(begun).toEqual(["order-1"]);
  });

  it("stays for it where it must not expire", async () => {
    await (await shop().agent.connect()).close();
    const customer = await client().connect();
    await expect(customer.request({ type: `${ORDER}/create`, to: SHOP }, { timeoutMs: 50, expires: false })).rejects.toThrow(
      RequestTimeoutError,
    );
    const { agent, begun } = shop();
    await agent.connect();
    await expect.poll(() => begun).toHaveLength(1);
  });
});

describe("a durable handler that fails first", () => {
  it("answers a waiting sender in its second attempt", async () => {
    await node.close();
    node = await startNode({ port: 0, logger: false, limits: { ackTimeoutMs: 100 } });
    const agent = client({ agentDid: SHOP });
    const attempts: unknown[] = [];
    agent.handle(
      `${ORDER}/create`,
      (message) => {
        attempts.push(message.context?.attempt);
        if (attempts.length === 1) throw new Error("disk full, password hunter2");
        message.ack();
        return { type: `${ORDER}/created` };
      },
      { manualAck: true },
    );
    await agent.connect();
    const customer = await client().connect();
    const answer = await customer.request({ type: `${ORDER}/create`, to: SHOP }, { timeoutMs: 25_000 });
    expect(answer.type).toBe(`${ORDER}/created`);
    expect(attempts).toEqual([1, 2]);
    expect(errors).toMatchObject([{ kind: "handler_exception" }]);
  });
});

describe("an exception of a handler", () => {
  it("is a reference for the sender, which both sides can log", async () => {
    const agent = client({ agentDid: SHOP });
    agent.handle(`${ORDER}/create`, () => Promise.reject(new Error("connect ECONNREFUSED db.internal, password hunter2")));
    await agent.connect();
    const customer = await client().connect();
    const failure = await customer
      .request({ id: "order-1", type: `${ORDER}/create`, to: SHOP })
      .catch((error: unknown) => error as Error & { readonly comment?: string });
    expect(failure).toMatchObject({ code: "e.p.xfer.cant-process", comment: "The handler failed (reference order-1)", from: SHOP });
    expect(errors).toMatchObject([{ messageId: "order-1" }]);
  });
});

describe("a DID that two processes use", () => {
  it("reports the takeover to the second, and the loss to the first, once", async () => {
    const emitWarning = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const [first, second] = [shop().agent, shop().agent];
    const lost: string[] = [];
    first.onDisconnect(({ code }) => lost.push(code));
    await first.connect();
    expect(first.tookOver).toBe(false);
    await second.connect();
    expect(second.tookOver).toBe(true);
    await expect.poll(() => errors).toMatchObject([{ kind: "server_reject", cause: { code: "taken_over" } }]);
    expect(lost).toEqual(["taken_over"]);
    await expect(first.send({ type: `${ORDER}/ping`, to: SHOP })).rejects.toMatchObject({ reason: "ended", retryable: false });
    expect(emitWarning.mock.calls.map(([text]) => String(text))).toEqual([expect.stringContaining(`${SHOP} was connected elsewhere`)]);
    emitWarning.mockRestore();
  });
});

describe("a message that is longer than its recipient reads", () => {
  it("is given up with a report to its sender, while the recipient gets all other messages", async () => {
    const transport = new PhoenixTransport({
      nodeUrl: node.url,
      apiKey: node.apiKey ?? "",
      limits: { maxFrameLength: 64 * 1024 },
      backoff: { initialMs: 20, maxMs: 50 },
    });
    const agent = client({ agentDid: SHOP, transport });
    const handled: string[] = [];
    agent.handle(`${ORDER}/create`, ({ id }) => void handled.push(id));
    await agent.connect();
    const customer = await client().connect();
    const isReport = ({ kind, cause }: SDKError) => kind === "server_reject" && cause.name === "ProblemReportError";
    await customer.send({ id: "long", type: `${ORDER}/create`, to: SHOP, body: { text: "x".repeat(100_000) } });
    await customer.send({ id: "short", type: `${ORDER}/create`, to: SHOP });
    await expect.poll(() => handled).toContain("short");
    await expect.poll(() => errors.filter(isReport)).not.toEqual([]);
    await customer.send({ id: "later", type: `${ORDER}/create`, to: SHOP });
    await expect.poll(() => handled).toContain("later");
    expect(handled).not.toContain("long");
    expect(errors.filter(({ kind }) => kind === "parse_failure")[0]?.cause.message).toMatch(
      /more than 65536 bytes \(limits\.maxFrameLength\)/,
    );
  });
});
