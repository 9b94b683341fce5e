import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FairShare, type FairShareLease } from "@parley/core/internal";
import { OK, errorReply, type Channel, type ChannelEnd, type Joined } from "../../src/phoenix/channel.ts";
import { PhoenixServer, type AuthenticatedSocket, type UpgradeRejection } from "../../src/phoenix/phoenix-server.ts";
import { RawClient } from "./raw-client.ts";

let room: FairShare;
let time = 0;
const LIMITS = {
  maxChannels: 3,
  maxMalformed: 5,
  highWaterMark: 64 * 1024,
  idleTimeoutMs: 60_000,
  maxFrameBytes: 16 * 1024,
  now: () => time,
};

let http: Server;
let server: PhoenixServer;
let url: string;
let channels: Map<string, Channel>;
let ends: [topic: string, end: ChannelEnd][];
let malformed: string[];
let failures: unknown[];
let owners: string[];
let admit: () => AuthenticatedSocket | UpgradeRejection;
const clients: RawClient[] = [];

function join(topic: string, payload: string, channel: Channel): Promise<Joined> {
  if (topic.startsWith("no:")) return Promise.resolve({ ...errorReply("unauthorized"), status: "error" });
  if (topic.startsWith("crash:")) return Promise.reject(new Error("join crashed"));
  return Promise.resolve({
    status: "ok",
    response: JSON.stringify({ echo: JSON.parse(payload) as unknown }),
    joined: () => channels.set(topic, channel),
    handler: {
      event: (event, text) => {
        if (event === "crash") throw new Error("event crashed");
        return event === "silent" ? undefined : event === "fail" ? errorReply("no") : { ...OK, response: text };
      },
      drained: () => {},
      ended: (end) => ends.push([topic, end]),
    },
  });
}

async function open(query = "?vsn=2.0.0", headers: Record<string, string> = {}): Promise<RawClient> {
  const client = await RawClient.open(`${url}${query}`, headers);
  clients.push(client);
  return client;
}

/** Room for one partial message; a request that finds none leaves a mark. */
function hold(bytes: number): FairShareLease | undefined {
  const lease = room.tryAcquire("key", bytes);
  if (lease === undefined && room.heldBy("waiting") === 0) room.tryAcquire("waiting");
  return lease;
}

beforeEach(async () => {
  [channels, ends, malformed, failures, owners] = [new Map(), [], [], [], []];
  room = new FairShare({ total: 1024 * 1024, perOwner: 12 * 1024, reserved: 0 });
  admit = () => ({ owner: "key", join, charge: () => 0, hold, onClose: () => owners.push("closed") });
  http = createServer().listen(0, "127.0.0.1");
  await once(http, "listening");
  server = new PhoenixServer(http, {
    limits: LIMITS,
    addressOf: () => "127.0.0.1",
    onIdentified: () => {},
    admit: () => admit(),
    events: { onMalformed: (what) => malformed.push(what), onFailure: (error) => failures.push(error), onRejected: () => {} },
  });
  url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}/plugin_socket/websocket`;
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await server.close(0);
  http.closeAllConnections();
  http.close();
});

describe("PhoenixServer", () => {
  it("replies to heartbeats", async () => {
    const client = await open();
    client.send([null, "1", "phoenix", "heartbeat", {}]);
    expect(await client.next()).toEqual([null, "1", "phoenix", "phx_reply", { status: "ok", response: {} }]);
  });

  it("reads an owner above its rate more slowly", async () => {
    const charged: number[] = [];
    const charge = (units: number): number => (units === 0 ? 0 : charged.push(units) && 100);
    admit = () => ({ owner: "key", join, charge, hold: () => undefined, onClose: () => owners.push("closed") });
    const client = await open();
    const startedAt = performance.now();
    for (const ref of ["1", "2", "3"]) {
      client.send([null, ref, "phoenix", "heartbeat", { filling: "x" }]);
      expect((await client.next())[1]).toBe(ref);
    }
    expect(charged).toEqual([1, 1, 1]);
    expect(performance.now() - startedAt).toBeGreaterThan(190);
    await client.push("t:1", "phx_join", {});
    expect(charged.slice(3)).toEqual([1, 50]);
  });

  it("reads nothing while its owner has no units left, on another or a new connection either", async () => {
    let left = 1;
    let asked = 0;
    const charge = (units: number): number => {
      if (units === 0) asked += 1;
      left -= units;
      return left < 0 ? 1 : 0;
    };
    admit = () => ({ owner: "key", join, charge, hold, onClose: () => {} });
    const earlier = await open();
    earlier.send([null, "1", "phoenix", "heartbeat", {}]);
    earlier.send([null, "2", "phoenix", "heartbeat", {}]);
    for (const ref of ["1", "2"]) expect((await earlier.next())[1]).toBe(ref);
    earlier.send([null, "3", "phoenix", "heartbeat", {}]);
    const later = await open();
    later.send([null, "4", "phoenix", "heartbeat", {}]);
    const before = asked;
    time += 2 * LIMITS.idleTimeoutMs;
    server.checkIdle();
    await expect.poll(() => asked).toBeGreaterThan(before + 20);
    expect(left).toBe(-1);
    left = 2;
    expect((await earlier.next())[1]).toBe("3");
    expect((await later.next())[1]).toBe("4");
    server.checkIdle();
    await earlier.push("phoenix", "heartbeat", {});
  });

  it("charges pings, pongs and fragments like other frames", async () => {
    let charged = 0;
    admit = () => ({ owner: "key", join, charge: (units) => ((charged += units), 0), hold, onClose: () => {} });
    const client = await open();
    for (let count = 0; count < 10; count++) client.ws.pong();
    client.ws.ping();
    client.ws.send('[null,"1","phoenix",', { fin: false });
    for (let count = 0; count < 10; count++) client.ws.send(" ", { fin: false });
    client.ws.send('"heartbeat",{}]', { fin: true });
    expect((await client.next())[1]).toBe("1");
    await expect.poll(() => charged).toBe(23);
  });

  it("reads nothing more from a client that does not read its replies, until it does", async () => {
    const sent = 80_000;
    let read = 0;
    admit = () => ({ owner: "key", join, charge: (units) => ((read += units), 0), hold, onClose: () => {} });
    const client = await open();
    client.ws.pause();
    const filling = "9".repeat(200);
    for (let number = 0; number < sent; number++) client.send(`[null,"${number}${filling}","phoenix","heartbeat",{}]`);
    const other = await open();
    for (let unchanged = 0, before = 0; unchanged < 50; before = read) {
      await other.push("phoenix", "heartbeat", {});
      unchanged = read === before + 1 ? unchanged + 1 : 0;
    }
    const others = read;
    expect(others).toBeLessThan(sent);
    client.ws.resume();
    await expect.poll(() => client.messages, { timeout: 20_000 }).toBe(sent);
  }, 30_000);

  it("joins, with join ref and ref in the reply", async () => {
    const client = await open();
    client.send(["1", "1", "t:1", "phx_join", { a: 1 }]);
    expect(await client.next()).toEqual(["1", "1", "t:1", "phx_reply", { status: "ok", response: { echo: { a: 1 } } }]);
  });

  it("rejects a join with the reason", async () => {
    const client = await open();
    expect(await client.push("no:1", "phx_join", {})).toEqual({ status: "error", response: { reason: "unauthorized" } });
    expect(await client.push("no:1", "x", {})).toEqual({ status: "error", response: { reason: "unmatched topic" } });
  });

  it("replies to a join whose handler throws, and keeps the socket open", async () => {
    const client = await open();
    expect(await client.push("crash:1", "phx_join", {})).toMatchObject({ status: "error" });
    expect(failures).toHaveLength(1);
    expect(await client.push("t:1", "phx_join", {})).toMatchObject({ status: "ok" });
  });

  it("replies to events with a ref only", async () => {
    const client = await open();
    await client.push("t:1", "phx_join", {});
    expect(await client.push("t:1", "echo", { b: 2 })).toEqual({ status: "ok", response: { b: 2 } });
    expect(await client.push("t:1", "fail", {})).toEqual({ status: "error", response: { reason: "no" } });
    client.send([null, null, "t:1", "echo", { no: "reply" }]);
    client.send([null, "9", "t:1", "silent", {}]);
    expect(await client.push("t:1", "echo", { c: 3 })).toEqual({ status: "ok", response: { c: 3 } });
  });

  it("handles events that arrive during the join, in order", async () => {
    const client = await open();
    client.send(["1", "1", "t:1", "phx_join", {}]);
    client.send(["1", "2", "t:1", "echo", { n: 1 }]);
    client.send(["1", "3", "t:1", "echo", { n: 2 }]);
    const refs = [(await client.next())[1], (await client.next())[1], (await client.next())[1]];
    expect(refs).toEqual(["1", "2", "3"]);
  });

  it("replaces a channel that is joined again: the new reply first, then the old one's phx_close", async () => {
    const client = await open();
    client.send(["1", "1", "t:1", "phx_join", {}]);
    await client.next();
    client.send(["2", "2", "t:1", "phx_join", {}]);
    expect((await client.next()).slice(0, 4)).toEqual(["2", "2", "t:1", "phx_reply"]);
    expect((await client.next()).slice(0, 4)).toEqual(["1", "1", "t:1", "phx_close"]);
    expect(ends).toEqual([["t:1", "rejoined"]]);
  });

  it("drops frames with a stale join ref", async () => {
    const client = await open();
    client.send(["1", "1", "t:1", "phx_join", {}]);
    await client.next();
    client.send(["0", "5", "t:1", "echo", { stale: true }]);
    client.send(["0", "6", "t:1", "phx_leave", {}]);
    expect(await client.push("t:1", "echo", { fresh: true })).toMatchObject({ response: { fresh: true } });
    expect(ends).toEqual([]);
  });

  it("leaves: reply, then phx_close", async () => {
    const client = await open();
    client.send(["1", "1", "t:1", "phx_join", {}]);
    await client.next();
    client.send(["1", "2", "t:1", "phx_leave", {}]);
    expect((await client.next()).slice(0, 4)).toEqual(["1", "2", "t:1", "phx_reply"]);
    expect((await client.next()).slice(0, 4)).toEqual(["1", "1", "t:1", "phx_close"]);
    expect(ends).toEqual([["t:1", "left"]]);
    expect(await client.push("t:1", "echo", {})).toMatchObject({ status: "error" });
  });

  it("pushes with the channel's join ref, and under the alias once the client uses it", async () => {
    const client = await open();
    await client.push("t:", "phx_join", {});
    const channel = channels.get("t:");
    channel?.alias("t:assigned", false);
    channel?.push("hello", '{"n":1}');
    expect(await client.next()).toEqual(["1", null, "t:", "hello", { n: 1 }]);
    expect(await client.push("t:assigned", "echo", { n: 2 })).toMatchObject({ response: { n: 2 } });
    channel?.push("hello", '{"n":3}');
    expect(await client.next()).toEqual(["1", null, "t:assigned", "hello", { n: 3 }]);
    await client.push("t:assigned", "phx_leave", {});
    expect(channel?.push("hello", "{}")).toBe(false);
    expect(await client.push("t:", "echo", {})).toMatchObject({ status: "error" });
  });

  it("pushes under either topic until the client has shown which one it uses, and ends the channel on both", async () => {
    const client = await open();
    await client.push("t:", "phx_join", {});
    const channel = channels.get("t:");
    channel?.alias("t:assigned", true);
    channel?.push("hello", "{}");
    expect((await client.next())[2]).toBe("t:assigned");
    expect(channel?.switchTopic()).toBe(true);
    channel?.push("hello", "{}");
    expect((await client.next())[2]).toBe("t:");
    channel?.close();
    expect([(await client.next())[2], (await client.next())[2]]).toEqual(["t:", "t:assigned"]);
    await client.push("t:", "phx_join", {});
    channels.get("t:")?.alias("t:assigned", true);
    await client.push("t:", "echo", {});
    expect(channels.get("t:")?.switchTopic()).toBe(false);
    channels.get("t:")?.close();
    expect((await client.next()).slice(2, 4)).toEqual(["t:", "phx_close"]);
    expect(await client.push("t:assigned", "echo", {})).toMatchObject({ response: { reason: "unmatched topic" } });
  });

  it("sends phx_error to a channel whose handler threw, and keeps the socket", async () => {
    const client = await open();
    await client.push("t:1", "phx_join", {});
    client.send([null, "7", "t:1", "crash", {}]);
    expect((await client.next()).slice(0, 4)).toEqual(["1", "1", "t:1", "phx_error"]);
    expect(failures).toHaveLength(1);
    expect(await client.push("t:1", "phx_join", {})).toMatchObject({ status: "ok" });
  });

  it.each([
    ["no JSON", "hello"],
    ["an object", '{"topic":"t"}'],
    ["the wrong arity", '["1","1","t:1","phx_join"]'],
    ["wrong types", '["1","1",["t"],"phx_join",{}]'],
  ])("reports a frame that is %s, and stays open", async (_name, text) => {
    const client = await open();
    client.send(text);
    expect(await client.next()).toMatchObject([
      null,
      null,
      "phoenix",
      "phx_error",
      { reason: expect.stringContaining("JSON array") as string },
    ]);
    expect(malformed).toHaveLength(1);
    expect(await client.push("t:1", "phx_join", {})).toMatchObject({ status: "ok" });
  });

  it("reports binary frames", async () => {
    const client = await open();
    client.ws.send(Buffer.from([0, 1, 2, 3]));
    expect(await client.next()).toMatchObject([null, null, "phoenix", "phx_error", {}]);
  });

  it("closes a socket that only sends malformed frames", async () => {
    const client = await open();
    for (let i = 0; i < LIMITS.maxMalformed; i++) client.send("x");
    expect(await client.closed).toBe(1008);
  });

  it("closes a socket that sends a frame beyond the limit", async () => {
    const client = await open();
    client.send("x".repeat(LIMITS.maxFrameBytes + 1));
    expect(await client.closed).toBe(1009);
  });

  it("rejects joins above the maximum number of channels", async () => {
    const client = await open();
    for (const topic of ["t:1", "t:2", "t:3"]) await client.push(topic, "phx_join", {});
    expect(await client.push("t:4", "phx_join", {})).toEqual({ status: "error", response: { reason: "too many channels on one socket" } });
    expect(await client.push("t:3", "phx_join", {})).toMatchObject({ status: "ok" });
  });

  it.each([403, 429, 503] as const)("rejects an upgrade with status %i", async (status) => {
    admit = () => status;
    await expect(open()).rejects.toThrow(`HTTP ${status}`);
  });

  it("rejects other paths and other versions", async () => {
    await expect(RawClient.open(url.replace("/websocket", "/other"))).rejects.toThrow("HTTP 404");
    await expect(open("?vsn=1.0.0")).rejects.toThrow("HTTP 403");
    await expect(open("")).resolves.toBeDefined();
  });

  it("notifies handlers and owner when the link is lost", async () => {
    const client = await open();
    await client.push("t:1", "phx_join", {});
    client.close();
    await expect.poll(() => owners).toEqual(["closed"]);
    expect(ends).toEqual([["t:1", "lost"]]);
    expect(server.size).toBe(0);
  });

  it("closes sockets with 1012 (reconnect later) when it stops, and rejects new ones", async () => {
    const client = await open();
    await server.close(1000);
    expect(await client.closed).toBe(1012);
    await expect(open()).rejects.toThrow("HTTP 503");
  });

  it("drops the sockets of an owner", async () => {
    const client = await open();
    server.drop("another");
    await client.push("t:1", "phx_join", {});
    server.drop("key");
    expect(await client.closed).toBe(1008);
  });

  describe("an incomplete message", () => {
    const text = (ref: string): string => JSON.stringify([null, ref, "phoenix", "heartbeat", { padding: "x".repeat(14_000) }]);
    const begin = (client: RawClient, ref: string): void => client.ws.send(text(ref).slice(0, 10_000), { fin: false });
    const end = (client: RawClient, ref: string): void => client.ws.send(text(ref).slice(10_000), { fin: true });

    it("is charged as it arrives: another of the same owner waits until the first is complete", async () => {
      const [first, second] = [await open(), await open()];
      begin(first, "1");
      await expect.poll(() => room.used).toBe(8192);
      begin(second, "2");
      await expect.poll(() => room.heldBy("waiting")).toBe(1);
      end(second, "2");
      expect(room.used).toBe(8193);
      end(first, "1");
      expect((await first.next())[1]).toBe("1");
      expect((await second.next())[1]).toBe("2");
      await expect.poll(() => room.heldBy("key")).toBe(0);
    });

    it("closes its socket if no budget becomes free in time", async () => {
      const [first, second] = [await open(), await open()];
      begin(first, "1");
      await expect.poll(() => room.used).toBe(8192);
      begin(second, "2");
      await expect.poll(() => room.heldBy("waiting")).toBe(1);
      time += 6000;
      expect(await second.closed).toBe(1013);
      end(first, "1");
      expect((await first.next())[1]).toBe("1");
    });

    it("closes its socket if it stays incomplete for too long, even if the client responds to pings", async () => {
      const client = await open();
      begin(client, "1");
      await expect.poll(() => room.used).toBe(8192);
      time += LIMITS.idleTimeoutMs / 2 + 1000;
      const ponged = once(client.ws, "ping");
      server.checkIdle();
      await ponged;
      client.ws.send("x", { fin: false });
      time += LIMITS.idleTimeoutMs / 2;
      server.checkIdle();
      expect(await client.closed).toBe(1006);
      await expect.poll(() => room.used).toBe(0);
    });
  });

  it("pings a silent client, and drops one that stays silent", async () => {
    const client = await open();
    const pinged = once(client.ws, "ping");
    time += LIMITS.idleTimeoutMs / 2 + 1000;
    server.checkIdle();
    await pinged;
    time += LIMITS.idleTimeoutMs;
    server.checkIdle();
    expect(await client.closed).toBe(1006);
  });
});

describe("batches of frames", () => {
  const heartbeat = (ref: number) => JSON.stringify([null, `${ref}`, "phoenix", "heartbeat", {}]);
  const openOffering = (bytes: string) => open("?vsn=2.0.0", { "x-frame-batch": bytes });

  it("are read in order and sent to clients that offer them", async () => {
    const client = await openOffering("65536");
    expect(client.batchLimit).toBe("65536");
    client.send([1, 2, 3].map(heartbeat).join("\n"));
    expect([(await client.next())[1], (await client.next())[1], (await client.next())[1]]).toEqual(["1", "2", "3"]);
    expect(client.messages).toBe(1);
  });

  it("keep to the client's limit", async () => {
    const client = await openOffering("600");
    client.send([1, 2, 3, 4].map(heartbeat).join("\n"));
    for (const ref of ["1", "2", "3", "4"]) expect((await client.next())[1]).toBe(ref);
    expect(client.messages).toBeGreaterThan(1);
  });

  it("are neither read nor sent with other clients: a line break is white space in a frame", async () => {
    const client = await open();
    expect(client.batchLimit).toBeUndefined();
    client.send(JSON.stringify([null, "1", "phoenix", "heartbeat", {}], undefined, 1));
    expect((await client.next())[1]).toBe("1");
    client.send([2, 3].map(heartbeat).join("\n"));
    client.send(heartbeat(4));
    expect([(await client.next())[1], (await client.next())[1]]).toEqual(["2", "4"]);
  });

  it("hold a payload with line breaks as one frame", async () => {
    const client = await openOffering("65536");
    await client.push("t:1", "phx_join", {});
    channels.get("t:1")?.push("message", JSON.stringify({ id: "1", body: {} }, undefined, 2));
    expect((await client.next())[4]).toEqual({ id: "1", body: {} });
  });

  it("of too many frames are rejected as a whole", async () => {
    const client = await openOffering("65536");
    client.send(Array.from({ length: 257 }, (_, ref) => heartbeat(ref)).join("\n"));
    expect(await client.next()).toEqual([null, null, "phoenix", "phx_error", { reason: "a batch may have 256 frames" }]);
    expect(malformed).toEqual(["a batch may have 256 frames"]);
  });

  it("charge the owner for every frame", async () => {
    let charged = 0;
    admit = () => ({ owner: "key", join, charge: (units) => ((charged += units), 0), hold, onClose: () => {} });
    const client = await openOffering("65536");
    client.send([1, 2, 3].map(heartbeat).join("\n"));
    for (let count = 0; count < 3; count++) await client.next();
    expect(charged).toBe(3);
  });
});
