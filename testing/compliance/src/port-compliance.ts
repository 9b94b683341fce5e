import { Envelope, type EnvelopePort, Protocol } from "@parley/envelope-and-adapters";
import { describe, expect, it, onTestFinished } from "vitest";
import type { PortHarness } from "./port-harness.ts";
import { portSettlingCompliance } from "./port-settling-compliance.ts";
import { contents, envelope, take } from "./port-support.ts";

/** Registers vitest tests of the `EnvelopePort` interface. `setUp` creates a channel with three parties for each test. */
export function portCompliance(name: string, setUp: () => Promise<PortHarness>): void {
  async function start(): Promise<PortHarness> {
    const harness = await setUp();
    onTestFinished(async () => {
      await harness.close();
      await harness.stop?.();
    });
    return harness;
  }

  describe(`${name} as an EnvelopePort`, () => {
    describe("sending and receiving", () => {
      it("delivers to all other parties, not to the sender", async () => {
        const { ports } = await start();
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
      });

      it("keeps the order of the calls of send, in both directions", async () => {
        const { ports } = await start();
        const sent = numbers(100);
        for (const [from, to] of [[ports[0], ports[1]] as const, [ports[1], ports[0]] as const]) {
          const inbound = to.receive();
          const sending = Promise.all(sent.map((content) => from.send(envelope(content))));
          expect(await contents(inbound, sent.length)).toEqual(sent);
          await sending;
          await inbound.return?.();
        }
      });

      it("has one order for all receivers", async () => {
        const { ports } = await start();
        const inbound = [ports[1].receive(), ports[1].receive()];
        const sending = Promise.all(numbers(50).map((content, index) => (index % 2 === 0 ? ports[0] : ports[2]).send(envelope(content))));
        const [one, two] = await Promise.all(inbound.map((each) => contents(each, 50)));
        await sending;
        expect(one).toEqual(two);
      });

      it("delivers envelopes unchanged, always with the same sender", async () => {
        const { ports } = await start();
        const inbound = ports[1].receive();
        const sent = new Envelope("future", "x/y", new Uint8Array([0, 255]), { a: { b: [1] } }, { hops: 1 });
        await ports[0].send(sent);
        await ports[0].send(sent);
        const [first, second] = await take(inbound, 2);
        expect(first?.envelope).toEqual(sent);
        expect(second?.sender).toBe(first?.sender);
      });

      it("serves several subscribers, each with its protocol", async () => {
        const { ports } = await start();
        const [all, mcp] = [ports[1].receive(), ports[1].receive({ protocol: Protocol.MCP })];
        await ports[0].send(envelope("raw"));
        await ports[0].send(envelope("mcp", Protocol.MCP));
        expect(await contents(all, 2)).toEqual(["raw", "mcp"]);
        expect(await contents(mcp, 1)).toEqual(["mcp"]);
      });

      it("gives each envelope a unique id that is the same for all receivers", async () => {
        const { ports } = await start();
        const inbound = [ports[1].receive(), ports[1].receive(), ports[2].receive()];
        for (const content of ["one", "two"]) await ports[0].send(envelope(content));
        const [first, ...others] = await Promise.all(inbound.map(async (each) => (await take(each, 2)).map(({ id }) => id)));
        for (const ids of others) expect(ids).toEqual(first);
        expect(new Set(first).size).toBe(2);
        expect(first).not.toContain(undefined);
      });
    });

    describe("ending", () => {
      it("ends subscriptions on return, on abort, and on close", async () => {
        const { ports, close } = await start();
        const abort = new AbortController();
        const aborted = ports[1].receive({ signal: abort.signal });
        const waiting = aborted.next();
        abort.abort();
        expect(await waiting).toEqual({ done: true, value: undefined });
        const left = ports[1].receive();
        await left.return?.();
        expect(await left.next()).toEqual({ done: true, value: undefined });
        const open = [ports[1].receive(), ports[1].receive({ settle: "manual" })];
        await close();
        for (const each of open) expect(await each.next()).toEqual({ done: true, value: undefined });
      });

      it("rejects an aborted send with the signal's reason, and a send after close with an error", async () => {
        const { ports, close } = await start();
        const reason = new Error("changed my mind");
        await expect(ports[0].send(envelope("x"), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
        await close();
        await expect(ports[0].send(envelope("x"))).rejects.toMatchObject({ code: "closed", retryable: false });
      });
    });

    describe("sends with an id", () => {
      const nextOf = async (port: EnvelopePort, sendAll: () => Promise<unknown>, count: number): Promise<string[]> => {
        const inbound = port.receive();
        await sendAll();
        return contents(inbound, count);
      };

      it("take effect once when repeated", async () => {
        const { ports } = await start();
        const [from] = ports;
        const got = await nextOf(
          ports[1],
          async () => {
            await from.send(envelope("a"), { id: "1" });
            await from.send(envelope("a"), { id: "1" });
            await from.send(envelope("b"), { id: "2" });
            await from.send(envelope("a"), { id: "1" });
            await from.send(envelope("end"));
          },
          3,
        );
        expect(got).toEqual(["a", "b", "end"]);
      });

      it("take effect once when concurrent", async () => {
        const { ports } = await start();
        const [from] = ports;
        const got = await nextOf(
          ports[1],
          () => Promise.all([...["1", "2", "1", "1", "2"].map((id) => from.send(envelope(id), { id })), from.send(envelope("end"))]),
          3,
        );
        expect(got).toEqual(["1", "2", "end"]);
      });

      it("are independent for each party", async () => {
        const { ports } = await start();
        const got = await nextOf(
          ports[1],
          async () => {
            await ports[0].send(envelope("from a"), { id: "1" });
            await ports[2].send(envelope("from c"), { id: "1" });
          },
          2,
        );
        expect(got).toEqual(["from a", "from c"]);
      });

      it("do not affect sends without an id, which are all distinct", async () => {
        const { ports } = await start();
        const got = await nextOf(
          ports[1],
          async () => {
            await ports[0].send(envelope("a"), { id: "1" });
            await ports[0].send(envelope("a"));
            await ports[0].send(envelope("a"));
          },
          3,
        );
        expect(got).toEqual(["a", "a", "a"]);
      });

      it.each(["", "x".repeat(256)])("reject an id of invalid length", async (id) => {
        const { ports } = await start();
        await expect(ports[0].send(envelope("a"), { id })).rejects.toThrow(TypeError);
      });

      it("accept ids of any characters", async () => {
        const { ports } = await start();
        const ids = ["x".repeat(255), "\ud800", "\u0000", "a/b", "a"];
        const got = await nextOf(
          ports[1],
          async () => {
            for (const [index, id] of [...ids, ...ids].entries()) await ports[0].send(envelope(`${index}`), { id });
            await ports[0].send(envelope("end"));
          },
          ids.length + 1,
        );
        expect(got).toEqual([...ids.map((_, index) => `${index}`), "end"]);
      });
    });

    portSettlingCompliance(start);
  });

  function numbers(count: number): string[] {
    return Array.from({ length: count }, (_, index) => `${index}`);
  }
}
