import { describeUnless, rejectionOf } from "@parley/test-assertions";
import type { JsonObject } from "@parley/core";
import { missingNats, startNats, type NatsServers } from "@parley/test-nats";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { JetstreamConnection, type LinkListener, ServerLinks } from "../src/index.ts";
import { decodeLinkFrame, encodeLinkFrame } from "../src/link-frame.ts";

describeUnless(missingNats(1), "links between servers", () => {
  let nats: NatsServers;
  let connections: readonly JetstreamConnection[];

  beforeAll(async () => {
    nats = await startNats();
    const connect = (): Promise<JetstreamConnection> => JetstreamConnection.connect({ servers: nats.urls, prefix: "t" });
    connections = [await connect(), await connect()];
  });
  afterAll(async () => {
    await Promise.all(connections.map((connection) => connection.close()));
    await nats.stop();
  });

  /** A server that notes what it receives. */
  async function open(self: string, connection: number, onCall: LinkListener["onCall"] = () => ({}), silenceMs?: number) {
    const received: string[] = [];
    const broken: string[] = [];
    const links = await ServerLinks.open(connections[connection] as JetstreamConnection, {
      self,
      silenceMs,
      listener: {
        onMessage: (server, { head, body }) => void received.push(`${server} ${head["n"] as number} ${body?.length ?? "-"}`),
        onCall,
        onBroken: (server) => void broken.push(server),
      },
    });
    onTestFinished(() => links.close());
    return { links, received, broken };
  }

  it("deliver messages and calls in order, with bodies", async () => {
    const order: string[] = [];
    const a = await open("a1", 0);
    const b = await open("b1", 1, (server, { n }) => {
      order.push(`${server} call ${n as number} after ${b.received.length}`);
      return { twice: 2 * (n as number) };
    });
    for (let n = 0; n < 300; n++) a.links.send("b1", { n }, n % 2 === 0 ? Buffer.alloc(n * 10) : undefined);
    expect(await a.links.call("b1", { n: 21 }, 10_000)).toEqual({ twice: 42 });
    expect(order).toEqual(["a1 call 21 after 300"]);
    expect(b.received).toEqual(Array.from({ length: 300 }, (_, n) => `a1 ${n} ${n % 2 === 0 ? n * 10 : "-"}`));
    expect([a.broken, b.broken]).toEqual([[], []]);
  });

  it("report failed and unanswered calls", async () => {
    const a = await open("a2", 0);
    await open("b2", 1, ({ length }, { n }): JsonObject | Promise<JsonObject> => {
      if (n === undefined) throw new TypeError(`n is missing, ${length}`);
      return new Promise(() => undefined);
    });
    expect(await rejectionOf(a.links.call("b2", {}, 10_000))).toMatchObject({
      code: "call_failed",
      message: expect.stringContaining("n is missing"),
    });
    expect(await rejectionOf(a.links.call("b2", { n: 1 }, 50))).toMatchObject({ code: "call_timeout" });
    const waiting = rejectionOf(a.links.call("b2", { n: 1 }, 60_000));
    a.links.forget("b2");
    expect(await waiting).toMatchObject({ code: "call_unanswered" });
  });

  it("break at both ends when a message is lost, and begin again", async () => {
    const a = await open("a3", 0);
    const b = await open("b3", 1);
    a.links.send("b3", { n: 1 });
    await expect.poll(() => b.received).toEqual(["a3 1 -"]);
    // As if the frames 2 to 4 of a3 were lost.
    connections[0]?.nc.publish(
      "t.link.b3",
      encodeLinkFrame({ from: "a3", generation: 1, seq: 5, messages: [{ head: '{"m":{"n":5}}', body: undefined }] }),
    );
    await expect.poll(() => [a.broken, b.broken]).toEqual([["b3"], ["a3"]]);
    a.links.send("b3", { n: 6 });
    b.links.send("a3", { n: 7 });
    await expect.poll(() => [a.received, b.received]).toEqual([["b3 7 -"], ["a3 1 -", "a3 6 -"]]);
  });

  it("break when the last message is lost, or the other server is silent", async () => {
    const a = await open("a4", 0, undefined, 400);
    const b = await open("b4", 1, undefined, 400);
    a.links.send("b4", { n: 1 });
    await expect.poll(() => b.received).toHaveLength(1);
    connections[0]?.nc.publish("t.link.b4", encodeLinkFrame({ from: "a4", generation: 1, seq: 2, messages: [] }));
    await expect.poll(() => [a.broken, b.broken]).toEqual([["b4"], ["a4"]]);
    a.links.send("b4", { n: 2 });
    await b.links.close();
    await expect.poll(() => a.broken).toEqual(["b4", "b4"]);
  });

  it("ignore what is not a frame", async () => {
    const a = await open("a5", 0);
    const frame = encodeLinkFrame({ from: "x", generation: 1, seq: 1, messages: [{ head: '{"m":{}}', body: Buffer.alloc(9) }] });
    for (let length = 0; length < frame.length; length++) expect(decodeLinkFrame(frame.subarray(0, length))).toBeUndefined();
    expect(decodeLinkFrame(frame)).toMatchObject({ from: "x", generation: 1, seq: 1, messages: [{ head: { m: {} } }] });
    for (const head of ["{}", '["x",1,1,{}]', '["x",-1,1,[]]', '["x",1,1,[[1]]]', '["x",1,1,[[{},7]]]', "[7,1,1,[]]", "x"]) {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(head.length);
      connections[0]?.nc.publish("t.link.a5", Buffer.concat([length, Buffer.from(head)]));
    }
    const b = await open("b5", 1);
    b.links.send("a5", { n: 1 });
    await expect.poll(() => a.received).toEqual(["b5 1 -"]);
  });
});
