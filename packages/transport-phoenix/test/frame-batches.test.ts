import { describe, expect, it } from "vitest";
import { ALICE_TOPIC, connect, MESSAGE, next, startServer, transportTo } from "./fixture.ts";

const COUNT = 20;

/** Sends messages at once, and returns how many WebSocket messages they took. */
async function messagesForSends(maxBatchBytes: number | undefined): Promise<number> {
  const server = await startServer();
  server.maxBatchBytes = maxBatchBytes;
  const { connection } = await connect(transportTo(server));
  const before = server.messages;
  await Promise.all(Array.from({ length: COUNT }, (_, n) => connection.send({ ...MESSAGE, id: `m${n}` })));
  expect(server.framesOf("message").map((frame) => frame[4]["id"])).toEqual(Array.from({ length: COUNT }, (_, n) => `m${n}`));
  return server.messages - before;
}

describe("frames of one turn of the event loop", () => {
  it("share a WebSocket message with a node that offers batches", async () => {
    expect(await messagesForSends(65_536)).toBe(1);
  });

  it("are messages of their own with a node that doesn't offer batches", async () => {
    expect(await messagesForSends(undefined)).toBe(COUNT);
    expect(await messagesForSends(0)).toBe(COUNT);
  });

  it("keep to the node's limit", async () => {
    const messages = await messagesForSends(1500);
    expect(messages).toBeGreaterThan(1);
    expect(messages).toBeLessThan(COUNT);
  });

  it("are offered with the largest batch that the client accepts", async () => {
    const server = await startServer();
    await connect(transportTo(server));
    await connect(transportTo(server, { limits: { maxFrameLength: 10_000 } }));
    expect(server.upgrades.map(({ headers }) => headers["x-frame-batch"])).toEqual(["65536", "10000"]);
  });
});

describe("an acknowledgement", () => {
  it.each([
    ["has no ref with a node that offers batches, which sends no reply then", 65_536, false],
    ["has a ref with a node that doesn't offer batches", undefined, true],
  ])("%s", async (_name, maxBatchBytes, hasRef) => {
    const server = await startServer();
    server.maxBatchBytes = maxBatchBytes;
    const { connection } = await connect(transportTo(server));
    server.client.deliver(ALICE_TOPIC, MESSAGE);
    const delivery = await next(connection.deliveries[Symbol.asyncIterator]());
    delivery.settle({ status: "handled" });
    const [joinRef, ref, , , payload] = await server.frame("dispatch_reply");
    expect(ref !== null).toBe(hasRef);
    expect({ joinRef, payload }).toEqual({ joinRef: expect.any(String), payload: { message_id: MESSAGE.id, status: "handled" } });
  });
});

describe("a batch from the node", () => {
  it("is read frame by frame; a malformed one costs none of the others", async () => {
    const server = await startServer();
    server.maxBatchBytes = 65_536;
    const { connection, events } = await connect(transportTo(server));
    const deliveries = connection.deliveries[Symbol.asyncIterator]();
    const delivery = (id: string) => JSON.stringify([null, null, ALICE_TOPIC, "message", { context: {}, plaintext: { ...MESSAGE, id } }]);
    server.client.raw([delivery("a"), "[nonsense", delivery("b")].join("\n"));
    expect((await next(deliveries)).plaintext).toMatchObject({ id: "a" });
    expect((await next(deliveries)).plaintext).toMatchObject({ id: "b" });
    expect(events.faults).toHaveLength(1);
  });

  it("is not looked for in the messages of a node that doesn't offer batches", async () => {
    const server = await startServer();
    const { connection } = await connect(transportTo(server));
    const deliveries = connection.deliveries[Symbol.asyncIterator]();
    server.client.raw(JSON.stringify([null, null, ALICE_TOPIC, "message", { context: {}, plaintext: MESSAGE }], undefined, 1));
    expect((await next(deliveries)).plaintext).toEqual(MESSAGE);
  });
});
