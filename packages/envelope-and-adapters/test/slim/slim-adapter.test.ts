import { describe, expect, it } from "vitest";
import { Envelope, Protocol } from "../../src/index.ts";
import { createMemoryChannels } from "../../src/memory/index.ts";
import { SlimAdapter, type SlimAdapterOptions } from "../../src/slim/index.ts";
import { bytes, text } from "../utf8.ts";

const CHANNEL = "org/sensors/oven";

async function pair(options?: SlimAdapterOptions) {
  const [alice, bob] = createMemoryChannels(["alice", "bob"]);
  const ports = { alice: await alice.create(CHANNEL), bob: await bob.join(CHANNEL, new Uint8Array()) };
  return { ports, publisher: new SlimAdapter(alice), subscriber: new SlimAdapter(bob, options) };
}

describe("SlimAdapter", () => {
  it("publishes bytes and strings; receives payloads as bytes", async () => {
    const { publisher, subscriber } = await pair();
    await subscriber.subscribe(CHANNEL);
    await publisher.publish(CHANNEL, new Uint8Array([1, 2]));
    await publisher.publish(CHANNEL, "180 °C");
    const got = [...(await subscriber.receive(CHANNEL))];
    while (got.length < 2) got.push(...(await subscriber.receive(CHANNEL)));
    expect([got[0], text(got[1])]).toEqual([new Uint8Array([1, 2]), "180 °C"]);
  });

  it("sends envelopes with the SLIM protocol and the content type", async () => {
    const { ports, publisher } = await pair();
    const inbound = ports.bob.receive();
    await publisher.publish(CHANNEL, bytes("{}"), { contentType: "application/json" });
    await publisher.publish(CHANNEL, bytes("{}"));
    await publisher.publish(CHANNEL, "text");
    const types: unknown[] = [];
    for (let n = 0; n < 3; n++) {
      const { value } = await inbound.next();
      types.push([value?.envelope.protocol, value?.envelope.contentType]);
    }
    expect(types).toEqual([
      [Protocol.SLIM, "application/json"],
      [Protocol.SLIM, "application/octet-stream"],
      [Protocol.SLIM, "text/plain"],
    ]);
  });

  it("returns content types and senders with receiveMessages", async () => {
    const { publisher, subscriber } = await pair();
    await subscriber.subscribe(CHANNEL);
    await publisher.publish(CHANNEL, "hello");
    expect(await subscriber.receiveMessages(CHANNEL)).toEqual([{ payload: bytes("hello"), contentType: "text/plain", sender: "alice" }]);
  });

  it("ignores other protocols and its own messages", async () => {
    const { ports, publisher, subscriber } = await pair();
    await subscriber.subscribe(CHANNEL);
    await publisher.subscribe(CHANNEL);
    await ports.alice.send(new Envelope(Protocol.RAW, "text/plain", bytes("raw")));
    await ports.alice.sendBytes(bytes("no envelope"));
    await publisher.publish(CHANNEL, "slim");
    expect((await subscriber.receive(CHANNEL)).map(text)).toEqual(["slim"]);
    expect(await publisher.receive(CHANNEL, { timeout: 0 })).toEqual([]);
  });

  it("waits for a message until the timeout or the abort", async () => {
    const { publisher, subscriber } = await pair();
    await subscriber.subscribe(CHANNEL);
    expect(await subscriber.receive(CHANNEL, { timeout: 0.01 })).toEqual([]);
    const waiting = subscriber.receive(CHANNEL, { timeout: 60 });
    await publisher.publish(CHANNEL, "hello");
    expect((await waiting).map(text)).toEqual(["hello"]);
    const abort = new AbortController();
    const aborted = subscriber.receive(CHANNEL, { timeout: 60, signal: abort.signal });
    abort.abort(new Error("changed my mind"));
    await expect(aborted).rejects.toThrow("changed my mind");
    await expect(subscriber.receive(CHANNEL, { timeout: Number.NaN })).rejects.toThrow(TypeError);
  });

  it("supports several concurrent receivers", async () => {
    const { publisher, subscriber } = await pair();
    await subscriber.subscribe(CHANNEL);
    const waiting = [subscriber.receive(CHANNEL, { timeout: 60 }), subscriber.receive(CHANNEL, { timeout: 60 })];
    await publisher.publish(CHANNEL, "one");
    await Promise.race(waiting);
    await publisher.publish(CHANNEL, "two");
    expect((await Promise.all(waiting)).map((payloads) => payloads.map(text))).toEqual([["one"], ["two"]]);
  });

  it("rejects unknown channels and channels without a subscription", async () => {
    const { subscriber } = await pair();
    await expect(subscriber.receive(CHANNEL)).rejects.toMatchObject({ code: "not_subscribed" });
    await expect(subscriber.subscribe("org/ns/none")).rejects.toMatchObject({ code: "unknown_channel" });
    await expect(subscriber.publish("org/ns/none", "x")).rejects.toMatchObject({ code: "unknown_channel" });
    await subscriber.subscribe(CHANNEL);
    await subscriber.subscribe(CHANNEL);
    subscriber.unsubscribe(CHANNEL);
    await expect(subscriber.receive(CHANNEL)).rejects.toMatchObject({ code: "not_subscribed" });
  });

  it("drops and reports the oldest messages when the buffer is full", async () => {
    const errors: unknown[] = [];
    const { ports, publisher, subscriber } = await pair({ maxBuffered: 2, onError: (error) => errors.push(error) });
    await subscriber.subscribe(CHANNEL);
    const inbound = ports.bob.receive();
    for (const content of ["1", "2", "3", "4"]) await publisher.publish(CHANNEL, content);
    for (let n = 0; n < 4; n++) await inbound.next();
    expect((await subscriber.receive(CHANNEL)).map(text)).toEqual(["3", "4"]);
    expect(errors).toMatchObject([{ code: "overflow" }, { code: "overflow" }]);
  });

  it("continues if a listener throws", async () => {
    const onError = (): never => {
      throw new Error("the listener broke");
    };
    const { publisher, subscriber } = await pair({ maxBuffered: 1, onError });
    await subscriber.subscribe(CHANNEL);
    for (const content of ["1", "2", "3"]) await publisher.publish(CHANNEL, content);
    const got: string[] = [];
    while (got.at(-1) !== "3") got.push(...(await subscriber.receive(CHANNEL)).map(text));
    expect(got.at(-1)).toBe("3");
  });

  it("returns the buffered messages after the channel ended, then throws", async () => {
    const { ports, publisher, subscriber } = await pair();
    await subscriber.subscribe(CHANNEL);
    await publisher.publish(CHANNEL, "last");
    await ports.bob.close();
    expect((await subscriber.receive(CHANNEL)).map(text)).toEqual(["last"]);
    await expect(subscriber.receive(CHANNEL)).rejects.toMatchObject({ code: "closed" });
    const broken = await pair();
    await broken.subscriber.subscribe(CHANNEL);
    broken.ports.bob.fail(new Error("removed"));
    await expect(broken.subscriber.receive(CHANNEL)).rejects.toThrow("removed");
  });

  it("ends its subscriptions when disposed", async () => {
    const { subscriber } = await pair();
    {
      await using disposed = subscriber;
      await disposed.subscribe(CHANNEL);
    }
    await expect(subscriber.receive(CHANNEL)).rejects.toMatchObject({ code: "not_subscribed" });
  });
});
