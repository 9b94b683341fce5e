import { connectInMemory, type FrameListener, type FrameStream, RelayError, type RelayTransport } from "@parley/skytale-relay";
import { decodeClientFrame, decodeServerFrame, encodeControl, encodeDelivery, encodeEvicted } from "@parley/skytale-relay/internal";
import { describe, expect, it } from "vitest";
import { listenGrpc } from "../../src/relay/grpc-server.ts";
import { Relay } from "../../src/relay/relay.ts";
import { CHANNEL, message, RelayHarness, take, text } from "./relay-harness.ts";

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
const FAST = { initialBackoffMs: 5, maxBackoffMs: 20 };

/** A wire that breaks when told to, or swallows what the relay says. */
class FragileWire implements RelayTransport {
  readonly #wire: RelayTransport;
  #streams = new Set<{ stream: FrameStream; listener: FrameListener }>();
  /** Frames from the relay that don't arrive. */
  swallows: (frame: Uint8Array) => boolean = () => false;
  call: RelayTransport["call"];

  constructor(wire: RelayTransport) {
    this.#wire = wire;
    this.call = wire.call.bind(wire);
  }

  open(token: string, listener: FrameListener): FrameStream {
    const stream = this.#wire.open(token, {
      frame: (frame) => {
        if (!this.swallows(frame)) listener.frame(frame);
      },
      drained: () => listener.drained(),
      ended: (error) => {
        this.#streams.delete(entry);
        listener.ended(error);
      },
    });
    const entry = { stream, listener };
    this.#streams.add(entry);
    return stream;
  }

  /** Both ends learn that the link is gone; what was under way is lost. */
  cut(): void {
    const error = new RelayError("unavailable", "The wire was cut");
    for (const { stream, listener } of this.#streams) {
      stream.end(error);
      listener.ended(error);
    }
    this.#streams.clear();
  }

  close(): void {
    this.#wire.close();
  }
}

describe("a link that is lost", () => {
  it("costs no message, and brings none twice", async () => {
    await using harness = new RelayHarness();
    const wire = new FragileWire(connectInMemory(harness.relay));
    const client = harness.client("alice", { transport: wire, limits: FAST });
    const iterator = client.subscribe(CHANNEL, { from: 1, bufferBytes: 5000 })[Symbol.asyncIterator]();
    const publishing = Promise.all(upTo(3000).map((number) => client.publish(CHANNEL, message(`${number}`))));
    const received: string[] = [];
    for (let cuts = 0; received.length < 3000;) {
      received.push(...(await take(iterator, 1)).map(({ payload }) => text(payload)));
      if (received.length % 250 === 0 && cuts++ < 10) wire.cut();
    }
    expect(received).toEqual(upTo(3000).map(String));
    expect((await publishing).map(({ sequence }) => sequence)).toEqual(upTo(3000));
    expect(await client.heads([CHANNEL])).toEqual([{ first: 1, next: 3001 }]);
  });

  it("before the acknowledgements leaves no message recorded twice", async () => {
    await using harness = new RelayHarness();
    const wire = new FragileWire(connectInMemory(harness.relay));
    const client = harness.client("alice", { transport: wire, limits: FAST });
    const swallowed = new Promise<void>((resolve) => {
      wire.swallows = (frame) => {
        const isAck = decodeServerFrame(frame).acks.length > 0;
        if (isAck) resolve();
        return isAck;
      };
    });
    const publishing = Promise.all(upTo(10).map((number) => client.publish(CHANNEL, message(`${number}`))));
    await swallowed;
    wire.swallows = () => false;
    wire.cut();
    expect((await publishing).map(({ sequence }) => sequence)).toEqual(upTo(10));
    expect(await client.heads([CHANNEL])).toEqual([{ first: 1, next: 11 }]);
  });

  it("is detected by a missing response to a ping", async () => {
    await using harness = new RelayHarness();
    const wire = new FragileWire(connectInMemory(harness.relay));
    const downs: string[] = [];
    const client = harness.client("alice", {
      transport: wire,
      limits: { ...FAST, pingAfterMs: 20, pingTimeoutMs: 300 },
      events: { onDisconnected: ({ code }) => void downs.push(code), onConnected: () => (wire.swallows = () => false) },
    });
    const messages = client.subscribe(CHANNEL, { from: 1 });
    await messages.whenOpen();
    wire.swallows = () => downs.length === 0;
    await harness.client("bob").publish(CHANNEL, message("x"));
    expect((await take(messages[Symbol.asyncIterator](), 1)).map(({ payload }) => text(payload))).toEqual(["x"]);
    expect(new Set(downs)).toEqual(new Set(["timeout"]));
  });

  it("because the relay is silent is closed after the timeout", async () => {
    await using harness = new RelayHarness();
    harness.access.authenticate = () => new Promise(() => undefined);
    const down = new Promise<string>((resolve) => {
      const client = harness.client("alice", { limits: { openTimeoutMs: 10 }, events: { onDisconnected: ({ code }) => resolve(code) } });
      client.connect().catch(() => undefined);
    });
    expect(await down).toBe("timeout");
  });
});

it("a silent client is dropped", async () => {
  await using harness = new RelayHarness({ limits: { idleTimeoutMs: 30, accessCheckMs: 10 } });
  const ended = new Promise<RelayError | undefined>((resolve) => {
    connectInMemory(harness.relay).open("alice", { frame: () => undefined, drained: () => undefined, ended: resolve });
  });
  expect(await ended).toMatchObject({ code: "unavailable" });
});

it("a relay that breaks its own rules is left", async () => {
  const downs: string[] = [];
  await using harness = new RelayHarness();
  const wire = connectInMemory({
    accept(_token, stream) {
      stream.send(Uint8Array.from([0xff]));
      return { frame: () => undefined, drained: () => undefined, ended: () => undefined };
    },
    call: () => Promise.resolve(Uint8Array.from([0xff])),
  });
  const told = new Promise<void>((resolve) => {
    const client = harness.client("alice", {
      transport: wire,
      events: {
        onDisconnected: ({ code }) => {
          downs.push(code);
          resolve();
        },
      },
    });
    client.connect().catch(() => undefined);
  });
  await told;
  expect(downs).toEqual(["protocol_error"]);
  const client = harness.client("alice", { transport: wire });
  await expect(client.heads([CHANNEL])).rejects.toMatchObject({ code: "protocol_error" });
  await expect(client.fetchRange(CHANNEL, { from: 1 })).rejects.toMatchObject({ code: "protocol_error" });
  await expect(client.fetchWelcomes(CHANNEL, [Uint8Array.from([1])])).rejects.toMatchObject({ code: "protocol_error" });
});

it.each([
  ["fewer", 3],
  ["more", 20],
])("a subscription ends at a batch that covers %s sequences than its messages", async (_, next) => {
  await using harness = new RelayHarness();
  const opened = { maxPayloadBytes: 1e6, maxFrameBytes: 4e6, maxSubscriptions: 10, tokenLifetimeMs: 1e6, idleTimeoutMs: 1e6 };
  const wire = connectInMemory({
    accept(_token, stream) {
      stream.send(encodeControl({ opened }));
      const frame = (bytes: Uint8Array): void => {
        for (const { subscription } of decodeClientFrame(bytes).subscribes) {
          stream.send(encodeControl({ subscribed: [{ subscription, next: 1, head: 12 }] }));
          stream.send(encodeDelivery({ subscription, cost: 10, first: 1, messages: [encodeEvicted(4), encodeEvicted(5)], next }));
        }
      };
      return { frame, drained: () => undefined, ended: () => undefined };
    },
    call: () => Promise.reject(new Error("No calls")),
  });
  const client = harness.client("alice", { transport: wire });
  const messages = client.subscribe(CHANNEL, { from: 1 });
  const read = async (): Promise<void> => {
    for await (const { evicted } of messages) expect(evicted).toBe(4);
  };
  await expect(read()).rejects.toMatchObject({ code: "protocol_error" });
});

it("clients reconnect to a relay restarted on the same port and continue", async () => {
  await using harness = new RelayHarness();
  const first = await harness.listen();
  const downs: string[] = [];
  const options = { limits: FAST, events: { onDisconnected: ({ code }: { code: string }) => void downs.push(code) } };
  const alice = await harness.grpcClient("alice", options);
  const iterator = alice.subscribe(CHANNEL, { from: 1 })[Symbol.asyncIterator]();
  await alice.publish(CHANNEL, message("1"));
  await first.close();
  const whileAway = alice.publish(CHANNEL, message("2"));
  await using relay = new Relay({ log: harness.logs.log, welcomes: harness.logs.welcomes, access: harness.access });
  await using second = await listenGrpc(relay, { port: first.port });
  expect(second.port).toBe(first.port);
  expect(await whileAway).toEqual({ sequence: 2 });
  await alice.publish(CHANNEL, message("3"));
  expect((await take(iterator, 3)).map(({ sequence, payload }) => [sequence, text(payload)])).toEqual([
    [1, "1"],
    [2, "2"],
    [3, "3"],
  ]);
  expect(new Set(downs)).toEqual(new Set(["unavailable"]));
  await alice.close();
});
