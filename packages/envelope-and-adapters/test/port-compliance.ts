import { describe, expect, it } from "vitest";
import { Envelope, Protocol, type EnvelopePort, type ReceivedEnvelope } from "../src/index.ts";
import { bytes, text } from "./utf8.ts";

/** Three parties of one channel, and how to end it. */
export interface Parties {
  readonly ports: readonly [EnvelopePort, EnvelopePort, EnvelopePort];
  close(): Promise<void>;
}

/** What {@link EnvelopePort} promises, for any implementation. */
export function describePort(name: string, create: () => Promise<Parties>): void {
  const envelope = (content: string, protocol: string = Protocol.RAW): Envelope => new Envelope(protocol, "text/plain", bytes(content));
  const contents = async (inbound: AsyncIterator<ReceivedEnvelope, undefined>, count: number): Promise<string[]> => {
    const got: string[] = [];
    while (got.length < count) got.push(text((await inbound.next()).value?.envelope.payload));
    return got;
  };

  describe(`${name} as an EnvelopePort`, () => {
    it("delivers to all others, not to the sender", async () => {
      const { ports, close } = await create();
      const inbound = ports.map((port) => port.receive());
      await ports[0].send(envelope("from a"));
      await ports[1].send(envelope("from b"));
      await ports[2].send(envelope("from c"));
      const got = await Promise.all(inbound.map((each) => contents(each, 2)));
      expect(got).toEqual([
        ["from b", "from c"],
        ["from a", "from c"],
        ["from a", "from b"],
      ]);
      await close();
    });

    it("keeps the order of the calls of send, in both directions", async () => {
      const { ports, close } = await create();
      const sent = Array.from({ length: 100 }, (_, index) => `${index}`);
      for (const [from, to] of [[ports[0], ports[1]] as const, [ports[1], ports[0]] as const]) {
        const inbound = to.receive();
        await Promise.all(sent.map((content) => from.send(envelope(content))));
        expect(await contents(inbound, sent.length)).toEqual(sent);
        await inbound.return?.();
      }
      await close();
    });

    it("has one order for all receivers", async () => {
      const { ports, close } = await create();
      const inbound = [ports[1].receive(), ports[1].receive()];
      await Promise.all(Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? ports[0] : ports[2]).send(envelope(`${index}`))));
      const [one, two] = await Promise.all(inbound.map((each) => contents(each, 50)));
      expect(one).toEqual(two);
      await close();
    });

    it("carries envelopes unharmed, and names the sender alike each time", async () => {
      const { ports, close } = await create();
      const inbound = ports[1].receive();
      const sent = new Envelope("future", "x/y", new Uint8Array([0, 255]), { a: { b: [1] } }, { hops: 1 });
      await ports[0].send(sent);
      await ports[0].send(sent);
      const [first, second] = [(await inbound.next()).value, (await inbound.next()).value];
      expect(first?.envelope).toEqual(sent);
      expect(second?.sender).toBe(first?.sender);
      await close();
    });

    it("serves several subscribers, each its protocol", async () => {
      const { ports, close } = await create();
      const [all, mcp] = [ports[1].receive(), ports[1].receive({ protocol: Protocol.MCP })];
      await ports[0].send(envelope("raw"));
      await ports[0].send(envelope("mcp", Protocol.MCP));
      expect(await contents(all, 2)).toEqual(["raw", "mcp"]);
      expect(await contents(mcp, 1)).toEqual(["mcp"]);
      await close();
    });

    it("ends subscriptions by leaving, by signal, and by closing", async () => {
      const { ports, close } = await create();
      const abort = new AbortController();
      const aborted = ports[1].receive({ signal: abort.signal });
      const waiting = aborted.next();
      abort.abort();
      expect(await waiting).toEqual({ done: true, value: undefined });
      const left = ports[1].receive();
      await left.return?.();
      expect(await left.next()).toEqual({ done: true, value: undefined });
      const open = ports[1].receive();
      await close();
      expect(await open.next()).toEqual({ done: true, value: undefined });
    });

    it("gives the signal's reason to an aborted send, and an error after closing", async () => {
      const { ports, close } = await create();
      const reason = new Error("changed my mind");
      await expect(ports[0].send(envelope("x"), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      await close();
      await expect(ports[0].send(envelope("x"))).rejects.toMatchObject({ code: "closed", retryable: false });
    });
  });
}
