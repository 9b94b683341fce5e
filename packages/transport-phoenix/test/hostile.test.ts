import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ALICE_TOPIC, connect, MESSAGE, next, startServer, transportTo } from "./fixture.ts";

const frame = (...members: unknown[]) => JSON.stringify(members);
const onTopic = (event: string, payload: unknown) => frame(null, null, ALICE_TOPIC, event, payload);

describe("a node that sends what can't be read", () => {
  it.each<[string, string | Buffer, string]>([
    ["nothing", "", "The node sent a frame that is not JSON"],
    ["no JSON", "hello", "The node sent a frame that is not JSON"],
    ["half a frame", '[null,null,"plugins:', "The node sent a frame that is not JSON"],
    ["deep nesting", "[".repeat(100_000), "The node sent a frame that is not JSON"],
    ["an object", "{}", "The node sent a frame that is not an array of five"],
    ["null", "null", "The node sent a frame that is not an array of five"],
    ["four members", frame(null, null, ALICE_TOPIC, "message"), "The node sent a frame that is not an array of five"],
    ["six members", frame(null, null, ALICE_TOPIC, "message", {}, {}), "The node sent a frame that is not an array of five"],
    [
      "a join_ref that is a number",
      frame(1, null, ALICE_TOPIC, "message", {}),
      "The node sent a frame whose join_ref is neither a string nor null",
    ],
    [
      "a ref that is a number",
      frame(null, 1, ALICE_TOPIC, "phx_reply", {}),
      "The node sent a frame whose ref is neither a string nor null",
    ],
    ["a topic that is null", frame(null, null, null, "message", {}), "The node sent a frame whose topic is not a string"],
    ["an event that is an object", frame(null, null, ALICE_TOPIC, {}, {}), "The node sent a frame whose event is not a string"],
    ["a payload that is null", onTopic("message", null), "The node sent a frame whose payload is not an object"],
    ["a payload that is an array", onTopic("message", []), "The node sent a frame whose payload is not an object"],
    ["a payload that is text", onTopic("phx_reply", "ok"), "The node sent a frame whose payload is not an object"],
    [
      "an unknown topic",
      frame(null, null, "plugins:did:web:node.example:mallory", "message", { plaintext: {} }),
      "The node sent a frame of an unknown topic",
    ],
    ["an unknown event", onTopic("presence_diff", {}), "The node sent an event that is not known"],
    ["an event named like an internal one", onTopic("chan_reply_1", { status: "ok" }), "The node sent an event that is not known"],
    ["an event named like a member of objects", onTopic("__proto__", {}), "The node sent an event that is not known"],
    [
      "a reply to nothing",
      frame(null, "999999", ALICE_TOPIC, "phx_reply", { status: "ok", response: {} }),
      "The node replied to nothing that was sent",
    ],
    ["a reply without a ref", onTopic("phx_reply", { status: "ok", response: {} }), "The node replied to nothing that was sent"],
    [
      "a reply to a ref that is not a number",
      frame(null, "constructor", ALICE_TOPIC, "phx_reply", { status: "ok" }),
      "The node replied to nothing that was sent",
    ],
    ["a reply without a status", frame(null, "1", ALICE_TOPIC, "phx_reply", {}), "The node sent a reply without a status"],
    [
      "a reply with a status of the wrong type",
      frame(null, "1", ALICE_TOPIC, "phx_reply", { status: 200 }),
      "The node sent a reply without a status",
    ],
    ["a message without a plaintext", onTopic("message", { context: {} }), "The node sent a message without a plaintext"],
    ["a binary frame", Buffer.from([0, 1, 1, 7]), "The node sent a binary frame"],
    ["an empty binary frame", Buffer.alloc(0), "The node sent a binary frame"],
  ])("is reported, and the connection stays open: %s", async (_name, raw, message) => {
    const server = await startServer();
    const { connection, events } = await connect(transportTo(server));
    server.client.raw(raw);
    await events.until(() => events.faults.length === 1);
    expect(events.faults[0]?.error).toMatchObject({ code: "frame_invalid", message });
    expect(events.faults[0]?.raw).toEqual(typeof raw === "string" ? raw.slice(0, 1024) : new Uint8Array(raw));
    await connection.send(MESSAGE);
    server.client.deliver(ALICE_TOPIC, MESSAGE);
    expect((await next(connection.deliveries[Symbol.asyncIterator]())).plaintext).toEqual(MESSAGE);
    expect(events.faults).toHaveLength(1);
    expect(events.disconnects).toEqual([]);
  });

  it.each([
    ["a reply to no heartbeat", frame(null, "77", "phoenix", "phx_reply", { status: "ok", response: {} })],
    ["a heartbeat reply without a status", frame(null, "77", "phoenix", "phx_reply", {})],
    ["an event on phoenix' own topic", frame(null, null, "phoenix", "phx_error", {})],
    ["the end of a topic that is not ours", frame(null, null, "plugins:gone", "phx_close", {})],
  ])("is of no interest: %s", async (_name, raw) => {
    const server = await startServer();
    const { connection, events } = await connect(transportTo(server));
    server.client.raw(raw);
    await connection.send(MESSAGE);
    expect(events.faults).toEqual([]);
    expect(events.disconnects).toEqual([]);
  });

  it("passes plaintexts of any kind to the codec", async () => {
    const server = await startServer();
    const { connection } = await connect(transportTo(server));
    const deliveries = connection.deliveries[Symbol.asyncIterator]();
    for (const plaintext of [null, 7, "text", [], { id: 7 }]) {
      server.client.deliver(ALICE_TOPIC, plaintext);
      const delivery = await next(deliveries);
      expect(delivery.plaintext).toEqual(plaintext);
      // A message without an id cannot be acknowledged.
      delivery.settle({ status: "handled" });
    }
    await connection.send(MESSAGE);
    expect(server.framesOf("dispatch_reply")).toEqual([]);
  });

  it.each<[string, string | Buffer, Buffer | undefined]>([
    ["a frame that is too long", "x".repeat(5_000), undefined],
    ["text that is not UTF-8", "", Buffer.from([0x81, 0x02, 0xc3, 0x28])],
    ["a reserved opcode", "", Buffer.from([0x83, 0x00])],
    ["a masked frame", "", Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0x41])],
  ])("is reported and left for a new link when it breaks the WebSocket protocol: %s", async (_name, text, bytes) => {
    const server = await startServer();
    const { connection, events } = await connect(transportTo(server, { limits: { maxFrameLength: 4_096 } }));
    if (bytes === undefined) server.client.raw(text);
    else server.client.request.socket.write(bytes);
    await events.until(() => events.reconnects === 1);
    expect(events.faults).toMatchObject([{ error: { code: "frame_invalid" }, raw: undefined }]);
    expect(events.disconnects).toMatchObject([{ code: "disconnected" }]);
    await connection.send(MESSAGE);
  });

  it("names the limit that a frame exceeds, and what becomes of its message", async () => {
    const server = await startServer();
    const { events } = await connect(transportTo(server, { limits: { maxFrameLength: 4_096 } }));
    server.client.raw("x".repeat(5_000));
    await events.until(() => events.reconnects === 1);
    const text = "The node sent a frame of more than 4096 bytes (limits.maxFrameLength), which ended the link";
    expect(events.faults[0]?.error.message).toBe(`${text}; the node delivers its message again, up to its limit`);
  });

  it("reports what concerns no topic to every connection of the socket, and the rest only where it belongs", async () => {
    const server = await startServer();
    const transport = transportTo(server);
    const alice = await connect(transport);
    const bob = await connect(transport, { did: "did:web:node.example:bob" });
    server.client.raw("nonsense");
    server.client.raw(onTopic("unknown", {}));
    await alice.connection.send(MESSAGE);
    expect(alice.events.faults).toHaveLength(2);
    expect(bob.events.faults).toHaveLength(1);
  });

  it("does not end the connection with random frames", async () => {
    const server = await startServer();
    const { connection, events } = await connect(transportTo(server, { limits: { maxQueuedDeliveries: 1_000_000 } }));
    const member = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.constantFrom(null, "1", "2", "7", "phoenix", ALICE_TOPIC, "phx_reply", "message", "phx_join"),
    );
    const payload = fc.record(
      { status: member, response: member, plaintext: fc.jsonValue(), context: fc.jsonValue() },
      { requiredKeys: [] },
    );
    const text = fc.oneof(
      fc.string(),
      fc.json(),
      fc.tuple(member, member, member, member, fc.oneof(payload, member)).map((parts) => JSON.stringify(parts)),
    );
    const arrivals = fc.sample(
      fc.oneof(
        text,
        fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
      ),
      3_000,
    );
    for (const arrival of arrivals) server.client.raw(arrival);
    await connection.send(MESSAGE);
    expect(events.disconnects).toEqual([]);
    expect(events.faults.length).toBeGreaterThan(1_000);
    for (const { error } of events.faults) expect(error.code).toBe("frame_invalid");
  });

  it("leaves deliveries beyond the limit to the node's redelivery", async () => {
    const server = await startServer();
    const { connection, events } = await connect(transportTo(server, { limits: { maxQueuedDeliveries: 2 } }));
    for (const id of ["1", "2", "3"]) server.client.deliver(ALICE_TOPIC, { id });
    await connection.send(MESSAGE);
    expect(events.faults).toMatchObject([{ error: { code: "frame_invalid" } }]);
    await connection.close();
    const seen: unknown[] = [];
    for await (const { plaintext } of connection.deliveries) seen.push(plaintext);
    expect(seen).toEqual([{ id: "1" }, { id: "2" }]);
  });

  it("reports a message that comes before the answer to the join", async () => {
    const server = await startServer();
    server.behaviour = (joining, client) => {
      if (joining[3] === "phx_join") client.deliver(joining[2], MESSAGE);
      return "default";
    };
    const { events } = await connect(transportTo(server));
    expect(events.faults).toMatchObject([{ error: { message: "The node sent a message before it had answered the join" } }]);
  });
});
