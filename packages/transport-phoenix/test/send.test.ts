import { RejectedError, type Delivery, type JsonObject } from "@parley/core";
import { rejectionOf } from "@parley/test-assertions";
import { describe, expect, it } from "vitest";
import { ALICE_TOPIC, connect, MESSAGE, next, startServer, transportTo } from "./fixture.ts";

describe("send", () => {
  it("pushes the bare plaintext on the topic and resolves with the node's ok", async () => {
    const server = await startServer();
    const { connection } = await connect(transportTo(server));
    const plaintext = { ...MESSAGE, body: { text: "grüße 🎈" }, "x-header": [1, null] };
    await connection.send(plaintext);
    const [joinRef, ref, topic, , payload] = await server.frame("message");
    expect(payload).toEqual(plaintext);
    expect([joinRef, topic]).toEqual([server.client.joins.get(ALICE_TOPIC), ALICE_TOPIC]);
    expect(ref).not.toBe(joinRef);
  });

  it.each<[unknown, object]>([
    [{ away: ["did:example:bob"] }, { away: ["did:example:bob"] }],
    [{ away: [7, "did:example:bob"] }, { away: ["did:example:bob"] }],
    [{ away: [] }, {}],
    [{ away: "did:example:bob" }, {}],
    [{}, {}],
  ])("resolves with the recipients that the node calls away: %j", async (response, receipt) => {
    const server = await startServer();
    const { connection } = await connect(transportTo(server));
    server.behaviour = (frame, client) => (frame[3] === "message" ? client.reply(frame, "ok", response) : "default");
    expect(await connection.send(MESSAGE)).toEqual(receipt);
  });

  it.each<[string, unknown, string, string | undefined]>([
    ["a reason and a code", { reason: "denied by policy", code: "e.m.authz.denied" }, "denied by policy", "e.m.authz.denied"],
    ["a reason", { reason: "unauthorized", code: 7 }, "unauthorized", undefined],
    ["nothing", {}, "no reason given (status error)", undefined],
    ["a response of the wrong type", ["unauthorized"], "no reason given (status error)", undefined],
  ])("ends with rejected when the node rejects with %s", async (_name, response, reason, problemCode) => {
    const server = await startServer();
    const { connection } = await connect(transportTo(server));
    server.behaviour = (frame, client) => client.reply(frame, "error", response);
    const error = await rejectionOf(connection.send(MESSAGE));
    expect(error).toBeInstanceOf(RejectedError);
    expect(error).toMatchObject({ code: "rejected", reason });
    expect((error as RejectedError).problemCode).toBe(problemCode);
    expect((error as RejectedError).retryable).toBe(false);
    server.behaviour = () => "default";
  });

  it.each(["e.p.me.res.net", "e.p.me.res.rate", "e.p.me.res.storage"])(
    "may be repeated when the node rejects with %s: a resource lacks now",
    async (code) => {
      const server = await startServer();
      const { connection } = await connect(transportTo(server));
      server.behaviour = (frame, client) => client.reply(frame, "error", { reason: "send it again later", code });
      expect(await rejectionOf(connection.send(MESSAGE))).toMatchObject({ code: "rejected", problemCode: code, retryable: true });
      server.behaviour = () => "default";
    },
  );

  it("fails with push_timeout when the node does not answer, and ignores a late answer", async () => {
    const server = await startServer();
    const { connection, events } = await connect(transportTo(server, { timeouts: { pushMs: 200 } }));
    server.behaviour = ([, , , event]) => (event === "message" ? "ignore" : "default");
    const errors = await Promise.all([rejectionOf(connection.send(MESSAGE)), rejectionOf(connection.send(MESSAGE))]);
    for (const error of errors) expect(error).toMatchObject({ code: "push_timeout", retryable: true });
    server.client.reply(await server.frame("message"), "ok");
    server.behaviour = () => "default";
    await connection.send(MESSAGE);
    expect(events.faults).toEqual([]);
  });

  it("fails what is in flight with disconnected at once when the link breaks, and then with not_connected", async () => {
    const server = await startServer();
    const { connection, events } = await connect(transportTo(server, { backoff: { initialMs: 60_000, maxMs: 60_000 } }));
    server.behaviour = (_frame, client) => client.drop();
    const sending = rejectionOf(connection.send(MESSAGE));
    expect(await sending).toMatchObject({ code: "disconnected", retryable: true });
    expect(events.disconnects).toMatchObject([{ code: "disconnected" }]);
    expect(connection.connected).toBe(false);
    expect(await rejectionOf(connection.send(MESSAGE))).toMatchObject({ code: "not_connected", retryable: true });
  });

  it("never sends later what it failed to send", async () => {
    const server = await startServer();
    const { connection, events } = await connect(transportTo(server));
    server.client.drop();
    await events.until(() => events.disconnects.length > 0);
    await rejectionOf(connection.send({ ...MESSAGE, id: "lost" }));
    await events.until(() => events.reconnects > 0);
    await connection.send({ ...MESSAGE, id: "kept" });
    expect(server.framesOf("message").map((frame) => frame[4]["id"])).toEqual(["kept"]);
  });

  it("measures the frame in bytes of UTF-8", async () => {
    const server = await startServer();
    const maxMessageLength = 1_000;
    const { connection } = await connect(transportTo(server, { limits: { maxMessageLength } }));
    await connection.send({ text: "" });
    const overhead = Buffer.byteLength(JSON.stringify(await server.frame("message")));
    const fits = "x".repeat((maxMessageLength - overhead) % 3) + "€".repeat(Math.floor((maxMessageLength - overhead) / 3));
    await connection.send({ text: fits });
    expect(Buffer.byteLength(JSON.stringify(await server.frame("message", 2)))).toBe(maxMessageLength);
    const error = await rejectionOf(connection.send({ text: `${fits}x` }));
    expect(error).toMatchObject({ code: "message_too_large", retryable: false });
    expect((error as Error).message).toMatch(/^The message takes \d+ bytes as a frame, limit \d+ \(limits\.maxMessageLength\)$/);
    await connection.send(MESSAGE);
  });

  it.each<[string, unknown]>([
    ["a cycle", circular()],
    ["a bigint", { body: 1n }],
    [
      "a toJSON that throws",
      {
        toJSON: () => {
          throw new Error("no");
        },
      },
    ],
    ["a toJSON that gives nothing", { toJSON: () => undefined }],
    ["an array", []],
    ["a string", "text"],
    ["null", null],
  ])("ends with write_failed for %s", async (_name, plaintext) => {
    const server = await startServer();
    const { connection } = await connect(transportTo(server));
    expect(await rejectionOf(connection.send(plaintext as JsonObject))).toMatchObject({ code: "write_failed" });
    await connection.send(MESSAGE);
  });

  it("stops waiting when aborted", async () => {
    const server = await startServer();
    const { connection } = await connect(transportTo(server));
    server.behaviour = ([, , , event]) => (event === "message" ? "ignore" : "default");
    const controller = new AbortController();
    const reason = new Error("enough");
    const sending = rejectionOf(connection.send(MESSAGE, { signal: controller.signal }));
    await server.frame("message");
    controller.abort(reason);
    expect(await sending).toBe(reason);
    expect(await rejectionOf(connection.send(MESSAGE, { signal: controller.signal }))).toBe(reason);
    server.behaviour = () => "default";
    await connection.send(MESSAGE, { signal: new AbortController().signal });
    expect(server.framesOf("message")).toHaveLength(2);
  });

  it("matches replies to messages in any order", async () => {
    const server = await startServer();
    const { connection } = await connect(transportTo(server));
    server.behaviour = (_frame, client) => {
      const frames = server.framesOf("message");
      if (frames.length < 3) return;
      for (let frame = frames.pop(); frame !== undefined; frame = frames.pop()) client.reply(frame, frames.length === 1 ? "error" : "ok");
    };
    const sends = await Promise.allSettled([1, 2, 3].map((id) => connection.send({ ...MESSAGE, id: String(id) })));
    expect(sends.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    server.behaviour = () => "default";
  });
});

describe("settle", () => {
  async function delivered(capabilities: unknown, count: number) {
    const server = await startServer();
    server.capabilities = capabilities;
    const { connection, events } = await connect(transportTo(server));
    for (let index = 1; index <= count; index++) server.client.deliver(ALICE_TOPIC, { ...MESSAGE, id: `m${index}` });
    const iterator = connection.deliveries[Symbol.asyncIterator]();
    const deliveries: Delivery[] = [];
    for (let index = 0; index < count; index++) deliveries.push(await next(iterator));
    return { server, connection, events, deliveries, iterator };
  }

  it("reports the outcome of each message in reply mode, once", async () => {
    const { server, connection, deliveries } = await delivered(["reply_protocol/1"], 3);
    const [first, second, third] = deliveries;
    expect(first?.acknowledge).toBe("outcome");
    expect(first?.context).toEqual({ recipient: ALICE_TOPIC.slice(8), authorized: true });
    first?.settle({ status: "handled" });
    first?.settle({ status: "pass" });
    second?.settle({ status: "pass" });
    third?.settle({ status: "error", code: "e.p.xfer.cant-process", message: "no" });
    await connection.send(MESSAGE);
    expect(server.framesOf("dispatch_reply").map((frame) => frame[4])).toEqual([
      { message_id: "m1", status: "handled" },
      { message_id: "m2", status: "pass" },
      { message_id: "m3", status: "error", code: "e.p.xfer.cant-process", message: "no" },
    ]);
  });

  it("acknowledges many ids in one frame in ack mode", async () => {
    const { server, deliveries } = await delivered([], 3);
    for (const delivery of deliveries) {
      expect(delivery.acknowledge).toBe("first");
      delivery.settle({ status: "handled" });
      delivery.settle({ status: "handled" });
    }
    const [joinRef, , topic, , payload] = await server.frame("ack");
    expect(payload).toEqual({ ids: ["m1", "m2", "m3"] });
    expect([joinRef, topic]).toEqual([server.client.joins.get(ALICE_TOPIC), ALICE_TOPIC]);
    expect(server.framesOf("ack")).toHaveLength(1);
  });

  it("acknowledges many ids in one frame in reply mode too, where the node takes that", async () => {
    const { server, connection, deliveries } = await delivered(["reply_protocol/1", "batch_ack/1"], 3);
    deliveries[0]?.settle({ status: "handled" });
    deliveries[1]?.settle({ status: "pass" });
    deliveries[2]?.settle({ status: "handled" });
    await connection.close();
    expect(server.framesOf("ack").map((frame) => frame[4])).toEqual([{ ids: ["m1", "m3"] }]);
    expect(server.framesOf("dispatch_reply").map((frame) => frame[4])).toEqual([{ message_id: "m2", status: "pass" }]);
  });

  it("puts a bounded number of ids into a frame", async () => {
    const { server, connection, deliveries } = await delivered([], 1_200);
    for (const delivery of deliveries) delivery.settle({ status: "handled" });
    await server.frame("ack", 3);
    await connection.close();
    expect(server.framesOf("ack").map((frame) => (frame[4]["ids"] as string[]).length)).toEqual([512, 512, 176]);
  });

  it("acknowledges what was settled just before close", async () => {
    const { server, connection, deliveries } = await delivered([], 2);
    for (const delivery of deliveries) delivery.settle({ status: "handled" });
    await connection.close();
    expect(server.frames.slice(-2).map((frame) => frame[3])).toEqual(["ack", "phx_leave"]);
    deliveries[0]?.settle({ status: "handled" });
  });

  it.each([[["reply_protocol/1"]], [[]]])(
    "sends nothing for deliveries from before a loss of the link (capabilities %j)",
    async (capabilities) => {
      const { server, connection, events, deliveries, iterator } = await delivered(capabilities, 2);
      server.client.drop();
      await events.until(() => events.disconnects.length > 0);
      deliveries[0]?.settle({ status: "handled" });
      await events.until(() => events.reconnects > 0);
      deliveries[1]?.settle({ status: "handled" });
      server.client.deliver(ALICE_TOPIC, { ...MESSAGE, id: "m3" });
      (await next(iterator)).settle({ status: "handled" });
      await connection.close();
      const settled = server.frames.filter((frame) => frame[3] === "ack" || frame[3] === "dispatch_reply");
      expect(settled.map((frame) => frame[4])).toMatchObject(
        capabilities.length === 0 ? [{ ids: ["m3"] }] : [{ message_id: "m3", status: "handled" }],
      );
    },
  );

  it("takes no offence at a node that answers settlements", async () => {
    const { server, connection, events, deliveries } = await delivered(["reply_protocol/1"], 1);
    server.behaviour = (frame, client) => {
      if (frame[3] === "dispatch_reply") client.reply(frame, "ok");
      return "default";
    };
    deliveries[0]?.settle({ status: "handled" });
    await connection.send(MESSAGE);
    expect(events.faults).toEqual([]);
  });
});

function circular(): object {
  const object: Record<string, unknown> = {};
  object["self"] = object;
  return object;
}
